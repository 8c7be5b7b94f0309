// Package condition evaluates the conditions that processors and routes put on records:
//
//	condition:
//	  op: and
//	  rules:
//	    - {field: "$code", op: gte, value: 500}
//	    - {field: "$host", op: in, value: [a, b], context: metadata}
//
// A rule compares the text form of a field, which is empty when the field is missing. Numbers in the
// configuration are compared as numbers.
package condition

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// Condition is a set of rules of which all, or any, must hold. It may be used by many goroutines at once,
// except for Check.
type Condition struct {
	any   bool
	rules []rule
	watch regex.Watch
}

type rule struct {
	field   *accessor.Accessor // nil: the whole context
	context func(*event.Record) event.Value
	test    func(*rule, event.Value, []byte) bool
	not     bool
	texts   []string
	numbers []float64 // beside each text
	isNum   []bool    // whether the configuration has a number there
	re      *regex.Regexp
}

// operators are the comparisons, each with the form of value that it wants.
var operators = []struct {
	name string
	form string
	not  bool
	test func(*rule, event.Value, []byte) bool
}{
	{"eq", "value", false, (*rule).in},
	{"neq", "value", true, (*rule).in},
	{"in", "list", false, (*rule).in},
	{"not_in", "list", true, (*rule).in},
	{"gt", "number", false, func(r *rule, v event.Value, text []byte) bool { return number(v, text) > r.numbers[0] }},
	{"gte", "number", false, func(r *rule, v event.Value, text []byte) bool { return number(v, text) >= r.numbers[0] }},
	{"lt", "number", false, func(r *rule, v event.Value, text []byte) bool { return number(v, text) < r.numbers[0] }},
	{"lte", "number", false, func(r *rule, v event.Value, text []byte) bool { return number(v, text) <= r.numbers[0] }},
	{"regex", "regex", false, func(r *rule, _ event.Value, text []byte) bool { return r.re.Match(text) }},
	{"not_regex", "regex", true, func(r *rule, _ event.Value, text []byte) bool { return r.re.Match(text) }},
}

// contexts are the parts of a record that a field may be looked up in; those with whole set are one value.
var contexts = []struct {
	names []string
	whole bool
	from  func(*event.Record) event.Value
}{
	{[]string{"body", "record", "message"}, false, (*event.Record).Body},
	{[]string{"metadata", "attributes"}, false, (*event.Record).Meta},
	{[]string{"group_metadata"}, false, func(r *event.Record) event.Value { return r.Group().Meta }},
	{[]string{"group_attributes"}, false, func(r *event.Record) event.Value { return r.Group().Attributes }},
	{[]string{"otel_resource_attributes"}, false, func(r *event.Record) event.Value {
		return r.Group().Attributes.Get("resource").Get("attributes")
	}},
	{[]string{"otel_scope_attributes"}, false, func(r *event.Record) event.Value {
		return r.Group().Attributes.Get("scope").Get("attributes")
	}},
	{[]string{"otel_scope_metadata"}, false, func(r *event.Record) event.Value { return r.Group().Attributes.Get("scope") }},
	{[]string{"otel_scope_name"}, true, func(r *event.Record) event.Value {
		return r.Group().Attributes.Get("scope").Get("name")
	}},
	{[]string{"otel_scope_version"}, true, func(r *event.Record) event.Value {
		return r.Group().Attributes.Get("scope").Get("version")
	}},
}

