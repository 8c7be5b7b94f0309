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

// stash puts d's own version aside until the next attempt. There is none when d is over, which may happen
// while a plugin that does not return has it.
func (m *memory) stash(d *delivery, c *event.Chunk) {
	size := c.Memory() + overhead
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case d.over.Load():
	case m.limit <= 0 || m.used+size <= m.limit:
		m.used += size
		d.own = own{chunk: c, memory: size}
	default:
		m.mu.Unlock()
		e, err := m.spill.Put(c.Bytes())
		m.mu.Lock()
		switch {
		case err != nil:
		case d.over.Load():
			m.spill.Free(e)
		default:
			d.own = own{extent: &e}
		}
	}
}

// unstash returns d's own version, or nil when it has to be made.
func (m *memory) unstash(d *delivery) *event.Chunk {
	mine := m.forget(d)
	if mine.extent == nil {
		return mine.chunk
	}
	data, err := m.spill.Get(*mine.extent)
	m.spill.Free(*mine.extent)
	if err != nil {
		return nil
	}
	c, err := event.View(d.id, d.tag, d.kind, data)
	if err != nil {
		return nil
	}
	c.Source = d.source
	return c
}

// discard gives back what d's own version takes.
func (m *memory) discard(d *delivery) {
	if mine := m.forget(d); mine.extent != nil {
		m.spill.Free(*mine.extent)
	}
}

// forget takes d's own version out of the books.
func (m *memory) forget(d *delivery) own {
	m.mu.Lock()
	defer m.mu.Unlock()
	mine := d.own
	m.used -= mine.memory
	d.own = own{}
	return mine
}
