// Package type_converter is the filter type_converter: it writes values in another type under new keys.
package type_converter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter type_converter.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "type_converter",
	Summary: "Write values in another type under new keys",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct{ rules []rule }

// rule is one line SRC DST TYPE.
type rule struct {
	from   int // index in sources
	src    *accessor.Accessor
	dst    string
	newKey event.Value // dst encoded
	to     target
}

// sources are the types that values are converted from, in the order in which their rules run.
var sources = []struct {
	key, what string
	is        func(event.Value) bool
}{
	{"str_key", "text", isText},
	{"int_key", "whole number", isInt},
	{"uint_key", "whole number that is not negative", isUint},
	{"float_key", "number with a fraction", isFloat},
}

func isText(v event.Value) bool  { return v.Type() == event.TypeStr }
func isInt(v event.Value) bool   { _, ok := v.Int(); return ok }
func isUint(v event.Value) bool  { _, ok := v.Uint(); return ok }
func isFloat(v event.Value) bool { _, ok := v.Float(); return ok }

func (c *config) Options() []option.Option {
	var opts []option.Option
	for i, s := range sources {
		o := option.Ordered("space delimited strings (minimum 3)", func(_ string, v option.Value) error { return c.addRule(i, v) }, s.key)[0]
		opts = append(opts, o.Help("SRC DST TYPE: write the "+s.what+" under SRC, a key or a record accessor, under the key DST as a TYPE: "+targetNames()+
			". A value that cannot be converted is written as it is where others of its batch can."))
	}
	return opts
}

func (c *config) addRule(from int, v option.Value) error {
	name := sources[from].key
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be SRC DST TYPE, not a list or a map")
	}
	fault := func(cure, format string, args ...any) error {
		return &option.Error{Pos: v.Pos, Msg: name + ": " + fmt.Sprintf(format, args...), Cure: cure}
	}
	parts, err := option.ParseWords(v.Text, 3)
	if err != nil || len(parts) != 3 {
		return fault("put double quotes around what holds blanks", "'%s' is not SRC DST TYPE", v.Text)
	}
	src, err := accessor.CompileKey(parts[0])
	if err != nil {
		return fault("", "%v", err)
	}
	to, ok := targetOf(parts[2])
	if !ok {
		return fault("use one of "+targetNames(), "unknown type '%s'", parts[2])
	}
	c.rules = append(c.rules, rule{from: from, src: src, dst: parts[1], newKey: event.AppendStr(nil, parts[1]), to: to})
	return nil
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if len(c.rules) == 0 {
		return nil, errors.New("has no rule; add one: str_key status status_number int")
	}
	f := &filter{rules: c.rules}
	slices.SortStableFunc(f.rules, func(a, b rule) int { return a.from - b.from })
	return f, nil
}

type filter struct {
	rules  []rule
	fields []event.Field // of the record in hand; kept for its memory, …
	values []byte        // … as these are: the converted values
}

// Filter adds the converted values. A batch in which there are none stays as it is; otherwise a record also gets
// what could not be converted.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	if !f.converts(b) {
		return nil
	}
	for e := range b.Edit() {
		body, touched := e.Body(), false
		f.values = f.values[:0]
		for i := range f.rules {
			r := &f.rules[i]
			v := r.src.Get(body)
			if v == nil {
				continue
			}
			if !touched {
				f.fields, touched = event.AppendFields(f.fields[:0], body), true
			}
			f.set(r, f.convert(r, v))
		}
		if touched {
			e.SetFields(f.fields)
		}
	}
	return nil
}

// converts tells whether b has a value to convert. One that has its rule's type already is none.
func (f *filter) converts(b *event.Batch) bool {
	for r := range b.Records() {
		for i := range f.rules {
			rule := &f.rules[i]
			v := rule.src.Get(r.Body())
			if v == nil || !sources[rule.from].is(v) || sources[rule.from].key == rule.to.from {
				continue
			}
			var ok bool
			if f.values, ok = rule.to.convert(f.values[:0], v); ok {
				return true
			}
		}
	}
	return false
}

// convert returns v in the rule's type, or v itself where that cannot be.
func (f *filter) convert(r *rule, v event.Value) event.Value {
	if !sources[r.from].is(v) {
		return v
	}
	at := len(f.values)
	out, ok := r.to.convert(f.values, v)
	if !ok {
		return v
	}
	f.values = out
	return event.Value(out[at:len(out):len(out)])
}

// set puts a value at the end of the record, in the place of what had its key.
func (f *filter) set(r *rule, v event.Value) {
	f.fields = slices.DeleteFunc(f.fields, func(x event.Field) bool { return x.Is(r.dst) })
	f.fields = append(f.fields, event.Field{Key: r.newKey, Val: v})
}
