// Package expect is the filter expect: it checks that records are as a test expects them.
package expect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter expect.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "expect",
	Summary: "Check that records are as expected",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// exitCode is what the agent ends with when a rule is broken and the action is exit.
const exitCode = 255

// action is what happens to a record that breaks a rule.
type action string

const (
	warn      action = "warn"
	exit      action = "exit"
	resultKey action = "result_key"
)

type config struct {
	rules  []rule
	action action
	result string
}

// kind is one type of rule.
type kind struct {
	name, help string
	holds      func(r *rule, v event.Value) bool // v is nil when the key is not there
	broken     string                            // what the key is like in a record that breaks the rule, unless it is missing
}

var kinds = []kind{
	{"key_exists", "The record must have this key, whatever is under it.",
		func(_ *rule, v event.Value) bool { return v != nil }, ""},
	{"key_not_exists", "The record must not have this key.",
		func(_ *rule, v event.Value) bool { return v == nil }, "exists"},
	{"key_val_is_null", "The record must have this key with null under it.",
		func(_ *rule, v event.Value) bool { return v.Type() == event.TypeNil }, "is not null"},
	{"key_val_is_not_null", "The record must have this key with something other than null under it.",
		func(_ *rule, v event.Value) bool { return v != nil && v.Type() != event.TypeNil }, "is null"},
	{"key_val_eq", "KEY VALUE: what the record has under KEY must be VALUE; numbers and booleans count as the text that they print as.",
		(*rule).equals, "is not"},
}

// rule is one thing expected.
type rule struct {
	kind
	key  *accessor.Accessor
	want string
	text []byte // what a number prints as; kept for its memory
}

func (r *rule) equals(v event.Value) bool {
	if v.Type() == event.TypeStr {
		return string(v.Str()) == r.want
	}
	if x, ok := v.Float(); ok {
		want, err := strconv.ParseFloat(r.want, 64)
		return err == nil && want == x
	}
	var ok bool
	r.text, ok = accessor.AppendValue(r.text[:0], v)
	return ok && string(r.text) == r.want
}

func (c *config) Options() []option.Option {
	var opts []option.Option
	for _, k := range kinds {
		typ := "string"
		if k.name == "key_val_eq" {
			typ = "space delimited strings (minimum 1)"
		}
		o := option.Ordered(typ, func(_ string, v option.Value) error { return c.addRule(k, v) }, k.name)[0]
		opts = append(opts, o.Help(k.help+" A key may be written as a record accessor."))
	}
	return append(opts,
		option.Enum("action", &c.action, warn, exit, resultKey).Default("warn").
			Help("What a broken rule does: warn logs it with the record; exit logs it too and ends the agent with code 255; result_key writes at the front of each record whether it kept all rules."),
		option.String("result_key", &c.result).Default("matched").
			Help("The key of true or false that the action result_key writes."),
	)
}

func (c *config) addRule(k kind, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be one text, not a list or a map")
	}
	r, key := rule{kind: k}, v.Text
	if k.name == "key_val_eq" {
		parts, err := option.ParseWords(v.Text, 1)
		if err != nil || len(parts) != 2 {
			return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("key_val_eq: '%s' has no value", v.Text), Cure: "write a key, a blank and the text: color blue"}
		}
		key, r.want = parts[0], parts[1]
	}
	at, err := accessor.CompileKey(key)
	if err != nil {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", k.name, err)}
	}
	r.key = at
	c.rules = append(c.rules, r)
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	return &filter{config: *c, log: env.Log, stop: env.Stop, resultName: event.AppendStr(nil, c.result)}, nil
}

type filter struct {
	config
	log        *slog.Logger
	stop       func(int)
	resultName event.Value
	fields     []event.Field // of the record in hand; kept for its memory
}

var (
	encodedTrue  = event.Value(event.AppendBool(nil, true))
	encodedFalse = event.Value(event.AppendBool(nil, false))
)

// Filter checks each record up to the first rule that it breaks.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	for e := range b.Edit() {
		broken := f.broken(e.Body())
		switch {
		case f.action == resultKey:
			f.mark(e, broken < 0)
		case broken >= 0:
			f.report(broken, e.Body())
			if f.action == exit {
				f.stop(exitCode)
				return nil
			}
		}
	}
	return nil
}

// broken returns the index of the first rule that body breaks, or -1.
func (f *filter) broken(body event.Value) int {
	for i := range f.rules {
		r := &f.rules[i]
		if !r.holds(r, r.key.Get(body)) {
			return i
		}
	}
	return -1
}

func (f *filter) mark(e *event.Edit, kept bool) {
	result := encodedFalse
	if kept {
		result = encodedTrue
	}
	f.fields = event.AppendFields(append(f.fields[:0], event.Field{Key: f.resultName, Val: result}), e.Body())
	e.SetFields(f.fields)
}

func (f *filter) report(i int, body event.Value) {
	r := &f.rules[i]
	broken := r.kind.broken
	switch {
	case r.key.Get(body) == nil:
		broken = "not found"
	case r.name == "key_val_eq":
		broken += " '" + r.want + "'"
	}
	text := fmt.Sprintf("exception on rule #%d '%s', key '%s' %s", i, r.name, r.key, broken)
	text += "; the record is " + string(event.AppendJSON(nil, body, event.JSONStyle{}))
	if f.action == exit {
		f.log.Error(text)
		return
	}
	f.log.Warn(text)
}
