package parsing

import (
	"github.com/fluent/fluent-bit-go/agent/internal/strptime"
	"github.com/fluent/fluent-bit-go/event"
)

// Builder puts one record together. It is used between Begin and End, by one goroutine.
type Builder struct {
	Index []int // room for the format to keep from line to line
	Text  []byte

	rules *Rules
	cache strptime.Cache
	dst   []byte
	at, n int
	t     event.Time

	fields      []event.Field
	work, extra []byte
	extras      int
	text, next  []byte
}

// Begin starts a record at the end of dst.
func (r *Rules) Begin(dst []byte) *Builder {
	b := r.pool.Get().(*Builder)
	b.at, b.n, b.t = len(dst), 0, event.Time{}
	b.dst = append(dst, 0x80)
	return b
}

// Add appends a field. The time's field goes to the record only when it is to be kept; one that cannot be
// read is left out.
func (b *Builder) Add(c *Column, val []byte) {
	if c.time {
		if !b.takeTime(val) || !b.rules.keep {
			return
		}
	}
	b.n++
	b.dst = append(b.dst, c.key...)
	b.value(c.key, c.kind, val)
}

// Time takes val as the record's time when key is the time's field; an empty one counts as any other
// field. bad means that it cannot be read, taken that the field is not to be added.
func (b *Builder) Time(key, val []byte) (taken, bad bool) {
	r := b.rules
	if r.layout == nil || len(val) == 0 || string(key) != r.timeKey {
		return false, false
	}
	if !b.takeTime(val) {
		return false, true
	}
	return !r.keep, false
}

func (b *Builder) takeTime(val []byte) bool {
	t, ok := b.rules.layout.Parse(val, &b.cache)
	if !ok {
		b.rules.badTime(val)
		return false
	}
	b.t = t
	return true
}

// AddText appends a text field, or what Types makes of it.
func (b *Builder) AddText(key, val []byte) {
	b.n++
	at := len(b.dst)
	b.dst = event.AppendStr(b.dst, key)
	b.value(b.dst[at:], kindOf(b.rules.types, key), val)
}

// AddTrue appends a field that is true.
func (b *Builder) AddTrue(key []byte) {
	b.n++
	b.dst = event.AppendBool(event.AppendStr(b.dst, key), true)
}

func (b *Builder) value(key []byte, k kind, val []byte) {
	var ok bool
	if b.dst, ok = appendCast(b.dst, k, val); !ok {
		b.rules.badCast(event.Value(key).Str(), val)
	}
}

// Len is the number of fields so far.
func (b *Builder) Len() int { return b.n }

// End returns dst with the record behind it, decoders applied, and gives the builder back.
func (b *Builder) End() (body []byte, t event.Time) {
	b.close(b.at, b.n)
	if b.rules.decoders != nil {
		b.dst = b.decode(b.dst, b.at)
	}
	body, t = b.dst, b.t
	b.dst = nil
	b.rules.pool.Put(b)
	return body, t
}

// Drop returns dst without the record and gives the builder back.
func (b *Builder) Drop() []byte {
	dst := b.dst[:b.at]
	b.dst = nil
	b.rules.pool.Put(b)
	return dst
}

// close writes the number of pairs to the header, for which one byte was left at dst[at].
func (b *Builder) close(at, n int) {
	if n < 16 {
		b.dst[at] = 0x80 | byte(n)
		return
	}
	var head [5]byte
	h := event.AppendMap(head[:0], n)
	b.dst = append(b.dst, h[1:]...) // room, for the pairs to move into
	copy(b.dst[at+len(h):], b.dst[at+1:])
	copy(b.dst[at:], h)
}
