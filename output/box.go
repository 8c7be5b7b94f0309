package output

import (
	"math"
	"unsafe"
)

// boxes turns values into interfaces. Go allocates for each such conversion, which was most of the time that
// decoding took. Here the values lie side by side in blocks, and the interface is pointed at its own: an
// interface is two words, the type and the address of a value that nobody ever changes, and neither do we. The
// collector frees a block when no interface points into it any more.
type boxes struct {
	slices block[[]byte]
	ints   block[int64]
	uints  block[uint64]
	floats block[float64]
	times  block[FLBTime]
}

// block hands out room for values, from pieces that double in size: a chunk of one event stays cheap. It counts
// with an index, since moving a pointer along would have the collector look on.
type block[T any] struct {
	room []T
	used int
}

func (b *block[T]) put(v T) unsafe.Pointer {
	if b.used == len(b.room) {
		b.room, b.used = make([]T, min(max(2*len(b.room), 4), 256)), 0
	}
	p := &b.room[b.used]
	b.used++
	*p = v
	return unsafe.Pointer(p)
}

// face is the layout of an interface{}.
type face struct{ typ, data unsafe.Pointer }

func typeWord(v any) unsafe.Pointer { return (*face)(unsafe.Pointer(&v)).typ }

var (
	sliceType = typeWord([]byte(nil))
	intType   = typeWord(int64(0))
	uintType  = typeWord(uint64(0))
	floatType = typeWord(float64(0))
	timeType  = typeWord(FLBTime{})
)

func box(typ, data unsafe.Pointer) any {
	f := face{typ, data}
	return *(*any)(unsafe.Pointer(&f))
}

func (b *boxes) bytes(v []byte) any { return box(sliceType, b.slices.put(v)) }

func (b *boxes) time(v FLBTime) any { return box(timeType, b.times.put(v)) }

func (b *boxes) int(v int64) any {
	if uint64(v) < 256 {
		return v // Go keeps these ready
	}
	return box(intType, b.ints.put(v))
}

func (b *boxes) uint(v uint64) any {
	if v < 256 {
		return v
	}
	return box(uintType, b.uints.put(v))
}

func (b *boxes) float(v float64) any {
	if math.Float64bits(v) == 0 {
		return v
	}
	return box(floatType, b.floats.put(v))
}

// keys remembers the last keys, ready as interfaces: the events of a chunk mostly share theirs. The strings are
// copies of their own, so that a plugin that keeps a key does not keep the chunk.
type keys struct {
	entries [keyCount]keyEntry
	last    uint8
}

type keyEntry struct {
	text  string
	boxed any
	next  uint8 // the key that came after this one the last time
}

const (
	keyCount = 64
	keyWays  = 4  // neighbouring places where a key may stand
	keyMax   = 64 // longer ones are not remembered
)

func (t *keys) get(b []byte) any {
	if len(b) == 0 || len(b) > keyMax {
		return string(b)
	}
	last := &t.entries[t.last%keyCount]
	if e := &t.entries[last.next%keyCount]; e.text == string(b) { // fast path: the order of the event before
		t.last = last.next
		return e.boxed
	}
	at := t.find(b)
	last.next, t.last = at, at
	return t.entries[at%keyCount].boxed
}

// find returns the place of a key, a new one if need be.
func (t *keys) find(b []byte) uint8 {
	n := len(b)
	h := uint32(n)*0x9e3779b1 ^ uint32(b[0])*0x85ebca6b ^ uint32(b[n/2])*0xc2b2ae35 ^ uint32(b[n-1])*0x27d4eb2f
	at := uint8(h >> 26) // 6 bits: 64 places
	for i := range uint8(keyWays) {
		place := (at + i) % keyCount
		e := &t.entries[place]
		if e.boxed != nil && e.text == string(b) {
			return place
		}
		if e.boxed == nil {
			at = place
			break
		}
	}
	e := &t.entries[at]
	e.text = string(b)
	e.boxed = e.text
	return at
}
