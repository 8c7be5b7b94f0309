package pipeline

import (
	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

// own is an output's own version of a chunk, which its processors have made. It is kept over retries, since
// processors may have effects, in memory or in the spill. Where neither has room it is made again.
type own struct {
	chunk  *event.Chunk
	memory int64           // that is charged for it
	extent *storage.Extent // in the spill
}

// stash puts d's own version aside until the next attempt.
func (m *memory) stash(d *delivery, c *event.Chunk) {
	size := c.Memory() + overhead
	m.mu.Lock()
	if m.limit <= 0 || m.used+size <= m.limit {
		m.used += size
		d.own = own{chunk: c, memory: size}
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	if e, err := m.spill.Put(c.Bytes()); err == nil {
		d.own = own{extent: &e}
	}
}

// unstash returns d's own version, or nil when it has to be made.
func (m *memory) unstash(d *delivery) *event.Chunk {
	c := d.own.chunk
	if d.own.extent != nil {
		data, err := m.spill.Get(*d.own.extent)
		if err == nil {
			c, err = event.View(d.id, d.tag, d.kind, data)
		}
		if err != nil {
			c = nil
		} else {
			c.Source = d.source
		}
	}
	m.discard(d)
	return c
}

// discard gives back what d's own version takes.
func (m *memory) discard(d *delivery) {
	m.mu.Lock()
	m.used -= d.own.memory
	m.mu.Unlock()
	if d.own.extent != nil {
		m.spill.Free(*d.own.extent)
	}
	d.own = own{}
}
