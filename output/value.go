package output

import (
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// maxDepth bounds the recursion below. Deeper records are reported, not decoded.
const maxDepth = 1000

// record decodes the map at p.
func (dec *FLBDecoder) record(p int) map[any]any {
	m, _ := dec.value(p, 0)
	rec, _ := m.(map[any]any)
	return rec
}

// value decodes the value at p and returns where the next one begins. The bytes have passed msgp.Skip.
func (dec *FLBDecoder) value(p, depth int) (any, int) {
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
		return dec.bytes(p+2, int(dec.data[p+1]))
	}
	return dec.wide(p, depth)
}

// wide decodes what is met less often.
func (dec *FLBDecoder) wide(p, depth int) (any, int) {
	b := dec.data[p:]
	switch msgp.TypeOf(b) {
	case msgp.Int:
		n, _ := msgp.ReadInt(b)
		return dec.boxes.int(n), p + 1 + 1<<(b[0]-0xd0)
	case msgp.Uint:
		n, _ := msgp.ReadUint(b)
		return dec.boxes.uint(n), p + 1 + 1<<(b[0]-0xcc)
	case msgp.Float32, msgp.Float64:
		f, _ := msgp.ReadFloat(b)
		return dec.boxes.float(f), p + 1 + 4<<(b[0]-0xca)
	case msgp.Str:
		s, _ := msgp.ReadStr(b)
		return dec.bytes(p+1+1<<(b[0]-0xd9), len(s))
	case msgp.Bin:
		s, _ := msgp.ReadBin(b)
		return dec.bytes(p+1+1<<(b[0]-0xc4), len(s))
	case msgp.Array:
		n, rest, _ := msgp.ArrayHeader(b)
		return dec.array(len(dec.data)-len(rest), n, depth)
	case msgp.Map:
		n, rest, _ := msgp.MapHeader(b)
		return dec.mapping(len(dec.data)-len(rest), n, depth)
	case msgp.Ext:
		return dec.extension(b), p + msgp.Skip(b)
	}
	panic("BUG: a byte that msgp.Skip let pass is not MessagePack")
}

func (dec *FLBDecoder) bytes(p, n int) (any, int) {
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
	if depth == maxDepth {
		dec.deep = true
		return nil, len(dec.data)
	}
	a := make([]any, n)
	for i := range a {
		if a[i], p = dec.value(p, depth+1); dec.deep {
			break
		}
	}
	return a, p
}

func (dec *FLBDecoder) mapping(p, n, depth int) (any, int) {
	if depth == maxDepth {
		dec.deep = true
		return nil, len(dec.data)
	}
	m := make(map[any]any, n)
	for range n {
		var k, v any
		k, p = dec.key(p, depth+1)
		if dec.deep {
			break
		}
		if v, p = dec.value(p, depth+1); dec.deep {
			break
		}
		m[k] = v
	}
	return m, p
}

// key decodes a map's key. Text becomes a string. What Go cannot use as a key, arrays, maps and unknown
// extensions, becomes a string of its MessagePack: odd, but nothing is lost.
func (dec *FLBDecoder) key(p, depth int) (any, int) {
	if c := dec.data[p]; c&0xe0 == 0xa0 { // fast path: fixstr
		end := p + 1 + int(c&0x1f)
		return dec.keys.get(dec.data[p+1 : end]), end
	}
	switch b := dec.data[p:]; msgp.TypeOf(b) {
	case msgp.Str, msgp.Bin:
		s, ok := msgp.ReadStr(b)
		if !ok {
			s, _ = msgp.ReadBin(b)
		}
		return dec.keys.get(s), p + msgp.Skip(b)
	case msgp.Array, msgp.Map:
		n := msgp.Skip(b)
		return string(b[:n]), p + n
	case msgp.Ext:
		n := msgp.Skip(b)
		switch v := dec.extension(b).(type) {
		case FLBTime, time.Time:
			return v, p + n
		}
		return string(b[:n]), p + n
	}
	return dec.value(p, depth)
}
