package output

import (
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// maxDepth bounds the recursion below. Deeper records are reported, not decoded.
const maxDepth = 1000

// fault is what is wrong with a value. Whoever meets one stops decoding.
type fault uint8

const (
	sound fault = iota
	deep        // it nests too deep
	short       // it ends early, or is no MessagePack
)

// record decodes the map at p.
func (dec *FLBDecoder) record(p int) map[any]any {
	m, _ := dec.value(p, 0)
	rec, _ := m.(map[any]any)
	return rec
}

// value decodes the value at p and returns where the next one begins.
func (dec *FLBDecoder) value(p, depth int) (any, int) {
	if p >= len(dec.data) {
		return dec.fail(short)
	}
	c := dec.data[p]
	switch {
	case c <= 0x7f:
		return int64(c), p + 1
	case c <= 0x8f:
		return dec.mapping(p+1, int(c&0x0f), depth)
	case c <= 0x9f:
		return dec.array(p+1, int(c&0x0f), depth)
	case c <= 0xbf:
		return dec.bytes(p+1, int(c&0x1f))
	case c >= 0xe0:
		return dec.boxes.int(int64(int8(c))), p + 1
	}
	switch c {
	case 0xc0:
		return nil, p + 1
	case 0xc2:
		return false, p + 1
	case 0xc3:
		return true, p + 1
	case 0xc4, 0xd9:
		if p+1 < len(dec.data) {
			return dec.bytes(p+2, int(dec.data[p+1]))
		}
	}
	return dec.wide(p, depth)
}

// fail has the decoding of a value end.
func (dec *FLBDecoder) fail(f fault) (any, int) {
	dec.fault = f
	return nil, len(dec.data)
}

// wide decodes what is met less often.
func (dec *FLBDecoder) wide(p, depth int) (any, int) {
	b := dec.data[p:]
	switch msgp.TypeOf(b) {
	case msgp.Int:
		if n, ok := msgp.ReadInt(b); ok {
			return dec.boxes.int(n), p + 1 + 1<<(b[0]-0xd0)
		}
	case msgp.Uint:
		if n, ok := msgp.ReadUint(b); ok {
			return dec.boxes.uint(n), p + 1 + 1<<(b[0]-0xcc)
		}
	case msgp.Float32, msgp.Float64:
		if f, ok := msgp.ReadFloat(b); ok {
			return dec.boxes.float(f), p + 1 + 4<<(b[0]-0xca)
		}
	case msgp.Str:
		if s, ok := msgp.ReadStr(b); ok {
			return dec.bytes(p+1+1<<(b[0]-0xd9), len(s))
		}
	case msgp.Bin:
		if s, ok := msgp.ReadBin(b); ok {
			return dec.bytes(p+1+1<<(b[0]-0xc4), len(s))
		}
	case msgp.Array:
		if n, rest, ok := msgp.ArrayHeader(b); ok {
			return dec.array(len(dec.data)-len(rest), n, depth)
		}
	case msgp.Map:
		if n, rest, ok := msgp.MapHeader(b); ok {
			return dec.mapping(len(dec.data)-len(rest), n, depth)
		}
	case msgp.Ext:
		if n := msgp.Skip(b); n > 0 {
			return dec.extension(b), p + n
		}
	}
	return dec.fail(short)
}

func (dec *FLBDecoder) bytes(p, n int) (any, int) {
	if n > len(dec.data)-p {
		return dec.fail(short)
	}
	end := p + n
	return dec.boxes.bytes(dec.data[p:end:end]), end // no spare capacity: an append may not reach the neighbour
}

func (dec *FLBDecoder) extension(b []byte) any {
	typ, data, _ := msgp.ReadExt(b)
	t, ok := timeOf(typ, data)
	switch {
	case ok && typ == 0:
		return dec.boxes.time(FLBTime{t})
	case ok:
		return t
	}
	return RawExt{Tag: uint64(uint8(typ)), Data: data}
}

func (dec *FLBDecoder) array(p, n, depth int) (any, int) {
	switch {
	case depth == maxDepth:
		return dec.fail(deep)
	case n > len(dec.data)-p: // each takes a byte at least
		return dec.fail(short)
	}
	a := make([]any, n)
	for i := range a {
		if a[i], p = dec.value(p, depth+1); dec.fault != sound {
			break
		}
	}
	return a, p
}

func (dec *FLBDecoder) mapping(p, n, depth int) (any, int) {
	switch {
	case depth == maxDepth:
		return dec.fail(deep)
	case n > (len(dec.data)-p)/2:
		return dec.fail(short)
	}
	m := make(map[any]any, n)
	for range n {
		var k, v any
		k, p = dec.key(p, depth+1)
		if dec.fault != sound {
			break
		}
		if v, p = dec.value(p, depth+1); dec.fault != sound {
			break
		}
		m[k] = v
	}
	return m, p
}

// key decodes a map's key. Text becomes a string. What Go cannot use as a key, arrays, maps and unknown
// extensions, becomes a string of its MessagePack: odd, but nothing is lost.
func (dec *FLBDecoder) key(p, depth int) (any, int) {
	if p >= len(dec.data) {
		return dec.fail(short)
	}
	if c := dec.data[p]; c&0xe0 == 0xa0 { // fast path: fixstr
		end := p + 1 + int(c&0x1f)
		if end > len(dec.data) {
			return dec.fail(short)
		}
		return dec.keys.get(dec.data[p+1 : end]), end
	}
	b := dec.data[p:]
	n := msgp.Skip(b)
	if n < 0 {
		return dec.fail(short)
	}
	switch msgp.TypeOf(b) {
	case msgp.Str, msgp.Bin:
		s, ok := msgp.ReadStr(b)
		if !ok {
			s, _ = msgp.ReadBin(b)
		}
		return dec.keys.get(s), p + n
	case msgp.Array, msgp.Map:
		return string(b[:n]), p + n
	case msgp.Ext:
		switch v := dec.extension(b).(type) {
		case FLBTime, time.Time:
			return v, p + n
		}
		return string(b[:n]), p + n
	}
	return dec.value(p, depth)
}
