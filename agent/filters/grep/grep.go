// Package grep is the filter grep: it keeps or drops records by regular expressions on their values.
package grep

import (
	"context"
	"fmt"

	"github.com/fluent/fluent-bit-go/agent/internal/condition"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
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
	rules condition.KeyRules
}

func (c *config) Options() []option.Option {
	rules := option.Ordered("string", c.rules.Add, "regex", "exclude")
	return []option.Option{
		rules[0].Help("KEY REGEX: keep records whose value under KEY, a key or a record accessor, matches."),
		rules[1].Help("KEY REGEX: drop records whose value under KEY, a key or a record accessor, matches."),
		option.Enum("logical_op", &c.op, legacy, and, or).Default("legacy").
			Help("How several rules of one kind work together: AND asks for all of them, OR for any; legacy goes through them in order and lets the first that decides win."),
	}
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if c.op != legacy {
		for _, r := range c.rules {
			if r.Exclude != c.rules[0].Exclude {
				return nil, &option.Error{Pos: r.Pos, Msg: fmt.Sprintf("logical_op %s takes either regex or exclude rules, not both", c.op), Cure: "put the exclude rules into a second grep filter"}
			}
		}
	}
	f := &filter{config: *c}
	for _, r := range c.rules {
		f.watch.Add(r.Regex)
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
		return f.all(body) != f.rules[0].Exclude
	case or:
		return f.any(body) != f.rules[0].Exclude
	}
	return f.rules.Keep(body)
}

func (f *filter) all(body event.Value) bool {
	for i := range f.rules {
		if !f.rules[i].Matches(body) {
			return false
		}
	}
	return true
}

func (f *filter) any(body event.Value) bool {
	for i := range f.rules {
		if f.rules[i].Matches(body) {
			return true
		}
	}
	return false
}
