package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/condition"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// signals are the keys under `processors`.
var signals = map[string]event.Kinds{"logs": event.Logs, "metrics": event.Metrics, "traces": event.Traces, "profiles": event.Profiles}

// processors builds the steps of one input or output from the nested values of its key `processors`.
func (b *builder) processors(values []option.Value, of instance) (steps []*step) {
	for _, v := range values {
		if v.Kind != option.KindMap {
			b.fail(&option.Error{Pos: v.Pos, Msg: "processors is no map", Cure: "write the signals below it: logs, metrics, traces, profiles"})
			continue
		}
		for _, signal := range v.Map {
			kind, ok := signals[strings.ToLower(signal.Key)]
			if !ok {
				b.fail(&option.Error{Pos: signal.Pos, Msg: fmt.Sprintf("unknown signal '%s' under processors", signal.Key), Cure: option.Suggest(signal.Key, []string{"logs", "metrics", "traces", "profiles"})})
				continue
			}
			if signal.Value.Kind != option.KindList {
				b.fail(&option.Error{Pos: signal.Value.Pos, Msg: "processors are no list", Cure: "begin each with '- name: …'"})
				continue
			}
			for _, entry := range signal.Value.List {
				if s := b.processor(entry, kind, of); s != nil {
					steps = append(steps, s)
				}
			}
		}
	}
	return steps
}

// processor builds one entry: a processor, or any filter by name. nil when it is faulty or switched off.
func (b *builder) processor(v option.Value, kind event.Kinds, of instance) *step {
	sec := config.Section{Kind: "processor", Pos: v.Pos}
	s := &step{kinds: kind}
	for _, p := range v.Map {
		switch {
		case p.Is("name") && sec.Name != "":
			b.warn(p.Pos, "remove one of them", "a processor has several names; the first one counts")
		case p.Is("name"):
			sec.Name = p.Value.Text
		case p.Is("condition"):
			c, err := condition.Parse(p.Value)
			if err != nil {
				b.fail(err)
				return nil
			}
			s.condition = c
		default:
			sec.Props = append(sec.Props, p)
		}
	}
	specs := append(append([]plugin.Spec[plugin.Filter]{}, b.specs.Filters...), b.specs.Processors...)
	spec, err := lookup(specs, sec, "processor", func(_, name string) bool {
		return b.set.Planned != nil && (b.set.Planned("processor", name) || b.set.Planned("filter", name))
	})
	if err != nil {
		b.fail(unknown(err))
		return nil
	}
	if !spec.Kinds.Has(kind) {
		b.fail(&option.Error{Pos: v.Pos, Msg: fmt.Sprintf("processor '%s' does not take this signal", spec.Name)})
		return nil
	}
	var set filterSettings // a filter keeps its settings here too; its match does not count
	opts := set.options()
	if slices.ContainsFunc(b.specs.Processors, func(p plugin.Spec[plugin.Filter]) bool { return p.Name == spec.Name }) {
		opts = set.common.options()
	}
	a := assembly[plugin.Filter]{b: b, kind: "processor", spec: spec, sec: sec, common: &set.common, opts: opts}
	if s.plugin, s.instance, err = a.make(func() string { return of.name }); err != nil {
		b.fail(err)
		return nil
	}
	if !set.active {
		return nil
	}
	return s
}
