package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// origin implements [plugin.Origin]: the place of one step on the way of an input's records.
type origin struct {
	in   *input
	step *step
}

// Continue implements [plugin.Origin]. A reload may have taken the input away, and then the emitter takes its
// place; or the step, and then all filters that there are now have their turn.
func (o origin) Continue(ctx context.Context, b *event.Batch) {
	in := o.in
	if b.Source == "" {
		b.Source = in.shown()
	}
	in.turn.RLock()
	defer in.turn.RUnlock()
	at := slices.Index(in.processors, o.step)
	if at >= 0 {
		in.follow(ctx, b, at+1)
	}
	if emitter := in.pipe().emitter; emitter.pipe() != in.pipe() {
		in = emitter
		in.turn.RLock()
		defer in.turn.RUnlock()
	}
	next := 0
	if at < 0 {
		next = slices.Index(in.pipe().filters, o.step) + 1
	}
	in.filter(ctx, b, next)
}

// Paused implements [plugin.Origin].
func (o origin) Paused() bool {
	g := &o.in.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopped > 0
}

// giveOut has the filters give out what they hold back, and does not wait beyond the deadline.
func (g *group) giveOut(deadline <-chan time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	within(func() { g.drain(ctx) }, deadline)
}

// drain has the filters give out what they hold back, in the order in which records pass them.
func (g *group) drain(ctx context.Context) {
	var steps []*step
	for _, in := range g.inputs {
		steps = append(steps, in.processors...)
	}
	for _, s := range append(steps, g.filters...) {
		d, ok := s.plugin.(plugin.Drainer)
		if !ok {
			continue
		}
		if err := guard(func() error { return d.Drain(ctx) }); err != nil {
			s.log.Error(fmt.Sprintf("giving out the records that were held back failed: %v", err))
		}
	}
}
