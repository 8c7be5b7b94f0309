// Package parser is the filter parser: it parses a text of the record with a configured parser and puts the
// fields that come out of it in the record's place.
package parser

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter parser.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "parser",
	Summary: "Parse a text of the record with a configured parser",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	key        *accessor.Accessor
	parsers    []option.Value // names
	preserve   bool
	reserve    bool
	deprecated string
}

func (c *config) Options() []option.Option {
	parsers := option.Ordered("string", c.addParser, "parser")
	return []option.Option{
		option.Var("key_name", "string", &c.key, accessor.CompileKey).Required().
			Help("What to parse: a key, or a record accessor such as $log['inner']. Records that have no text there stay as they are."),
		parsers[0].Help("The parser to use, by the name it has in the parsers file. Of several the first that can read the text is used."),
		option.Switch("preserve_key", &c.preserve).Default("false").
			Help("Keep the key that was parsed. When key_name is an accessor and reserve_data is on, it stays in any case."),
		option.Switch("reserve_data", &c.reserve).Default("false").
			Help("Keep the other keys of the record, behind those that the parser found."),
		option.Var("unescape_key", "deprecated", &c.deprecated, func(s string) (string, error) { return s, nil }).
			Help("Has no effect; decoders of the parser undo escapes."),
	}
}

func (c *config) addParser(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be the name of a parser, not a list or a map")
	}
	c.parsers = append(c.parsers, v)
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	f := &filter{config: *c}
	if len(c.parsers) == 0 {
		return nil, errors.New("has no parser; name one with the property 'parser'")
	}
	var errs []error
	for _, v := range c.parsers {
		p, ok := env.Parser(v.Text)
		if !ok {
			errs = append(errs, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("parser: there is no parser '%s'", v.Text), Cure: "define it in a parsers file, and name that file with parsers_file or -R"})
		}
		f.chain = append(f.chain, p)
	}
	f.top, f.whole = c.key.Top()
	f.whole = f.whole && !strings.HasPrefix(c.key.String(), "$")
	return f, errors.Join(errs...)
}

type filter struct {
	config
	chain  []plugin.Parser
	top    string        // the record's key that holds the text …
	whole  bool          // … and was named without an accessor, so that it goes
	parsed []byte        // what a parser made; kept for its memory, …
	body   []byte        // … as these are
	fields []event.Field //
}

// Filter replaces the records that one of the parsers can read.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	for e := range b.Edit() {
		text := f.key.Get(e.Body())
		s := text.Str()
		if s == nil {
			if s = text.Bin(); s == nil {
				continue
			}
		}
		parsed, t, ok := f.parse(s)
		if !ok {
			continue
		}
		body := f.join(parsed, e.Body(), text)
		if t == (event.Time{}) {
			e.SetBody(body)
			continue
		}
		e.Insert(t, e.Meta(), body) // a time and a body in one step
		e.Drop()
	}
	return nil
}

// parse returns what the first parser makes of s that can read it.
func (f *filter) parse(s []byte) (body event.Value, t event.Time, ok bool) {
	for _, p := range f.chain {
		out, t, err := p.Parse(f.parsed[:0], s)
		if err == nil {
			f.parsed = out
			return out, t, true
		}
	}
	return nil, t, false
}

// join puts the keys to keep behind those that were parsed. Of several keys of the same name the one whose text was
// parsed counts.
func (f *filter) join(parsed, old, text event.Value) event.Value {
	if !f.reserve && !f.preserve {
		return parsed
	}
	keepTop := f.preserve || !f.whole
	fields := event.AppendFields(f.fields[:0], parsed)
	for k, v := range old.Pairs() {
		field := event.Field{Key: k, Val: v}
		keep := f.reserve
		if field.Is(f.top) && (!f.whole || &v[0] == &text[0]) {
			keep = keepTop
		}
		if keep {
			fields = append(fields, field)
		}
	}
	f.fields = fields
	f.body = event.AppendMapOf(f.body[:0], fields)
	return f.body
}
