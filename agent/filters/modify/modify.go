// Package modify is the filter modify: it sets, adds, removes, renames, copies and moves keys of records by
// rules, on all records or on those that meet conditions.
package modify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter modify.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "modify",
	Summary: "Change the keys of records by rules and conditions",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	rules      []rule
	conditions []condition
	watch      regex.Watch
}

func (c *config) Options() []option.Option {
	var names []string
	for _, a := range actions {
		names = append(names, a.name)
	}
	opts := option.Ordered("string", c.addRule, names...)
	for i := range opts {
		opts[i] = opts[i].Help(actions[i].help)
	}
	conditions := option.Ordered("string", func(_ string, v option.Value) error { return c.addCondition(v) }, "Condition")
	conditions[0].About = "Apply the rules only to records that meet this; of several conditions all must hold. TYPE KEY [VALUE], TYPE being one of " +
		strings.Join(conditionNames(), ", ") + "."
	return append(opts, conditions...)
}

// split takes a rule's value apart.
func split(name string, v option.Value) ([]string, error) {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return nil, errors.New("should be one text, not a list or a map")
	}
	parts, err := words.Quoted(v.Text)
	if err != nil {
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: '%s' %v", name, v.Text, err), Cure: "close it, or put a backslash before a quote that is meant as such"}
	}
	return parts, nil
}

func (c *config) addRule(name string, v option.Value) error {
	parts, err := split(name, v)
	if err != nil {
		return err
	}
	var a action
	for _, known := range actions {
		if strings.EqualFold(known.name, name) {
			a = known
		}
	}
	if len(parts) != a.words || parts[0] == "" {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: '%s' is not %s", name, v.Text, a.form), Cure: "put quotes around what holds blanks"}
	}
	r := rule{name: a.name, apply: a.apply, key: parts[0], prefix: strings.TrimSuffix(parts[0], "*")}
	r.newKey = event.AppendStr(nil, parts[0])
	if a.words == 2 {
		r.to, r.value = parts[1], event.AppendStr(nil, parts[1])
	}
	if a.regex {
		if r.re, err = regex.Compile(parts[0]); err != nil {
			return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", name, err)}
		}
		c.watch.Add(r.re)
	}
	c.rules = append(c.rules, r)
	return nil
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	return &filter{config: *c, idle: newWatch(c.rules)}, nil
}

type filter struct {
	config
	idle   *watch        // nil: every record is taken apart
	fields []event.Field // of the record in hand; kept for its memory
}

// Filter applies the rules to the records that meet the conditions.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	if len(f.rules) == 0 {
		return nil
	}
	for e := range b.Edit() {
		if !f.holds(e.Body()) || f.idle != nil && f.idle.idle(e.Body()) {
			continue
		}
		fields, changed := event.AppendFields(f.fields[:0], e.Body()), false
		for i := range f.rules {
			r := &f.rules[i]
			var did bool
			fields, did = r.apply(r, fields)
			changed = changed || did
		}
		if changed {
			e.SetFields(fields)
		}
		f.fields = fields
	}
	return f.watch.Check()
}

// holds tells whether a record, as it came, meets all conditions.
func (f *filter) holds(body event.Value) bool {
	for i := range f.conditions {
		if !f.conditions[i].holds(body) {
			return false
		}
	}
	return true
}
