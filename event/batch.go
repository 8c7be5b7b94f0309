// Package event holds records as Fluent Bit moves them: MessagePack bytes, read in place.
//
// A [Batch] is what an input makes and filters edit; it has one owner. When it is stored its bytes join a
// [Chunk], which every output shares and nobody writes to. Times, values and fields are views over the
// encoded bytes: nothing is decoded until somebody asks for it.
//
// The encoding is Fluent Bit's own: a run of [[time, metadata], body], where time is an EventTime
// (MessagePack extension 0). The older [time, body] and integer or float times are read as well.
package event

import (
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Kinds is a set of signals; a batch or chunk carries exactly one.
type Kinds uint8

// The signals. In a set, zero stands for logs alone.
const (
	Logs Kinds = 1 << iota
	Metrics
	Traces
	Profiles
	Blobs
)

// Has reports whether the set contains k.
func (ks Kinds) Has(k Kinds) bool { return max(ks, Logs)&max(k, Logs) != 0 }

// String names the signals of a set, as Fluent Bit's configuration does.
func (ks Kinds) String() string {
	var names []string
	for i, name := range [...]string{"logs", "metrics", "traces", "profiles", "blobs"} {
		if ks.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Batch is a run of records under one tag, owned by one goroutine and free to be edited.
type Batch struct {
	Tag  string
	Kind Kinds // Logs, unless the bytes are another signal's payload

	// Source is the instance that made the batch. The agent fills it in when it is empty.
	Source string

	data  []byte
	other []byte // what the last edit copied the batch out of, kept for the next
	index []entry
	spare []entry // the index before the last edit, kept for its memory
	mem   *memory // nil: nothing was borrowed
	n     int     // records, group markers not counted
	edit  Edit
	done  *settlement
	where func(*Record) bool
}

// entry is where one record (or group marker) ends and where its body begins.
type entry struct{ end, body uint32 }

// marker is the body of an entry that is a group's border.
const marker = math.MaxUint32

// maxBytes keeps a batch within what a Go plugin's C.int length can say.
const maxBytes = math.MaxInt32

// New returns an empty batch of logs.
func New(tag string) *Batch { return &Batch{Tag: tag, Kind: Logs} }

// BadRecords reports bytes that were no records. The others of the same run are kept.
type BadRecords struct {
	Count  int   // how many were left out; what cannot be told apart counts as one
	Bytes  int   // their size
	Offset int   // where the first began
	First  error // what was wrong with it
}

func (e *BadRecords) Error() string {
	return fmt.Sprintf("%d malformed record(s), %d bytes, the first at byte %d: %v", e.Count, e.Bytes, e.Offset, e.First)
}

func (e *BadRecords) Unwrap() error { return e.First }

// Parse makes a batch of records that come from outside and takes data over. Everything is checked here,
// once: later readers trust it. What is no record is left out and reported by a [*BadRecords]; the batch
// holds the rest and is never nil.
func Parse(tag string, data []byte) (*Batch, error) {
	b := New(tag)
	b.borrow()
	if cap(b.other) < cap(b.data) {
		b.other = b.data
	}
	if bad := b.take(data); bad != nil {
		return b, bad
	}
	return b, nil
}

// Load puts a copy of records that come from outside in the place of the batch's own, checked as [Parse]
// checks them. Tag and settlement stay, and the batch's memory is used again.
func (b *Batch) Load(data []byte) error {
	if !b.Kind.Has(Logs) {
		b.index = b.index[:0]
		b.SetPayload(append(b.data[:0], data...))
		return nil
	}
	if b.mem == nil && b.data == nil {
		b.borrow()
	}
	b.index, b.n = b.index[:0], 0
	if bad := b.take(append(b.data[:0], data...)); bad != nil {
		return bad
	}
	return nil
}

// take makes data the batch's bytes and fills its empty index.
func (b *Batch) take(data []byte) (bad *BadRecords) {
	reject := func(at, size int, err error) {
		if bad == nil {
			bad = &BadRecords{Offset: at, First: err}
		}
		bad.Count++
		bad.Bytes += size
	}
	if len(data) > maxBytes {
		reject(0, len(data), fmt.Errorf("%d bytes are too many for one batch", len(data)))
		return bad
	}
	out := data[:0]
	for pos := 0; pos < len(data); {
		size, err := msgp.Check(data[pos:])
		if err != nil {
			reject(pos, len(data)-pos, err) // nobody knows where the next one begins
			break
		}
		raw := data[pos : pos+size]
		body, isMarker, err := layout(raw)
		pos += size
		if err != nil {
			reject(pos-size, size, err)
			continue
		}
		at := len(out)
		if bad == nil {
			out = data[:pos]
		} else {
			out = append(out, raw...)
		}
		b.note(len(out), at+body, isMarker)
	}
	b.data = out
	return bad
}

// Payload makes a batch that carries another signal's bytes, which nobody looks into.
func Payload(tag string, kind Kinds, data []byte) *Batch {
	return &Batch{Tag: tag, Kind: kind, data: data, n: 1}
}

// note adds the entry of a record that ends at end.
func (b *Batch) note(end, body int, isMarker bool) {
	e := entry{end: uint32(end), body: uint32(body)}
	if isMarker {
		e.body = marker
	} else {
		b.n++
	}
	b.index = append(b.index, e)
}

// Len returns the number of records.
func (b *Batch) Len() int { return b.n }

// Bytes returns the encoded records. They belong to the batch.
func (b *Batch) Bytes() []byte { return b.data }

// Append adds a record: body must be one encoded map; a nil meta is an empty map. Both are copied.
func (b *Batch) Append(t Time, meta, body Value) {
	b.Commit(append(b.begin(t, meta), body...))
}

// Begin starts a record in place and returns the batch's bytes; the caller appends one encoded map to
// them and hands the result to [Batch.Commit], or forgets it. Nothing is copied.
func (b *Batch) Begin(t Time) []byte { return b.begin(t, nil) }

func (b *Batch) begin(t Time, meta Value) []byte {
	if b.mem == nil && b.data == nil {
		b.borrow()
	}
	dst := appendHead(b.data, t, meta)
	b.edit.body = len(dst)
	return dst
}

// Commit ends the record that Begin started. A record that would make the batch larger than 2 GiB is a
// bug of the caller, who should have emitted long before.
func (b *Batch) Commit(dst []byte) {
	if len(dst) > maxBytes {
		panic("BUG: batch over 2 GiB")
	}
	b.data = dst
	b.note(len(dst), b.edit.body, false)
}

// Reset empties the batch and keeps its memory. Only for a batch that was not emitted.
func (b *Batch) Reset() {
	if poisoning.Load() {
		b.overwrite()
	}
	b.data, b.index, b.n, b.done = b.data[:0], b.index[:0], 0, nil
}

// Where hides all records from [Batch.Records] and [Batch.Edit] that keep does not name; they stay in the
// batch. nil shows them all again.
func (b *Batch) Where(keep func(*Record) bool) { b.where = keep }

// Narrowed reports whether [Batch.Where] may hide records.
func (b *Batch) Narrowed() bool { return b.where != nil }

// Records walks the records without the right to change them; group markers are not shown.
func (b *Batch) Records() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		r, pos := &b.edit.Record, 0
		r.group = Group{}
		for _, e := range b.index {
			raw := b.data[pos:e.end:e.end]
			body := int(e.body) - pos
			pos = int(e.end)
			if e.body == marker {
				r.group = readMarker(raw)
				continue
			}
			r.raw, r.body = raw, body
			if b.where != nil && !b.where(r) {
				continue
			}
			if !yield(r) {
				return
			}
		}
	}
}

// readMarker returns the group that a marker opens, or none when it closes one.
func readMarker(raw []byte) Group {
	m := Record{raw: raw}
	if m.Time().Sec != groupStart {
		return Group{}
	}
	body, _, _ := layout(raw)
	m.body = body
	return Group{Meta: m.Meta(), Attributes: m.Body()}
}
