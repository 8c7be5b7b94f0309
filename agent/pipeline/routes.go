package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/internal/condition"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// route is one way that an input's records may take, past the outputs' match:
//
//	routes:
//	  logs:
//	    - name: errors
//	      condition: {op: and, rules: [{field: $level, op: eq, value: error}]}
//	      to: {outputs: [pager, {name: archive, fallback: file.0}]}
type route struct {
	name       string
	kinds      event.Kinds          // 0 for all
	condition  *condition.Condition // nil for all records
	rest       bool                 // takes what no other condition did
	to         []destination
	processors []*step
	pos        option.Pos

	mu sync.Mutex // for condition.Check
}

// destination names an output by its alias, its instance or its plugin.
type destination struct {
	name, fallback string
	pos            option.Pos
}

// split reports whether the route takes a part of the records, as a stream of its own.
func (r *route) split() bool { return r.condition != nil || r.rest || len(r.processors) > 0 }

// routes reads the values of an input's key `routes`.
func (b *builder) routes(values []option.Value, of instance) (list []*route) {
	for _, v := range values {
		if v.Kind != option.KindMap {
			b.fail(&option.Error{Pos: v.Pos, Msg: "routes is no map", Cure: "write the signals below it: logs, metrics, traces, any"})
			continue
		}
		for _, signal := range v.Map {
			kinds, ok := signals[strings.ToLower(signal.Key)]
			if !ok && !signal.Is("any") {
				b.fail(&option.Error{Pos: signal.Pos, Msg: fmt.Sprintf("unknown signal '%s' under routes", signal.Key), Cure: option.Suggest(signal.Key, []string{"logs", "metrics", "traces", "profiles", "any"})})
				continue
			}
			for _, entry := range listed(signal.Value) {
				r := &route{kinds: kinds, pos: entry.Pos}
				if b.route(r, entry, of) {
					list = append(list, r)
				}
			}
		}
	}
	for i, r := range list {
		if slices.ContainsFunc(list[:i], func(o *route) bool { return o.name == r.name }) {
			b.fail(&option.Error{Pos: r.pos, Msg: fmt.Sprintf("there are two routes '%s'", r.name), Cure: "rename one of them"})
		}
	}
	return list
}

// listed returns the items of a list; any other value is a list of itself.
func listed(v option.Value) []option.Value {
	if v.Kind == option.KindList {
		return v.List
	}
	return []option.Value{v}
}

// route reads one entry, and reports whether it is good.
func (b *builder) route(r *route, v option.Value, of instance) bool {
	const shape = "write {name: …, condition: …, to: {outputs: [alias]}}"
	faults := len(b.errs)
	if v.Kind != option.KindMap {
		b.fail(&option.Error{Pos: v.Pos, Msg: "a route is a map", Cure: shape})
		return false
	}
	for _, p := range v.Map {
		switch {
		case p.Is("name"):
			r.name = p.Value.Text
		case p.Is("condition"):
			b.routeCondition(r, p.Value)
		case p.Is("per_record_routing"): // records are always looked at one by one
			if _, err := option.ParseBool(p.Value.Text); err != nil {
				b.fail(&option.Error{Pos: p.Value.Pos, Msg: fmt.Sprintf("per_record_routing: '%s' %v", p.Value.Text, err)})
			}
		case p.Is("processors"):
			r.processors = b.routeProcessors(r, p.Value, of)
			for _, s := range r.processors {
				s.copies = true // the way back to them is not known: they hold nothing back
			}
		case p.Is("to"):
			b.destinations(r, p.Value)
		default:
			b.fail(&option.Error{Pos: p.Pos, Msg: fmt.Sprintf("a route has no '%s'", p.Key), Cure: option.Suggest(p.Key, []string{"name", "condition", "per_record_routing", "processors", "to"})})
		}
	}
	switch {
	case len(b.errs) > faults:
	case r.name == "":
		b.fail(&option.Error{Pos: v.Pos, Msg: "this route has no name", Cure: "add a name: it is the tag of the records that take the route"})
	case len(r.to) == 0:
		b.fail(&option.Error{Pos: v.Pos, Msg: fmt.Sprintf("route '%s' leads nowhere", r.name), Cure: "add to: {outputs: [alias]}"})
	case r.kinds != event.Logs && r.condition != nil:
		b.warn(v.Pos, "use conditions under logs", "the condition of route '%s' looks at records, so metrics and traces never meet it", r.name)
	}
	return len(b.errs) == faults
}

