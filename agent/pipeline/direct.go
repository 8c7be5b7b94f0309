package pipeline

import (
	"context"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

// directs reports whether the input's own routes decide where a signal goes.
func (in *input) directs(ctx context.Context, kind event.Kinds) bool {
	if len(in.routes) == 0 || retagged(ctx) {
		return false
	}
	for _, r := range in.routes {
		if r.takes(kind) {
			return true
		}
	}
	return false
}

func (r *route) takes(kind event.Kinds) bool { return r.kinds == 0 || r.kinds.Has(kind) }

// direct stores b for the outputs that the input's routes lead to. Each route with a condition gets a batch
// of its own, tagged with the route's name; routes without one share b.
func (in *input) direct(ctx context.Context, b *event.Batch) {
	var open *route // the first that takes everything
	var outs []*output
	pick := newPicker(b)
	for _, r := range in.routes {
		switch {
		case !r.takes(b.Kind) || r.rest:
		case !r.split():
			if open == nil {
				open = r
			}
			outs = append(outs, in.pipe().routes(openKey{kind: b.Kind, route: r})...)
		default:
			in.along(ctx, r, pick.records(in, r))
		}
	}
	for _, r := range in.routes {
		if r.takes(b.Kind) && r.rest {
			in.along(ctx, r, pick.records(in, r))
		}
	}
	switch lost := pick.unmet(); {
	case len(outs) > 0:
		in.store(b, open, unique(outs))
		return
	case lost > 0:
		in.pipe().loseRouteless(in, b, lost)
		b.Settle(event.GivenUp)
	default:
		b.Settle(event.Filtered)
	}
	b.Release()
}

// ways names outputs so that a later run finds them.
func ways(outs []*output) (list []storage.Route) {
	for _, o := range outs {
		plug, _, _ := strings.Cut(o.name, ".")
		list = append(list, storage.Route{Label: o.shown(), Alias: o.alias != "", Plugin: plug})
	}
	return list
}

func unique(outs []*output) []*output {
	seen := map[*output]bool{}
	kept := outs[:0]
	for _, o := range outs {
		if !seen[o] {
			seen[o] = true
			kept = append(kept, o)
		}
	}
	return kept
}

// along sends a route's own batch through its processors to its outputs. nil has no records.
func (in *input) along(ctx context.Context, r *route, d *event.Batch) {
	if d == nil {
		return
	}
	for _, s := range r.processors {
		s.apply(context.WithValue(ctx, retaggedKey{}, true), in, d, len(in.processors))
	}
	if d.Len() == 0 {
		d.Settle(event.Filtered)
		d.Release()
		return
	}
	outs := in.pipe().routes(openKey{kind: d.Kind, route: r})
	if len(outs) == 0 {
		in.pipe().loseRouteless(in, d, d.Len())
		d.Settle(event.GivenUp)
		d.Release()
		return
	}
	in.store(d, r, outs)
}

// tag is what the route's records carry: its name, unless all take it.
func (r *route) tag(b *event.Batch) string {
	if r.condition == nil && !r.rest {
		return b.Tag
	}
	return r.name
}

// loseRouteless counts n records of b that no route leads to an output, and warns once per input.
func (p *Pipeline) loseRouteless(in *input, b *event.Batch, n int) {
	p.lost[NoRoute].Add(uint64(n))
	p.noteDrop(in, "unmatched", b.Kind, n, len(b.Bytes())*n/max(1, b.Len()))
	if _, said := p.noRoute.LoadOrStore(in, true); !said {
		p.log.Warn(fmt.Sprintf("records of %s take no route to an output and are dropped; add a route with condition: {default: true}", in.shown()))
	}
}

// picker picks a batch's records for one route after the other.
type picker struct {
	b     *event.Batch
	met   []bool // records that met a condition, in their order
	taken []bool // records that any route took
}

func newPicker(b *event.Batch) *picker {
	n := b.Len()
	room := make([]bool, 2*n)
	return &picker{b: b, met: room[:n:n], taken: room[n:]}
}

// records returns those that take the route, nil when there are none. Routes for the rest have to come last.
func (p *picker) records(in *input, r *route) *event.Batch {
	if !p.b.Kind.Has(event.Logs) {
		if r.condition != nil {
			return nil
		}
		p.taken[0] = true
		return p.b.Duplicate(r.tag(p.b))
	}
	hits := make([]bool, p.b.Len())
	i, n := -1, 0
	for rec := range p.b.Records() {
		if i++; r.rest && p.met[i] || r.condition != nil && !r.condition.Holds(rec) {
			continue
		}
		hits[i] = true
		n++
		p.taken[i] = true
		p.met[i] = p.met[i] || !r.rest && r.condition != nil
	}
	r.check(in)
	if n == 0 {
		return nil
	}
	d := p.b.Duplicate(r.tag(p.b))
	if n == len(hits) {
		return d
	}
	i = -1
	for e := range d.Edit() {
		if i++; !hits[i] {
			e.Drop()
		}
	}
	return d
}

// check tells when a regular expression of the condition ran out of time.
func (r *route) check(in *input) {
	if r.condition == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.condition.Check(); err != nil {
		in.log.Error(fmt.Sprintf("route '%s': %v", r.name, err))
	}
}

// unmet counts the records that no route took.
func (p *picker) unmet() (n int) {
	for _, t := range p.taken {
		if !t {
			n++
		}
	}
	return n
}