// Parse reads the value of a `condition` key. It returns all faults, joined; each is an [*option.Error].
func Parse(v option.Value) (*Condition, error) {
	if v.Kind != option.KindMap {
		return nil, &option.Error{Pos: v.Pos, Msg: "a condition is a map", Cure: "write op: and|or and rules: below it"}
	}
	c := new(Condition)
	var errs []error
	hasRules := false
	for _, p := range v.Map {
		switch {
		case p.Is("op"):
			if !strings.EqualFold(p.Value.Text, "and") && !strings.EqualFold(p.Value.Text, "or") {
				errs = append(errs, &option.Error{Pos: p.Value.Pos, Msg: fmt.Sprintf("op: '%s' is no way to join rules", p.Value.Text), Cure: "use and, or"})
			}
			c.any = strings.EqualFold(p.Value.Text, "or")
		case p.Is("rules"):
			hasRules = len(p.Value.List) > 0
			for _, rv := range p.Value.List {
				r, err := parseRule(rv)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				c.rules = append(c.rules, r)
				if r.re != nil {
					c.watch.Add(r.re)
				}
			}
		default:
			errs = append(errs, &option.Error{Pos: p.Pos, Msg: fmt.Sprintf("a condition has no '%s'", p.Key), Cure: option.Suggest(p.Key, []string{"op", "rules"})})
		}
	}
	if !hasRules && len(errs) == 0 {
		errs = append(errs, &option.Error{Pos: v.Pos, Msg: "the condition has no rules", Cure: "add rules: with a list of {field, op, value}"})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

func parseRule(v option.Value) (rule, error) {
	r := rule{context: (*event.Record).Body}
	if v.Kind != option.KindMap {
		return r, &option.Error{Pos: v.Pos, Msg: "a rule is a map", Cure: `write {field: "$key", op: eq, value: text}`}
	}
	var errs []error
	var field, op, value *option.Property
	whole := false
	for i := range v.Map {
		p := &v.Map[i]
		switch {
		case p.Is("field"):
			field = p
		case p.Is("op"):
			op = p
		case p.Is("value"):
			value = p
		case p.Is("context"):
			var err error
			if whole, err = r.setContext(p.Value); err != nil {
				errs = append(errs, err)
			}
		default:
			errs = append(errs, &option.Error{Pos: p.Pos, Msg: fmt.Sprintf("a rule has no '%s'", p.Key), Cure: option.Suggest(p.Key, []string{"field", "op", "value", "context"})})
		}
	}
	if op == nil || value == nil || field == nil && !whole {
		errs = append(errs, &option.Error{Pos: v.Pos, Msg: "a rule needs field, op and value", Cure: `write {field: "$key", op: eq, value: text}`})
		return r, errors.Join(errs...)
	}
	if field != nil && !whole {
		a, err := accessor.CompileKey(field.Value.Text)
		if err != nil {
			errs = append(errs, option.Errorf(field.Value.Pos, "field: %v", err))
		}
		r.field = a
	}
	if err := r.setValue(op.Value, value.Value); err != nil {
		errs = append(errs, err)
	}
	return r, errors.Join(errs...)
}

func (r *rule) setContext(v option.Value) (whole bool, err error) {
	var names []string
	for _, c := range contexts {
		if slices.ContainsFunc(c.names, func(n string) bool { return strings.EqualFold(n, v.Text) }) {
			r.context = c.from
			return c.whole, nil
		}
		names = append(names, c.names...)
	}
	return false, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("unknown context '%s'", v.Text), Cure: "use one of " + strings.Join(names, ", ")}
}

func (r *rule) setValue(op, v option.Value) error {
	var names []string
	for _, o := range operators {
		names = append(names, o.name)
		if !strings.EqualFold(o.name, op.Text) {
			continue
		}
		r.test, r.not = o.test, o.not
		switch isList := v.Kind == option.KindList; {
		case v.Kind == option.KindMap, isList != (o.form == "list"), isList && len(v.List) == 0:
			return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s wants a %s", o.name, o.form), Cure: "in and not_in take a list, all others one value"}
		case isList:
			for _, item := range v.List {
				r.add(item)
			}
		case o.form == "regex":
			re, err := regex.Compile(v.Text)
			if err != nil {
				return option.Errorf(v.Pos, "value: %v", err)
			}
			r.re = re
		case o.form == "number":
			n, err := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
			if err != nil {
				return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s compares numbers and '%s' is none", o.name, v.Text), Cure: "use eq or regex for texts"}
			}
			r.numbers = []float64{n}
		default:
			r.add(v)
		}
		return nil
	}
	return &option.Error{Pos: op.Pos, Msg: fmt.Sprintf("unknown op '%s'", op.Text), Cure: "use one of " + strings.Join(names, ", ")}
}

// add takes a value that a field may equal.
func (r *rule) add(v option.Value) {
	n, err := strconv.ParseFloat(v.Text, 64)
	r.texts = append(r.texts, v.Text)
	r.numbers = append(r.numbers, n)
	r.isNum = append(r.isNum, err == nil && (v.Kind == option.KindInt || v.Kind == option.KindFloat))
}

// Holds reports whether a record meets the condition.
func (c *Condition) Holds(rec *event.Record) bool {
	for i := range c.rules {
		if c.rules[i].holds(rec) == c.any {
			return c.any
		}
	}
	return !c.any
}

// Check returns an error when, since the last call, a regular expression ran out of time on some text.
func (c *Condition) Check() error { return c.watch.Check() }

func (r *rule) holds(rec *event.Record) bool {
	v := r.context(rec)
	if r.field != nil {
		v = r.field.Get(v)
	}
	if v == nil {
		return r.test(r, nil, nil) != r.not
	}
	if v.Type() == event.TypeStr { // fast path: the text itself
		return r.test(r, v, v.Str()) != r.not
	}
	return r.holdsText(v)
}

func (r *rule) holdsText(v event.Value) bool {
	text, _ := accessor.AppendValue(nil, v)
	return r.test(r, v, text) != r.not
}

func (r *rule) in(v event.Value, text []byte) bool {
	for i, want := range r.texts {
		if string(text) == want {
			return true
		}
		if r.isNum[i] && isNumber(v) && number(v, text) == r.numbers[i] {
			return true
		}
	}
	return false
}

func isNumber(v event.Value) bool {
	switch v.Type() {
	case event.TypeInt, event.TypeUint, event.TypeFloat32, event.TypeFloat64:
		return true
	}
	return false
}

// number returns a numeric value, or the number that a text begins with, 0 when there is none.
func number(v event.Value, text []byte) float64 {
	if n, ok := v.Int(); ok {
		return float64(n)
	}
	if n, ok := v.Uint(); ok {
		return float64(n)
	}
	if f, ok := v.Float(); ok {
		return f
	}
	s := strings.TrimLeft(string(text[:min(len(text), 64)]), " \t\r\n\v\f")
	for end := numberLength(s); end > 0; end-- {
		if f, err := strconv.ParseFloat(s[:end], 64); err == nil {
			return f
		}
	}
	return 0
}

// numberLength tells how many bytes at the beginning of s may belong to a decimal number.
func numberLength(s string) int {
	for i := range len(s) {
		if strings.IndexByte("0123456789+-.eE", s[i]) < 0 {
			return i
		}
	}
	return len(s)
}
