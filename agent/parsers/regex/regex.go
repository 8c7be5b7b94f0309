// Package regex is the parser for lines that a regular expression takes apart: each named group becomes a
// field.
package regex

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the parser format regex.
var Plugin = plugin.Spec[plugin.Parser]{
	Name:    "regex",
	Summary: "takes lines apart with a regular expression",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Parser] { return new(config) },
}

type config struct {
	parsing.Settings
	re        *regex.Regexp
	skipEmpty bool
}

func (c *config) Options() []option.Option {
	return append(c.Settings.Options("logfmt_no_bare_keys"), c.TypesOption(),
		option.Var("regex", "string", &c.re, compile).Required().
			Help("The expression, in Ruby's syntax; each named group (?<name>…) becomes a field."),
		option.Switch("skip_empty_values", &c.skipEmpty).Default("on").
			Help("Leave out the fields whose group matched nothing."))
}

func compile(pattern string) (*regex.Regexp, error) {
	re, err := regex.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("is a faulty %w", err) // a regular expression: …
	}
	if len(groups(re)) == 0 {
		return nil, errors.New("has no named group, so that no line would yield a field; write (?<name>…) around what is wanted")
	}
	return re, nil
}

func (c *config) New(env plugin.Env) (plugin.Parser, error) {
	rules, err := c.Settings.New(env)
	if err != nil {
		return nil, err
	}
	p := &parser{re: c.re, rules: rules, skipEmpty: c.skipEmpty, fields: groups(c.re)}
	for i := range p.fields {
		p.fields[i].column = rules.Column(p.fields[i].name)
	}
	if c.re.Backtracks() && env.Log != nil {
		env.Log.Warn("this regular expression may need many attempts per line (look-around, back-references); a line that takes too long counts as no match", "regex", c.re.String())
	}
	p.log = env.Log
	return p, nil
}

type parser struct {
	re        *regex.Regexp
	rules     *parsing.Rules
	skipEmpty bool
	fields    []field
	log       *slog.Logger
	timeouts  atomic.Uint64 // those of re that were told
}

// field is a name with the groups that bear it, one as a rule.
type field struct {
	name   string
	groups []int
	column parsing.Column
}

// groups lists the names in the order in which the pattern has them.
func groups(re *regex.Regexp) []field {
	var fields []field
next:
	for i, name := range re.Names() {
		if name == "" {
			continue
		}
		for k := range fields {
			if fields[k].name == name {
				fields[k].groups = append(fields[k].groups, i)
				continue next
			}
		}
		fields = append(fields, field{name: name, groups: []int{i}})
	}
	return fields
}

var errNoMatch = errors.New("the regular expression does not match")

// Parse finds the first place in the line where the expression matches. A time that cannot be read is
// left out.
func (p *parser) Parse(dst, line []byte) (body []byte, t event.Time, err error) {
	body, t, _, err = p.ParseFirst(dst, line)
	return body, t, err
}

// ParseFirst takes buf up to the end of the last group that matched; a stream goes on from there. When
// that is where buf begins, it takes a line.
func (p *parser) ParseFirst(dst, buf []byte) (body []byte, t event.Time, used int, err error) {
	b := p.rules.Begin(dst)
	b.Index = p.re.Find(b.Index[:0], buf)
	if len(b.Index) < 2 {
		p.tellTimeouts()
		return b.Drop(), event.Time{}, 0, errNoMatch
	}
	used = -1
	for i := range p.fields {
		f := &p.fields[i]
		from, to := f.span(b.Index)
		used = max(used, to)
		if from < to || !p.skipEmpty {
			b.Add(&f.column, buf[max(from, 0):max(to, 0)])
		}
	}
	if used < 0 { // no group took part
		return b.Drop(), event.Time{}, 0, errNoMatch
	}
	if used == 0 {
		used = lineEnd(buf) // so that a stream goes on
	}
	body, t = b.End()
	return body, t, used, nil
}

// lineEnd is where the first line of buf ends, its newline included.
func lineEnd(buf []byte) int {
	if i := bytes.IndexByte(buf, '\n'); i >= 0 {
		return i + 1
	}
	return len(buf)
}

// tellTimeouts logs the first text that took too long, then the 10th, the 100th and so on.
func (p *parser) tellTimeouts() {
	n, told := p.re.Timeouts(), p.timeouts.Load()
	if n == 0 || n < 10*told || p.log == nil || !p.timeouts.CompareAndSwap(told, n) {
		return
	}
	p.log.Warn("a line took the regular expression too long and counts as no match", "regex", p.re.String(), "times", n)
}

// span is where the last group of that name that took part matched, or -1, -1.
func (f *field) span(index []int) (from, to int) {
	for k := len(f.groups) - 1; k >= 0; k-- {
		if g := 2 * f.groups[k]; index[g] >= 0 {
			return index[g], index[g+1]
		}
	}
	return -1, -1
}
