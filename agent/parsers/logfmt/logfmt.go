// Package logfmt is the parser for lines of key=value pairs with blanks between them, as in
// https://brandur.org/logfmt.
package logfmt

import (
	"errors"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the parser format logfmt.
var Plugin = plugin.Spec[plugin.Parser]{
	Name:    "logfmt",
	Summary: "reads key=value pairs that blanks separate",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Parser] { return new(config) },
}

type config struct {
	parsing.Settings
	noBareKeys bool
}

func (c *config) Options() []option.Option {
	return append(c.Settings.Options("regex", "skip_empty_values"), c.TypesOption(),
		option.Switch("logfmt_no_bare_keys", &c.noBareKeys).Default("off").
			Help("Refuse lines with a key that has no value."))
}

func (c *config) New(env plugin.Env) (plugin.Parser, error) {
	rules, err := c.Settings.New(env)
	if err != nil {
		return nil, err
	}
	return &parser{rules, c.noBareKeys}, nil
}

type parser struct {
	rules      *parsing.Rules
	noBareKeys bool
}

var (
	errNoPairs = errors.New("the line has no key=value pair")
	errBareKey = errors.New("the line has a key without a value")
	errTime    = errors.New("the time does not fit Time_Format")
)

// pair is one key with its value, as they stand in the line.
type pair struct {
	key, val       []byte
	set            bool // there was an equals sign
	quoted, escape bool
}

// Parse reads pairs up to the end of the line; what is neither key nor value is passed over.
func (p *parser) Parse(dst, line []byte) (body []byte, t event.Time, err error) {
	b := p.rules.Begin(dst)
	for i := 0; ; {
		var kv pair
		if kv, i = next(line, i); kv.key == nil {
			break
		}
		if err := p.add(b, &kv); err != nil {
			return b.Drop(), event.Time{}, err
		}
		if i == len(line) || line[i] == '\n' || line[i] == '\r' {
			break
		}
	}
	if b.Len() == 0 {
		return b.Drop(), event.Time{}, errNoPairs
	}
	body, t = b.End()
	return body, t, nil
}

// next reads the pair at or behind line[i:]; without one its key is nil.
func next(line []byte, i int) (kv pair, end int) {
	for i < len(line) && !isIdent[line[i]] {
		i++
	}
	start := i
	i = ident(line, i)
	if i == start {
		return pair{}, i
	}
	kv.key = line[start:i]
	if i == len(line) || line[i] != '=' {
		return kv, i
	}
	kv.set = true
	i++
	if i == len(line) || line[i] != '"' {
		start = i
		i = ident(line, i)
		kv.val = line[start:i]
		return kv, i
	}
	i++
	n, escape := quoted(line[i:])
	kv.quoted, kv.escape = true, escape
	kv.val = line[i : i+n]
	return kv, min(i+n+1, len(line))
}

func ident(line []byte, i int) int {
	for i < len(line) && isIdent[line[i]] {
		i++
	}
	return i
}

// quoted returns the length of a text up to its closing quote, or of all that is left.
func quoted(s []byte) (n int, escape bool) {
	for n < len(s) && s[n] != '"' {
		if s[n] == '\\' {
			escape = true
			n++
		}
		n++
	}
	return min(n, len(s)), escape
}

// add appends a pair. With Types, texts are taken as they stand in the line, escapes included; that is
// how Fluent Bit does it.
func (p *parser) add(b *parsing.Builder, kv *pair) error {
	if p.noBareKeys && !kv.set {
		return errBareKey
	}
	taken, bad := b.Time(kv.key, kv.val)
	switch {
	case bad:
		return errTime
	case taken:
	case p.rules.Typed():
		b.AddText(kv.key, kv.val)
	case len(kv.val) == 0 && !kv.quoted:
		b.AddTrue(kv.key)
	case kv.escape:
		b.Text = parsing.AppendUnescaped(b.Text[:0], kv.val)
		b.AddText(kv.key, b.Text)
	default:
		b.AddText(kv.key, kv.val)
	}
	return nil
}

// isIdent are the bytes of keys and of values without quotes.
var isIdent = func() (t [256]bool) {
	for i := range t {
		t[i] = i > ' ' && i != '=' && i != '"'
	}
	return t
}()
