package event

import (
	"bytes"
	"sync/atomic"
)

var poisoning atomic.Bool

// Poison is for tests: while it is on, bytes are overwritten as soon as nobody may look at them any more,
// so that whoever keeps a view of them sees it fall apart instead of getting away with it. A poisoned byte
// is 0xc1, which MessagePack never uses. That happens to
//
//   - an edited record, when the loop over [Batch.Edit] goes on, and the old bytes of a batch that was edited;
//   - a batch, on [Batch.Release] and [Batch.Reset];
//   - a chunk, on [Chunk.Release], and what [Chunk.Lend] lent, when the call returns.
//
// It returns what was set before, so that a test can write defer event.Poison(event.Poison(true)).
func Poison(on bool) (was bool) { return poisoning.Swap(on) }

func poison(b []byte) {
	for i := range b {
		b[i] = 0xc1
	}
}

// Lend calls use with the chunk, whose bytes use may not keep: how an output's Flush is called. While
// [Poison] is on, use gets a copy, which is overwritten afterwards.
func (c *Chunk) Lend(use func(*Chunk) error) error {
	if !poisoning.Load() {
		return use(c)
	}
	lent := *c
	lent.data, lent.mem = bytes.Clone(c.data), nil
	defer poison(lent.data)
	return use(&lent)
}

// overwrite poisons all that a batch's bytes may still be seen in, and lets go of it.
func (b *Batch) overwrite() {
	poison(b.data)
	poison(b.other[:cap(b.other)])
	b.data, b.other, b.mem = nil, nil, nil
	(&poisoner{}).hide(&b.edit)
}

// poisoner is what an edit does while [Poison] is on: records are shown as copies that are overwritten when
// the loop goes on, and a batch that was changed moves to new memory. A nil one does nothing.
type poisoner struct {
	raw     []byte // the copy that is shown
	before  []byte // the batch as it was
	changed bool
}

func (b *Batch) poisoner() *poisoner {
	if !poisoning.Load() {
		return nil
	}
	return &poisoner{before: b.data}
}

// show has e show a copy, and overwrites what the one before it showed.
func (p *poisoner) show(e *Edit) {
	if p == nil {
		return
	}
	p.hide(e)
	p.raw = bytes.Clone(e.raw)
	e.raw = p.raw
}

func (p *poisoner) hide(e *Edit) {
	poison(p.raw)
	poison(e.scratch[:cap(e.scratch)])
	poison(e.extra[:cap(e.extra)])
	clear(e.fields[:cap(e.fields)])
	p.raw, e.scratch, e.extra, e.fields = nil, nil, nil, nil
}

// change notes that the batch does not stay as it is.
func (p *poisoner) change() {
	if p != nil {
		p.changed = true
	}
}

// finish ends the edit of b.
func (p *poisoner) finish(b *Batch) {
	if p == nil {
		return
	}
	p.hide(&b.edit)
	if p.changed {
		after := bytes.Clone(b.data)
		poison(p.before)
		poison(b.data)
		b.data, b.other = after, nil
	}
}
