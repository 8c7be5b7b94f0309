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

// block hands out room for values, from pieces that double in size: a chunk of one event stays cheap.
type block[T any] struct {
	free []T
	size int
}

func (b *block[T]) put(v T) unsafe.Pointer {
	if len(b.free) == 0 {
		b.size = min(max(2*b.size, 4), 256)
		b.free = make([]T, b.size)
	}
	p := &b.free[0]
	b.free = b.free[1:]
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
	entries [64]keyEntry
	last    *keyEntry
}

type keyEntry struct {
	text  string
	boxed any
	next  *keyEntry // the key that came after this one the last time
}

const (
	keyWays = 4  // neighbouring places where a key may stand
	keyMax  = 64 // longer ones are not remembered
)

func (t *keys) get(b []byte) any {
	if t.last != nil {
		if e := t.last.next; e != nil && e.text == string(b) { // fast path: the order of the event before
			t.last = e
			return e.boxed
		}
	}
	if len(b) == 0 || len(b) > keyMax {
		return string(b)
	}
	e := t.find(b)
	if t.last != nil {
		t.last.next = e
	}
	t.last = e
	return e.boxed
}

// find returns the entry of a key, a new one if need be.
func (t *keys) find(b []byte) *keyEntry {
	n := len(b)
	h := uint32(n)*0x9e3779b1 ^ uint32(b[0])*0x85ebca6b ^ uint32(b[n/2])*0xc2b2ae35 ^ uint32(b[n-1])*0x27d4eb2f
	at := h >> 26 // 6 bits: 64 places
	e := &t.entries[at]
	for i := range uint32(keyWays) {
		place := &t.entries[(at+i)%uint32(len(t.entries))]
		if place.boxed == nil {
			e = place
			break
		}
		if place.text == string(b) {
			return place
		}
	}
	e.text = string(b)
	e.boxed = e.text
	return e
}
