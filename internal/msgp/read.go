package msgp

import (
	"encoding/binary"
	"math"
)

// ArrayHeader reads the header of an array: its length and what follows the header.
func ArrayHeader(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	switch c := b[0]; {
	case c&0xf0 == 0x90:
		return int(c & 0x0f), b[1:], true
	case c == 0xdc && len(b) >= 3:
		return int(binary.BigEndian.Uint16(b[1:])), b[3:], true
	case c == 0xdd && len(b) >= 5:
		return int(binary.BigEndian.Uint32(b[1:])), b[5:], true
	}
	return 0, nil, false
}

// MapHeader reads the header of a map: its number of pairs and what follows the header.
func MapHeader(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	switch c := b[0]; {
	case c&0xf0 == 0x80:
		return int(c & 0x0f), b[1:], true
	case c == 0xde && len(b) >= 3:
		return int(binary.BigEndian.Uint16(b[1:])), b[3:], true
	case c == 0xdf && len(b) >= 5:
		return int(binary.BigEndian.Uint32(b[1:])), b[5:], true
	}
	return 0, nil, false
}

// ReadStr returns the bytes of a str value, aliasing b.
func ReadStr(b []byte) (s []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	if c := b[0]; c&0xe0 == 0xa0 {
		return cut(b, 1, uint64(c&0x1f))
	}
	switch {
	case b[0] == 0xd9 && len(b) >= 2:
		return cut(b, 2, uint64(b[1]))
	case b[0] == 0xda && len(b) >= 3:
		return cut(b, 3, uint64(binary.BigEndian.Uint16(b[1:])))
	case b[0] == 0xdb && len(b) >= 5:
		return cut(b, 5, uint64(binary.BigEndian.Uint32(b[1:])))
	}
	return nil, false
}

// ReadBin returns the bytes of a bin value, aliasing b.
func ReadBin(b []byte) (s []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	switch {
	case b[0] == 0xc4 && len(b) >= 2:
		return cut(b, 2, uint64(b[1]))
	case b[0] == 0xc5 && len(b) >= 3:
		return cut(b, 3, uint64(binary.BigEndian.Uint16(b[1:])))
	case b[0] == 0xc6 && len(b) >= 5:
		return cut(b, 5, uint64(binary.BigEndian.Uint32(b[1:])))
	}
	return nil, false
}

// ReadExt returns the type and the payload of an extension value, aliasing b.
func ReadExt(b []byte) (typ int8, data []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, false
	}
	head, n := 0, uint64(0)
	switch c := b[0]; {
	case c >= 0xd4 && c <= 0xd8:
		head, n = 2, 1<<(c-0xd4)
	case c == 0xc7 && len(b) >= 3:
		head, n = 3, uint64(b[1])
	case c == 0xc8 && len(b) >= 4:
		head, n = 4, uint64(binary.BigEndian.Uint16(b[1:]))
	case c == 0xc9 && len(b) >= 6:
		head, n = 6, uint64(binary.BigEndian.Uint32(b[1:]))
	default:
		return 0, nil, false
	}
	data, ok = cut(b, head, n)
	return int8(b[head-1]), data, ok
}

func cut(b []byte, head int, n uint64) ([]byte, bool) {
	if n > uint64(len(b)-head) {
		return nil, false
	}
	return b[head : head+int(n) : head+int(n)], true
}

// ReadBool returns a boolean value.
func ReadBool(b []byte) (v, ok bool) {
	if len(b) == 0 || b[0]&0xfe != 0xc2 {
		return false, false
	}
	return b[0] == 0xc3, true
}

// ReadInt returns a value of the family Int.
func ReadInt(b []byte) (v int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	switch c := b[0]; {
	case c <= 0x7f, c >= 0xe0:
		return int64(int8(c)), true
	case c == 0xd0 && len(b) >= 2:
		return int64(int8(b[1])), true
	case c == 0xd1 && len(b) >= 3:
		return int64(int16(binary.BigEndian.Uint16(b[1:]))), true
	case c == 0xd2 && len(b) >= 5:
		return int64(int32(binary.BigEndian.Uint32(b[1:]))), true
	case c == 0xd3 && len(b) >= 9:
		return int64(binary.BigEndian.Uint64(b[1:])), true
	}
	return 0, false
}

// ReadUint returns a value of the family Uint.
func ReadUint(b []byte) (v uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	switch c := b[0]; {
	case c == 0xcc && len(b) >= 2:
		return uint64(b[1]), true
	case c == 0xcd && len(b) >= 3:
		return uint64(binary.BigEndian.Uint16(b[1:])), true
	case c == 0xce && len(b) >= 5:
		return uint64(binary.BigEndian.Uint32(b[1:])), true
	case c == 0xcf && len(b) >= 9:
		return binary.BigEndian.Uint64(b[1:]), true
	}
	return 0, false
}

// ReadFloat returns a value of the family Float32 or Float64.
func ReadFloat(b []byte) (v float64, ok bool) {
	switch {
	case len(b) >= 9 && b[0] == 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(b[1:])), true
	case len(b) >= 5 && b[0] == 0xca:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[1:]))), true
	}
	return 0, false
}
