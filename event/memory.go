package event

import "sync"

// memory is what a batch lived in, kept for the next one: at full speed a batch is made for every quarter
// of a megabyte, and fresh memory costs more than filling it.
type memory struct {
	data, other   []byte // other is what the batch was copied out of by its last edit
	index, spare  []entry
	fields        []Field
	scratch, more []byte
}

// keptBytes is the most that a batch's memory may be to be kept.
const keptBytes = 1 << 20

var memories = sync.Pool{New: func() any { return new(memory) }}

// borrow gives a batch that has no memory yet some of an earlier one.
func (b *Batch) borrow() {
	m := memories.Get().(*memory)
	b.mem = m
	b.data, b.other, b.index, b.spare = m.data[:0], m.other[:0], m.index[:0], m.spare[:0]
	b.edit.fields, b.edit.scratch, b.edit.extra = m.fields[:0], m.scratch[:0], m.more[:0]
}

// Release empties the batch and gives its memory to batches to come. Who owns a batch calls it once nobody
// reads its bytes any more: the pipeline for all that was emitted. The settlement is not touched.
func (b *Batch) Release() {
	if poisoning.Load() {
		b.overwrite()
		*b = Batch{Tag: b.Tag, Kind: b.Kind, done: b.done}
		return
	}
	m := b.mem
	if m == nil {
		if cap(b.data) == 0 { // it never had any, and nothing is no use to the next one
			*b = Batch{Tag: b.Tag, Kind: b.Kind, done: b.done}
			return
		}
		m = new(memory)
	}
	*m = memory{
		data: kept(b.data), other: kept(b.other), index: b.index, spare: b.spare,
		fields: b.edit.fields, scratch: kept(b.edit.scratch), more: kept(b.edit.extra),
	}
	clear(m.fields[:cap(m.fields)]) // they point into chunks and records
	*b = Batch{Tag: b.Tag, Kind: b.Kind, done: b.done}
	memories.Put(m)
}

func kept(b []byte) []byte {
	if cap(b) > keptBytes {
		return nil
	}
	return b
}

// Chunks on their way to being full live in memory that is used again as well, all of one size.
const (
	smallChunk = 64 << 10
	wholeChunk = 2_560_000 // a full chunk of Fluent Bit's, and one more batch
)

type chunkMemory struct {
	data  []byte
	index []entry
}

var (
	chunkMemories = sync.Pool{New: func() any { return &chunkMemory{data: make([]byte, 0, wholeChunk)} }}
	viewMemories  = sync.Pool{New: func() any { return new(chunkMemory) }} // without bytes of their own
)

// appendData appends a batch's bytes to those of its chunk.
func (c *Chunk) appendData(more []byte) {
	need := len(c.data) + len(more)
	if c.mem == nil && need > smallChunk && need <= wholeChunk {
		c.mem = chunkMemories.Get().(*chunkMemory)
		c.data = append(c.mem.data[:0], c.data...)
		c.index = append(c.mem.index[:0], c.index...)
	}
	c.data = append(c.data, more...)
}

// Release gives the chunk's memory to chunks to come, once nobody reads it any more.
func (c *Chunk) Release() {
	if poisoning.Load() {
		if c.own {
			poison(c.data)
		}
	} else if m := c.mem; m != nil {
		m.index = c.index
		if m.data == nil {
			viewMemories.Put(m)
		} else if cap(c.data) == wholeChunk { // otherwise it was outgrown
			m.data = c.data
			chunkMemories.Put(m)
		}
	}
	c.data, c.index, c.n, c.mem = nil, nil, 0, nil
}

// Memory returns how much memory the chunk takes, roughly.
func (c *Chunk) Memory() int64 { return int64(cap(c.data) + 8*cap(c.index)) }
