package event

import (
	"sync"
	"sync/atomic"
)

// Outcome is how a batch ended.
type Outcome uint8

// The outcomes. Where parts of a batch ended differently the greatest one is reported.
const (
	Filtered  Outcome = iota // nothing was left to deliver
	Delivered                // durable: it survives kill -9, or every output took it
	GivenUp                  // lost by rule, counted and logged
)

func (o Outcome) String() string {
	return [...]string{"filtered", "delivered", "given up"}[o]
}

// settlement counts what must still happen before a batch is settled. A batch nobody asked about has none.
type settlement struct {
	open  atomic.Int64
	worst atomic.Uint32
	mu    sync.Mutex
	calls []func(Outcome)
}

func (s *settlement) release(o Outcome) {
	for {
		w := s.worst.Load()
		if uint32(o) <= w || s.worst.CompareAndSwap(w, uint32(o)) {
			break
		}
	}
	switch left := s.open.Add(-1); {
	case left > 0:
		return
	case left < 0:
		panic("BUG: batch settled twice")
	}
	s.mu.Lock()
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, f := range calls {
		f(Outcome(s.worst.Load()))
	}
}

// OnSettled has f called once, from any goroutine, when the batch is settled: durable, given up by rule,
// or filtered away, together with every batch derived from it. It must not block, and must be set before
// the batch is emitted.
func (b *Batch) OnSettled(f func(Outcome)) {
	if b.done == nil {
		b.done = new(settlement)
		b.done.open.Store(1)
	}
	b.done.mu.Lock()
	b.done.calls = append(b.done.calls, f)
	b.done.mu.Unlock()
}

// Hold is a share in a batch's settlement: the batch is not settled before each was released.
type Hold struct{ s *settlement }

// Hold takes a share for something that outlives the batch: records held back, a chunk that took them.
func (b *Batch) Hold() Hold {
	if b.done != nil {
		b.done.open.Add(1)
	}
	return Hold{b.done}
}

// Own gives the batch's own share away: who takes it settles instead of the batch.
func (b *Batch) Own() Hold { return Hold{b.done} }

// Settle releases the share. Each must be released once.
func (h Hold) Settle(o Outcome) {
	if h.s != nil {
		h.s.release(o)
	}
}

// Watched reports whether somebody waits for the settlement, so that releasing the share matters.
func (h Hold) Watched() bool { return h.s != nil }

// Settle says how the batch itself ended. Who owns the batch calls it once: the pipeline for all that was
// emitted.
func (b *Batch) Settle(o Outcome) { Hold{b.done}.Settle(o) }

// Derive returns an empty batch whose settlement counts as a part of b's: what a filter makes out of b.
func (b *Batch) Derive(tag string) *Batch {
	d := New(tag)
	d.done = b.Hold().s
	return d
}

// Duplicate returns a copy of b under another tag, whose settlement counts as a part of b's.
func (b *Batch) Duplicate(tag string) *Batch {
	d := b.Derive(tag)
	d.borrow()
	d.Kind, d.n = b.Kind, b.n
	d.data = append(d.data, b.data...)
	d.index = append(d.index, b.index...)
	return d
}
