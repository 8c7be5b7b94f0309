package event

import (
	"math/bits"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Keys are the names of several fields that are read together: one walk over a map finds them all.
//
//	var keys = event.NewKeys("level", "status")
//	…
//	var found [2]event.Value
//	keys.Find(r.Body(), found[:])
type Keys struct {
	names  []string
	ofSize [33]uint64 // which names are so long; the last is for all longer ones
}

// NewKeys prepares to look for up to 64 names.
func NewKeys(names ...string) *Keys {
	if len(names) > 64 {
		panic("event: more than 64 keys")
	}
	k := &Keys{names: names}
	for i, n := range names {
		k.ofSize[min(len(n), len(k.ofSize)-1)] |= 1 << i
	}
	return k
}

// Find puts the values under the keys of a map into found, which must have room for one per key: nil for a key
// that is not there, and the last value for one that is there twice. Anything but a map has no keys.
func (k *Keys) Find(v Value, found []Value) {
	found = found[:len(k.names)]
	clear(found)
	n, rest, _ := msgp.MapHeader(v)
	for range n {
		size := int(rest[0] & 0x1f)
		at := 1 + size
		if rest[0]&0xe0 != 0xa0 {
			at = msgp.Size(rest)
			s, ok := msgp.ReadStr(rest[:at])
			if size = len(s); !ok {
				size = -1
			}
		}
		val := rest[at:]
		end := msgp.Size(val)
		if size >= 0 {
			for like := k.ofSize[min(size, len(k.ofSize)-1)]; like != 0; like &= like - 1 {
				i := bits.TrailingZeros64(like)
				if len(k.names[i]) == size && string(rest[at-size:at]) == k.names[i] {
					found[i] = Value(val[:end:end])
				}
			}
		}
		rest = val[end:]
	}
}
