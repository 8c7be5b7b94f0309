// Package msgp reads and appends MessagePack as "bytes in, rest out", without decoding it into Go values.
//
// The format is that of https://github.com/msgpack/msgpack/blob/master/spec.md. Readers look at the first
// value of their argument and never allocate; those that can fail say so by a last result, ok. They check
// lengths against what is there, so they are safe on hostile bytes. [Check] is for the border: what passed
// it can be walked without looking again.
package msgp

import (
	"encoding/binary"
	"errors"
)

// MaxDepth is how deep arrays and maps may nest in what comes from outside.
const MaxDepth = 128

// Errors of [Check].
var (
	ErrShort   = errors.New("MessagePack ends early")
	ErrInvalid = errors.New("not MessagePack (byte 0xc1)")
	ErrDepth   = errors.New("MessagePack nests too deep")
)

// Type is the family of a value.
type Type uint8

// The families. Int covers all signed encodings and the positive fixint, Uint the encodings uint8 to uint64.
const (
	Invalid Type = iota
	Nil
	Bool
	Int
	Uint
	Float32
	Float64
	Str
	Bin
	Array
	Map
	Ext
)

// TypeOf tells the family of the first value of b.
func TypeOf(b []byte) Type {
	if len(b) == 0 {
		return Invalid
	}
	return types[b[0]]
}

var types = func() (t [256]Type) {
	fill := func(from, to int, v Type) {
		for i := from; i <= to; i++ {
			t[i] = v
		}
	}
	fill(0x00, 0x7f, Int)
	fill(0x80, 0x8f, Map)
	fill(0x90, 0x9f, Array)
	fill(0xa0, 0xbf, Str)
	fill(0xc0, 0xc0, Nil)
	fill(0xc2, 0xc3, Bool)
	fill(0xc4, 0xc6, Bin)
	fill(0xc7, 0xc9, Ext)
	fill(0xca, 0xca, Float32)
	fill(0xcb, 0xcb, Float64)
	fill(0xcc, 0xcf, Uint)
	fill(0xd0, 0xd3, Int)
	fill(0xd4, 0xd8, Ext)
	fill(0xd9, 0xdb, Str)
	fill(0xdc, 0xdd, Array)
	fill(0xde, 0xdf, Map)
	fill(0xe0, 0xff, Int)
	return t
}()

// shape says how a lead byte goes on: fixed bytes after it (low 6 bits), or which length field follows.
const (
	shFixed   = 0 << 6 // low bits: bytes after the lead byte
	shChild   = 1 << 6 // low bits: number of child values
	shSpecial = 2 << 6 // a length field follows; see the switch in Skip
)

var shapes = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		switch {
		case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
		case c <= 0x8f:
			t[i] = shChild | 2*(c&0x0f)
		case c <= 0x9f:
			t[i] = shChild | c&0x0f
		case c <= 0xbf:
			t[i] = shFixed | c&0x1f
		case c == 0xcc, c == 0xd0:
			t[i] = shFixed | 1
		case c == 0xcd, c == 0xd1:
			t[i] = shFixed | 2
		case c == 0xca, c == 0xce, c == 0xd2:
			t[i] = shFixed | 4
		case c == 0xcb, c == 0xcf, c == 0xd3:
			t[i] = shFixed | 8
		case c >= 0xd4 && c <= 0xd8:
			t[i] = shFixed | (1 + 1<<(c-0xd4))
		default:
			t[i] = shSpecial
		}
	}
	return t
}()

// Skip returns the length of the first value of b, or -1 if b is cut short or malformed. It does not
// recurse, so nesting cannot exhaust the stack, and it needs no more steps than b has bytes.
func Skip(b []byte) int {
	pos, left := 0, 1
	for left > 0 {
		// Every value still owed takes a byte at least: a lying count ends here and not in a long loop.
		if left > len(b)-pos {
			return -1
		}
		left--
		s := shapes[b[pos]]
		switch s & 0xc0 {
		case shFixed:
			pos += 1 + int(s)
		case shChild:
			pos++
			left += int(s & 0x3f)
		default:
			n, children := special(b[pos:])
			if n < 0 {
				return -1
			}
			pos += n
			left += children
		}
	}
	if pos > len(b) {
		return -1
	}
	return pos
}

// Size is [Skip] for bytes that were checked: the fast path of walking a map's pairs, small enough to become a
// part of the loop.
func Size(b []byte) int {
	if s := shapes[b[0]]; s < shChild {
		return 1 + int(s)
	}
	return sizeLong(b)
}

//go:noinline
func sizeLong(b []byte) int {
	if b[0] == 0xd9 {
		return 2 + int(b[1])
	}
	return Skip(b)
}

// special reads a lead byte that a length field follows: the bytes it takes, without children, and how
// many children there are.
func special(b []byte) (n, children int) {
	switch c := b[0]; c {
	case 0xc4, 0xd9:
		if len(b) >= 2 {
			return 2 + int(b[1]), 0
		}
	case 0xc5, 0xda:
		if len(b) >= 3 {
			return 3 + int(binary.BigEndian.Uint16(b[1:])), 0
		}
	case 0xc6, 0xdb:
		if len(b) >= 5 {
			return fit(b, 5, binary.BigEndian.Uint32(b[1:]))
		}
	case 0xc7:
		if len(b) >= 2 {
			return 3 + int(b[1]), 0
		}
	case 0xc8:
		if len(b) >= 3 {
			return 4 + int(binary.BigEndian.Uint16(b[1:])), 0
		}
	case 0xc9:
		if len(b) >= 5 {
			return fit(b, 6, binary.BigEndian.Uint32(b[1:]))
		}
	case 0xdc:
		if len(b) >= 3 {
			return 3, int(binary.BigEndian.Uint16(b[1:]))
		}
	case 0xde:
		if len(b) >= 3 {
			return 3, 2 * int(binary.BigEndian.Uint16(b[1:]))
		}
	case 0xdd, 0xdf:
		if len(b) >= 5 {
			m := uint64(binary.BigEndian.Uint32(b[1:]))
			if c == 0xdf {
				m *= 2
			}
			if m > uint64(len(b)) {
				return -1, 0
			}
			return 5, int(m)
		}
	}
	return -1, 0
}

func fit(b []byte, head int, n uint32) (int, int) {
	if uint64(n) > uint64(len(b)) { // also keeps 32-bit machines from overflowing
		return -1, 0
	}
	return head + int(n), 0
}

// Check validates the first value of b and returns its length. What it let pass nests at most [MaxDepth]
// deep, so that readers may recurse over it.
func Check(b []byte) (int, error) {
	var open [MaxDepth]int // children still owed, per level
	depth, pos := 0, 0
	for {
		if pos >= len(b) {
			return 0, ErrShort
		}
		var children int
		s := shapes[b[pos]]
		switch s & 0xc0 {
		case shFixed:
			pos += 1 + int(s)
		case shChild:
			pos++
			children = int(s & 0x3f)
		default:
			if b[pos] == 0xc1 {
				return 0, ErrInvalid
			}
			n, c := special(b[pos:])
			if n < 0 {
				return 0, ErrShort
			}
			pos += n
			children = c
		}
		if pos > len(b) || children > len(b)-pos {
			return 0, ErrShort
		}
		if children > 0 {
			if depth == MaxDepth {
				return 0, ErrDepth
			}
			open[depth] = children
			depth++
			continue
		}
		for depth > 0 {
			if open[depth-1]--; open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return pos, nil
		}
	}
}
