package event

import (
	"errors"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Record is a view of one record. It and all that it returns are good until the loop that yielded it
// goes on.
type Record struct {
	raw    []byte
	body   int // where the body begins in raw
	fields []Field
	group  Group
}

// Group is the OTLP scope that a record belongs to: both halves are maps.
type Group struct{ Meta, Attributes Value }

// Time returns the record's timestamp.
func (r *Record) Time() Time {
	v := r.raw[1:]
	if r.raw[0] != 0x92 {
		_, v, _ = msgp.ArrayHeader(r.raw)
	}
	if _, inner, ok := msgp.ArrayHeader(v); ok {
		v = inner
	}
	t, _ := parseTime(v[:msgp.Skip(v)])
	return t
}

// Meta returns the record's metadata, an empty map when it has none.
func (r *Record) Meta() Value {
	_, v, _ := msgp.ArrayHeader(r.raw)
	n, inner, ok := msgp.ArrayHeader(v)
	if !ok || n < 2 {
		return emptyMap
	}
	inner = inner[msgp.Skip(inner):]
	size := msgp.Skip(inner)
	return Value(inner[:size:size])
}

// Body returns the record's body, which is a map.
func (r *Record) Body() Value { return Value(r.raw[r.body:]) }

// Raw returns the whole record as encoded: [[time, metadata], body], or the older [time, body].
func (r *Record) Raw() []byte { return r.raw }

// Group returns the OTLP group that the record stands in; its halves are nil outside of groups.
func (r *Record) Group() Group { return r.group }

// Get returns the value under key in the body, or nil.
func (r *Record) Get(key string) Value { return r.Body().Get(key) }

// Fields splits the body one level deep. The slice may be changed and handed to [Edit.SetFields].
func (r *Record) Fields() []Field {
	r.fields = AppendFields(r.fields[:0], r.Body())
	return r.fields
}

// Edit is a record of a batch that may be changed.
type Edit struct {
	Record
	dropped, changed bool
	scratch          []byte // the changed record, before it is moved into the batch
	extra            []byte // records inserted after this one
	inserted         int
}

// Drop takes the record out of the batch.
func (e *Edit) Drop() { e.dropped = true }

// SetFields replaces the body by a map of the given pairs.
func (e *Edit) SetFields(fields []Field) {
	head := e.raw[:e.body]
	dst := append(e.take(), head...)
	dst = AppendMapOf(dst, fields)
	e.put(dst, len(head))
}

// SetBody replaces the body, which must be one encoded map.
func (e *Edit) SetBody(body Value) {
	head := e.raw[:e.body]
	dst := append(e.take(), head...)
	dst = append(dst, body...)
	e.put(dst, len(head))
}

// SetTime replaces the timestamp.
func (e *Edit) SetTime(t Time) { e.setHead(t, e.Meta()) }

// SetMeta replaces the metadata, which must be one encoded map.
func (e *Edit) SetMeta(meta Value) {
	t := e.Time()
	if t.Sec != groupStart {
		e.setHead(t, meta)
		return
	}
	body := e.Body() // of a group's marker: its time stays one that no record has
	dst := append(AppendTime(append(e.take(), 0x92, 0x92), t), meta...)
	at := len(dst)
	e.put(append(dst, body...), at)
}

func (e *Edit) setHead(t Time, meta Value) {
	body := e.Body()
	dst := appendHead(e.take(), t, meta)
	at := len(dst)
	dst = append(dst, body...)
	e.put(dst, at)
}

// Insert adds a record behind this one, which may itself be dropped. A nil meta is an empty map.
func (e *Edit) Insert(t Time, meta, body Value) {
	e.extra = append(appendHead(e.extra, t, meta), body...)
	e.inserted++
}

// take returns an empty buffer for the changed record. When the record was changed before, its bytes are
// in scratch and still being read, so the new ones go to fresh memory.
func (e *Edit) take() []byte {
	if e.changed {
		return make([]byte, 0, len(e.raw)+64)
	}
	return e.scratch[:0]
}

func (e *Edit) put(dst []byte, body int) {
	e.scratch, e.raw, e.body, e.changed = dst, dst, body, true
}

// Errors of records that come from outside.
var (
	errNotRecord = errors.New("not a record: want [[time, metadata], body] or [time, body]")
	errTime      = errors.New("a record's time is none")
	errMeta      = errors.New("a record's metadata is no map")
	errBody      = errors.New("a record's body is no map")
)

// layout checks that raw, one valid value, is a record, and tells where its body begins and whether it is
// a group marker instead.
func layout(raw []byte) (body int, marker bool, err error) {
	n, rest, ok := msgp.ArrayHeader(raw)
	if !ok || n != 2 {
		return 0, false, errNotRecord
	}
	head := rest[:msgp.Skip(rest)]
	stamp := head
	if n, inner, ok := msgp.ArrayHeader(head); ok {
		if n == 0 {
			return 0, false, errNotRecord
		}
		size := msgp.Skip(inner)
		stamp = inner[:size]
		if n >= 2 && msgp.TypeOf(inner[size:]) != msgp.Map {
			return 0, false, errMeta
		}
	}
	t, ok := parseTime(stamp)
	if !ok {
		return 0, false, errTime
	}
	body = len(raw) - len(rest) + len(head)
	if msgp.TypeOf(raw[body:]) != msgp.Map {
		return 0, false, errBody
	}
	return body, t.Sec == groupStart || t.Sec == groupEnd, nil
}