// routeCondition reads a condition, which may hold default beside the rules.
func (b *builder) routeCondition(r *route, v option.Value) {
	rules := v
	rules.Map = nil
	for _, p := range v.Map {
		if !p.Is("default") {
			rules.Map = append(rules.Map, p)
			continue
		}
		rest, err := option.ParseBool(p.Value.Text)
		if err != nil {
			b.fail(&option.Error{Pos: p.Value.Pos, Msg: fmt.Sprintf("default: '%s' %v", p.Value.Text, err)})
		}
		r.rest = rest
	}
	if _, has := option.Lookup(rules.Map, "rules"); r.rest && !has {
		return
	}
	c, err := condition.Parse(rules)
	if err != nil {
		b.fail(err)
	}
	r.condition = c
}

// routeProcessors reads a list of processors, or one by signal.
func (b *builder) routeProcessors(r *route, v option.Value, of instance) []*step {
	if v.Kind == option.KindMap {
		return b.processors([]option.Value{v}, of)
	}
	if v.Kind != option.KindList {
		b.fail(&option.Error{Pos: v.Pos, Msg: "processors are no list", Cure: "begin each with '- name: …'"})
		return nil
	}
	var steps []*step
	for _, entry := range v.List {
		if s := b.processor(entry, max(r.kinds, event.Logs), of); s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

func (b *builder) destinations(r *route, v option.Value) {
	if v.Kind == option.KindMap {
		outs, ok := option.Lookup(v.Map, "outputs")
		if !ok || len(v.Map) > 1 {
			b.fail(&option.Error{Pos: v.Pos, Msg: "to holds outputs and nothing else", Cure: "write to: {outputs: [alias]}"})
			return
		}
		v = outs
	}
	for _, item := range listed(v) {
		d := destination{name: item.Text, pos: item.Pos}
		if item.Kind == option.KindMap {
			name, _ := option.Lookup(item.Map, "name")
			fallback, _ := option.Lookup(item.Map, "fallback")
			d.name, d.fallback = name.Text, fallback.Text
		}
		if d.name == "" {
			b.fail(&option.Error{Pos: item.Pos, Msg: "an item of outputs names no output", Cure: "write an alias, or {name: alias, fallback: other}"})
			continue
		}
		r.to = append(r.to, d)
	}
}

// output finds an output by alias, instance name or plugin name: the first one that has it.
func (p *Pipeline) output(name string) *output {
	i := slices.IndexFunc(p.outputs, func(o *output) bool {
		plug, _, _ := strings.Cut(o.name, ".")
		return o.alias == name || o.name == name || plug == strings.ToLower(name)
	})
	if i < 0 || name == "" {
		return nil
	}
	return p.outputs[i]
}

// ends returns the outputs of this pipeline that a route leads a signal to.
func (p *Pipeline) ends(r *route, kind event.Kinds) []*output {
	var outs []*output
	for _, d := range r.to {
		o := p.output(d.name)
		if o == nil {
			o = p.output(d.fallback)
		}
		if o != nil && o.kinds.Has(kind) && !slices.Contains(outs, o) {
			outs = append(outs, o)
		}
	}
	return outs
}

// resolveRoutes reports destinations that are not there, and outputs that nothing leads to.
func (b *builder) resolveRoutes() {
	reached := map[*output]bool{}
	var names []string
	for _, o := range b.p.outputs {
		names = append(names, o.shown())
	}
	for _, in := range b.p.inputs {
		for _, r := range in.routes {
			for _, d := range r.to {
				o, other := b.p.output(d.name), b.p.output(d.fallback)
				switch {
				case o == nil && other == nil:
					cure := option.Suggest(d.name, names)
					if cure == "" {
						cure = "the outputs are " + strings.Join(names, ", ")
					}
					b.fail(&option.Error{Pos: d.pos, Msg: fmt.Sprintf("route '%s': there is no output '%s'", r.name, d.name), Cure: cure})
				case o == nil:
					b.warn(d.pos, "", "route '%s': there is no output '%s'; its fallback '%s' takes its place", r.name, d.name, d.fallback)
					o = other
				}
				if reached[o] = true; o != nil && r.kinds != 0 && !o.kinds.Has(r.kinds) {
					b.warn(d.pos, "name another output", "route '%s': the output '%s' does not take this signal", r.name, o.shown())
				}
			}
		}
	}
	for _, o := range b.p.outputs {
		if o.unmatched && !reached[o] {
			b.warn(o.pos, "add match: '*'", "output %s has no match and gets no record", o.shown())
		}
	}
}
