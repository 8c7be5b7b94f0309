package sampling

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// tail waits for the spans of a trace and then keeps all of them or none.
type tail struct {
	conditions []condition
	wait       time.Duration
	most       int // traces that wait
	debug      bool
	log        *slog.Logger

	mu     sync.Mutex
	traces map[traceKey]*trace
	order  []*trace // by their first span
	wake   chan struct{}
}

// traceKey keeps apart what comes from different inputs and under different tags.
type traceKey struct {
	origin plugin.Origin
	tag    string
	id     string
}

type trace struct {
	key   traceKey
	since time.Time
	spans []span
	holds []event.Hold // of the batches that the spans came in
}

// Filter takes the spans out of the batch. They share its settlement, and go on when their trace is decided.
func (f *tail) Filter(ctx context.Context, b *event.Batch) error {
	origin := plugin.OriginOf(ctx)
	if origin == nil {
		return f.now(b)
	}
	spans, err := read(bytes.Clone(b.Bytes()))
	if err != nil {
		return fmt.Errorf("the traces are left as they are: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	seen := map[*trace]bool{}
	for _, s := range spans {
		key := traceKey{origin, b.Tag, string(traceID(s.body))}
		t := f.traces[key]
		if t == nil {
			t = &trace{key: key, since: now}
			f.traces[key] = t
			f.order = append(f.order, t)
		}
		t.spans = append(t.spans, s)
		if !seen[t] {
			seen[t] = true
			t.holds = append(t.holds, b.Hold())
		}
	}
	b.SetPayload(nil)
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// now decides by what is in the batch alone: where nothing may be held back.
func (f *tail) now(b *event.Batch) error {
	spans, err := read(b.Bytes())
	if err != nil {
		return fmt.Errorf("the traces are left as they are: %w", err)
	}
	byID := map[string][]span{}
	for _, s := range spans {
		id := string(traceID(s.body))
		byID[id] = append(byID[id], s)
	}
	var kept []span
	for _, s := range spans {
		if f.keeps(byID[string(traceID(s.body))]) {
			kept = append(kept, s)
		}
	}
	if len(kept) < len(spans) {
		b.SetPayload(write(kept))
	}
	note(f.debug, f.log, b.Tag, len(kept), len(spans))
	return nil
}

func (f *tail) keeps(spans []span) bool {
	if len(f.conditions) == 0 {
		return true
	}
	for _, s := range spans {
		for _, c := range f.conditions {
			if c(s, len(spans)) {
				return true
			}
		}
	}
	return false
}

// Background decides about traces that have waited long enough.
func (f *tail) Background(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-next.C:
		}
		if left := f.decide(ctx, time.Now()); left > 0 {
			next.Reset(left)
		}
	}
}

// Drain implements [plugin.Drainer].
func (f *tail) Drain(ctx context.Context) error {
	f.decide(ctx, time.Time{})
	return nil
}

// decide ends the wait of all traces that are due by now, all of them when now is zero, and those that are too
// many. It returns when the next one is due, 0 for none.
func (f *tail) decide(ctx context.Context, now time.Time) (left time.Duration) {
	f.mu.Lock()
	n := 0
	for ; n < len(f.order); n++ {
		t := f.order[n]
		if left = t.since.Add(f.wait).Sub(now); !now.IsZero() && left > 0 && len(f.order)-n <= f.most {
			break
		}
		left = 0
		delete(f.traces, t.key)
	}
	due := f.order[:n:n]
	f.order = f.order[n:]
	f.mu.Unlock()
	for len(due) > 0 {
		due = f.emit(ctx, due)
	}
	return left
}

// emit sends on what is kept of the traces that have the same way as the first one, and returns the others.
func (f *tail) emit(ctx context.Context, due []*trace) (rest []*trace) {
	way := due[0].key
	var spans []span
	var holds []event.Hold
	all := 0
	for _, t := range due {
		switch {
		case t.key.origin != way.origin || t.key.tag != way.tag:
			rest = append(rest, t)
			continue
		case f.keeps(t.spans):
			spans = append(spans, t.spans...)
			holds = append(holds, t.holds...)
		default:
			settle(t.holds, event.Filtered)
		}
		all += len(t.spans)
	}
	note(f.debug, f.log, way.tag, len(spans), all)
	if len(spans) > 0 {
		b := event.Payload(way.tag, event.Traces, write(spans))
		b.OnSettled(func(o event.Outcome) { settle(holds, o) })
		way.origin.Continue(ctx, b)
	}
	return rest
}

func settle(holds []event.Hold, o event.Outcome) {
	for _, h := range holds {
		h.Settle(o)
	}
}
