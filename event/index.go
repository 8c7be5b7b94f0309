package event

import (
	"encoding/binary"
	"errors"
)

// An index says where records end and bodies begin: for each record or group marker two little-endian uint32.
// Who has checked records sends it along, so that whoever trusts him need not check them again.

// indexSize is the size of one entry, in bytes.
const indexSize = 8

var errIndex = errors.New("an index that does not fit its records")

// AppendIndex appends the chunk's index to dst. A chunk that was not put together from batches has none.
func (c *Chunk) AppendIndex(dst []byte) []byte { return appendIndex(dst, c.index) }

// AppendIndex appends the batch's index to dst.
func (b *Batch) AppendIndex(dst []byte) []byte { return appendIndex(dst, b.index) }

func appendIndex(dst []byte, index []entry) []byte {
	for _, e := range index {
		dst = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(dst, e.end), e.body)
	}
	return dst
}

// ViewIndexed is [View] for records that somebody has checked who is trusted, and their index: only the index
// is looked at.
func ViewIndexed(id uint64, tag string, data, index []byte) (*Chunk, error) {
	c := NewChunk(id, tag, Logs, data, 0)
	c.mem = viewMemories.Get().(*chunkMemory)
	var err error
	c.index, c.n, err = parseIndex(c.mem.index[:0], index, len(data))
	return c, err
}

// LoadIndexed is [Batch.Load] for a batch of logs with such an index.
func (b *Batch) LoadIndexed(data, index []byte) (err error) {
	if b.mem == nil && b.data == nil {
		b.borrow()
	}
	b.data = append(b.data[:0], data...)
	b.index, b.n, err = parseIndex(b.index[:0], index, len(data))
	return err
}

func parseIndex(dst []entry, b []byte, size int) (index []entry, records int, err error) {
	last := uint32(0)
	for ; len(b) >= indexSize; b = b[indexSize:] {
		e := entry{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}
		if e.end <= last || e.body != marker && (e.body <= last || e.body >= e.end) {
			return dst[:0], 0, errIndex
		}
		if e.body != marker {
			records++
		}
		last = e.end
		dst = append(dst, e)
	}
	if int(last) != size || len(b) > 0 {
		return dst[:0], 0, errIndex
	}
	return dst, records, nil
}
