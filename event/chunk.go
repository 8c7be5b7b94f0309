package event

import (
	"bytes"
	"iter"
	"slices"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Chunk is stored records of one tag: shared by every output, never written again.
type Chunk struct {
	ID   uint64 // unique in this process; the same in every attempt to deliver the chunk
	Tag  string
	Kind Kinds

	// Source is the instance that made the chunk, as far as that is known: "" for logs, and for what an
	// earlier agent has left behind.
	Source string

	data  []byte
	index []entry // of all of data, or none: the chunk was not put together here
	n     int
	own   bool         // data is nobody else's
	mem   *chunkMemory // nil: none was borrowed
}

// NewChunk makes a chunk of checked bytes that hold n records (1 for signals other than logs).
func NewChunk(id uint64, tag string, kind Kinds, data []byte, n int) *Chunk {
	c := &Chunk{ID: id, Tag: tag, Kind: max(kind, Logs), data: data, n: n, own: data == nil}
	if poisoning.Load() {
		c.data, c.own = bytes.Clone(data), true
	}
	return c
}

// View makes a chunk of bytes that come from outside and stay where they are: they must not change until
// Release. Everything is checked here, once, as [Parse] does: what is no record is reported by a
// [*BadRecords], and the chunk ends before it.
func View(id uint64, tag string, kind Kinds, data []byte) (*Chunk, error) {
	c := NewChunk(id, tag, kind, data, 1)
	if c.Kind != Logs {
		return c, nil
	}
	c.n = 0
	c.mem = viewMemories.Get().(*chunkMemory)
	c.index = c.mem.index[:0]
	for pos := 0; pos < len(data); {
		size, err := msgp.Check(data[pos:])
		var body int
		var isMarker bool
		if err == nil {
			body, isMarker, err = layout(data[pos : pos+size])
		}
		if err != nil {
			c.data = data[:pos]
			return c, &BadRecords{Count: 1, Bytes: len(data) - pos, Offset: pos, First: err}
		}
		e := entry{end: uint32(pos + size), body: uint32(pos + body)}
		if isMarker {
			e.body = marker
		} else {
			c.n++
		}
		c.index = append(c.index, e)
		pos += size
	}
	return c, nil
}

// Append adds the records of b, which must be of the same kind, as long as the chunk is not shared. They
// are copied.
func (c *Chunk) Append(b *Batch) {
	shift := uint32(len(c.data))
	indexed := len(c.data) == 0 || len(c.index) > 0
	c.appendData(b.data)
	if indexed {
		for _, e := range b.index {
			if e.end += shift; e.body != marker {
				e.body += shift
			}
			c.index = append(c.index, e)
		}
	}
	c.n += b.n
}

// Bytes returns the encoded records, for reading only.
func (c *Chunk) Bytes() []byte { return c.data }

// Len returns the number of records, group markers not counted.
func (c *Chunk) Len() int { return c.n }

// Records walks the records of a chunk of logs; group markers are not shown. Several goroutines may walk
// one chunk at the same time.
func (c *Chunk) Records() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		if c.Kind != Logs {
			return
		}
		r := new(Record)
		pos := 0
		for _, e := range c.index { // fast path: nothing to look for
			raw := c.data[pos:e.end:e.end]
			body := int(e.body) - pos
			pos = int(e.end)
			if e.body == marker {
				r.group = readMarker(raw)
				continue
			}
			r.raw, r.body = raw, body
			if !yield(r) {
				return
			}
		}
		if pos > 0 {
			return
		}
		for rest := c.data; len(rest) > 0; {
			size := msgp.Skip(rest)
			raw := rest[:size:size]
			rest = rest[size:]
			body, isMarker, err := layout(raw)
			switch {
			case err != nil:
				panic("BUG: unchecked record in chunk: " + err.Error())
			case isMarker:
				r.group = readMarker(raw)
				continue
			}
			r.raw, r.body = raw, body
			if !yield(r) {
				return
			}
		}
	}
}

// Ends walks the offsets in [Chunk.Bytes] at which its entries end, group markers included, as far as they
// are known: of chunks that were put together by Append or checked by [View].
func (c *Chunk) Ends() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, e := range c.index {
			if !yield(int(e.end)) {
				return
			}
		}
	}
}

// Copy makes a batch of a chunk's records, to be edited for one output alone.
func Copy(c *Chunk) *Batch {
	data := append(make([]byte, 0, len(c.data)+len(c.data)/8), c.data...)
	if c.Kind != Logs {
		return Payload(c.Tag, c.Kind, data)
	}
	if len(c.index) > 0 { // fast path: it is known where the records are
		return &Batch{Tag: c.Tag, Kind: Logs, data: data, index: slices.Clone(c.index), n: c.n}
	}
	b, err := Parse(c.Tag, data)
	if err != nil {
		panic("BUG: unchecked record in chunk: " + err.Error())
	}
	return b
}
