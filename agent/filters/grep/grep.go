// Package grep is the filter grep: it keeps or drops records by regular expressions on their values.
package grep

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter grep.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "grep",
	Summary: "Keep or drop records by regular expressions on their values",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// logic is how the results of several rules make one.
type logic string

const (
	legacy logic = "legacy"
	and    logic = "AND"
	or     logic = "OR"
)

type config struct {
	op    logic
	rules []rule
}

// rule is one `regex` or `exclude`.
type rule struct {
	key     *accessor.Accessor
	re      *regex.Regexp
	exclude bool
	pos     option.Pos
}

func (c *config) Options() []option.Option {
	rules := option.Ordered("string", c.addRule, "regex", "exclude")
	return []option.Option{
		rules[0].Help("KEY REGEX: keep records whose value under KEY, a key or a record accessor, matches."),
		rules[1].Help("KEY REGEX: drop records whose value under KEY, a key or a record accessor, matches."),
		option.Enum("logical_op", &c.op, legacy, and, or).Default("legacy").
			Help("How several rules of one kind work together: AND asks for all of them, OR for any; legacy goes through them in order and lets the first that decides win."),
	}
}

func (c *config) addRule(kind string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY REGEX, not a list or a map")
	}
	key, pattern := words.Pair(v.Text)
	if pattern == "" {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: '%s' has no regular expression", kind, v.Text), Cure: "write a key, a blank and the expression: log ^error"}
	}
	at, err := accessor.CompileKey(key)
	if err != nil {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", kind, err)}
	}
	re, err := regex.Compile(pattern)
	if err != nil {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", kind, err)}
	}
	c.rules = append(c.rules, rule{key: at, re: re, exclude: strings.EqualFold(kind, "exclude"), pos: v.Pos})
	return nil
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if c.op != legacy {
		for _, r := range c.rules {
			if r.exclude != c.rules[0].exclude {
				return nil, &option.Error{Pos: r.pos, Msg: fmt.Sprintf("logical_op %s takes either regex or exclude rules, not both", c.op), Cure: "put the exclude rules into a second grep filter"}
			}
		}
	}
	f := &filter{config: *c}
	for _, r := range c.rules {
		f.watch.Add(r.re)
	}
	return f, nil
}

type filter struct {
	config
	watch regex.Watch
}

// Filter drops the records that the rules do not keep.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	if len(f.rules) == 0 {
		return nil
	}
	for e := range b.Edit() {
		if !f.keeps(e.Body()) {
			e.Drop()
		}
	}
	return f.watch.Check()
}

func (f *filter) keeps(body event.Value) bool {
	switch f.op {
	case and:
		return f.all(body) != f.rules[0].exclude
	case or:
		return f.any(body) != f.rules[0].exclude
	}
	for i := range f.rules {
		switch r := &f.rules[i]; {
		case !r.matches(body):
			if !r.exclude {
				return false
			}
		default:
			return !r.exclude // the first hit decides, whatever follows
		}
	}
	return true
}

func (f *filter) all(body event.Value) bool {
	for i := range f.rules {
		if !f.rules[i].matches(body) {
			return false
		}
	}
	return true
}

func (f *filter) any(body event.Value) bool {
	for i := range f.rules {
		if f.rules[i].matches(body) {
			return true
		}
	}
	return false
}

// matches looks at texts only: a missing key and a number match nothing.
func (r *rule) matches(body event.Value) bool {
	v := r.key.Get(body)
	return v.Type() == event.TypeStr && r.re.Match(v.Str())
}
