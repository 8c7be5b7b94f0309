package event

import (
	"encoding/binary"
	"strconv"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// JSONStyle says how values are written as JSON where Fluent Bit leaves a choice.
type JSONStyle struct {
	RawUTF8   bool // write characters beyond ASCII as they are instead of \uXXXX
	NaNAsNull bool // write null for numbers that JSON cannot hold; without it they become "NaN", "Infinity", "-Infinity"

	keys  *keySearch // nil when a key may be in a map twice
	inKey bool       // inside of a key that is no text: were those in it quoted again, their length would double with each level
}

// AppendJSON appends v as JSON (RFC 8259), in one pass and without blanks.
//
// What JSON lacks is written the way Fluent Bit does, as far as the result stays valid: binary data is
// text, an extension is the text \xNN for each byte, a map's key that is no text is put in quotes, and one
// inside of such a key that is an array or a map is written like an extension. Whole
// floating-point numbers keep a fraction (100000.0), others take as many digits as reading them back
// needs. Of a key that a map holds more than once the last pair is written. Bytes that are no UTF-8 become
// private characters from U+E000 on, or U+FFFD when characters are written as they are. A nil v is null.
func AppendJSON(dst []byte, v Value, s JSONStyle) []byte {
	keys := keySearch{left: searchable * len(v)}
	s.keys = &keys
	out, _ := appendJSON(dst, v, s)
	if !keys.over {
		return out // fast path
	}
	// From the beginning: were each map with such a key written anew, time would double with each level.
	s.keys = nil
	out, _ = appendJSON(out[:len(dst)], v, s)
	return out
}

// appendJSON writes the first value of v and returns what follows it. Malformed bytes are written as null
// and end the walk.
func appendJSON(dst, v []byte, s JSONStyle) (out, rest []byte) {
	if len(v) > 0 && v[0] <= 0x7f { // fast path: small number
		return appendSmall(dst, v[0]), v[1:]
	}
	if len(v) > 32 && v[0]&0xe0 == 0xa0 { // fast path: short text
		return appendShort(dst, v, s)
	}
	switch msgp.TypeOf(v) {
	case msgp.Str, msgp.Bin:
		text, rest, ok := cutText(v)
		if ok {
			return AppendJSONString(dst, text, s), rest
		}
	case msgp.Map:
		if n, rest, ok := msgp.MapHeader(v); ok {
			return appendJSONMap(dst, n, rest, s)
		}
	case msgp.Array:
		if n, rest, ok := msgp.ArrayHeader(v); ok {
			return appendJSONArray(dst, n, rest, s)
		}
	default:
		if size := msgp.Skip(v); size > 0 {
			return appendJSONScalar(dst, v[:size], s), v[size:]
		}
	}
	return append(dst, "null"...), nil
}

// appendSmall appends a number from 0 to 127.
func appendSmall(dst []byte, n byte) []byte {
	switch {
	case n < 10:
		return append(dst, '0'+n)
	case n < 100:
		return append(dst, '0'+n/10, '0'+n%10)
	}
	return append(dst, '1', '0'+n/10%10, '0'+n%10)
}

// cutText splits a str or bin off v.
func cutText(v []byte) (text, rest []byte, ok bool) {
	if n := 1 + int(v[0]&0x1f); v[0]&0xe0 == 0xa0 && n <= len(v) { // fast path: short str
		return v[1:n], v[n:], true
	}
	text, ok = msgp.ReadStr(v)
	if !ok {
		text, ok = msgp.ReadBin(v)
	}
	if !ok {
		return nil, nil, false
	}
	head := 2 // with a length of 8, 16 or 32 bits
	switch v[0] {
	case 0xda, 0xc5:
		head = 3
	case 0xdb, 0xc6:
		head = 5
	}
	return text, v[head+len(text):], true
}

func appendJSONArray(dst []byte, n int, v []byte, s JSONStyle) (out, rest []byte) {
	dst = append(dst, '[')
	for i := 0; i < n && len(v) > 0; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, v = appendJSON(dst, v, s)
	}
	return append(dst, ']'), v
}

// manyKeys is the size from which on a map's keys are looked up in a table instead of a small filter.
const manyKeys = 128

func appendJSONMap(dst []byte, n int, pairs []byte, s JSONStyle) (out, rest []byte) {
	if n > manyKeys || s.keys == nil {
		return appendJSONLastPairs(dst, n, pairs, s)
	}
	// One bit per key seen. Bits that meet are no proof: they are followed by a true comparison.
	var seen [16]uint64
	dst = append(dst, '{')
	v := pairs
	for i := 0; i < n && len(v) > 0; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if c := v[0]; c&0xe0 == 0xa0 && len(v) > 32 { // fast path: short key
			size := int(c & 0x1f)
			h := shortHash(v, size)
			bit := uint64(1) << (h & 63)
			if seen[h>>6]&bit != 0 && s.keys.has(pairs[:len(pairs)-len(v)], v[1:1+size]) {
				return dst, nil
			}
			seen[h>>6] |= bit
			dst, v = appendShort(dst, v, s)
		} else if msgp.TypeOf(v) == msgp.Str {
			key, after, ok := cutText(v)
			if !ok {
				return append(dst, `"":null}`...), nil
			}
			h := keyHash(key)
			bit := uint64(1) << (h & 63)
			if seen[h>>6]&bit != 0 && s.keys.has(pairs[:len(pairs)-len(v)], key) {
				return dst, nil
			}
			seen[h>>6] |= bit
			dst = AppendJSONString(dst, key, s)
			v = after
		} else {
			dst, v = appendJSONKey(dst, v, s)
		}
		dst = append(dst, ':')
		dst, v = appendJSON(dst, v, s)
	}
	return append(dst, '}'), v
}

// keyHash maps a key to one of 1024 bits, by its length and its first and last eight bytes.
func keyHash(key []byte) uint32 {
	if n := len(key); n >= 8 {
		return mix(n, binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[n-8:]))
	}
	var w uint64
	for i, c := range key {
		w |= uint64(c) << (8 * i)
	}
	return mix(len(key), w, 0)
}

// shortHash is keyHash for a key of n bytes behind its head in v, which goes on.
func shortHash(v []byte, n int) uint32 {
	in := (*[32]byte)(v[1:33])
	w := binary.LittleEndian.Uint64(in[:8])
	if n >= 8 {
		return mix(n, w, binary.LittleEndian.Uint64(in[(n-8)&31:]))
	}
	return mix(n, w&firstBytes[n&7], 0)
}

func mix(n int, first, last uint64) uint32 {
	h := (uint64(n) ^ first) * 0x9e3779b97f4a7c15
	h ^= h>>32 ^ last
	return uint32(h * 0x9e3779b97f4a7c15 >> 54)
}

// searchable is how many times the bytes of a value may be searched for keys. That is for keys whose bits meet by
// chance; those of somebody who wants them to meet would take the square of a map's size, and more in nested maps.
const searchable = 16

// keySearch looks for keys that are in a map twice.
type keySearch struct {
	left int  // how many bytes may be searched
	over bool // a key is there twice, or it would take too long to know: writing ends
}

// has reports whether the text key is among pairs, or may be.
func (k *keySearch) has(pairs, key []byte) bool {
	k.left -= len(pairs)
	k.over = k.left < 0
	for len(pairs) > 0 && !k.over {
		size := msgp.Skip(pairs)
		name, ok := msgp.ReadStr(pairs[:size])
		k.over = ok && string(name) == string(key)
		pairs = pairs[size:]
		pairs = pairs[msgp.Skip(pairs):]
	}
	return k.over
}

// appendJSONLastPairs writes a map that is large or may have a key more than once.
func appendJSONLastPairs(dst []byte, n int, pairs []byte, s JSONStyle) (out, rest []byte) {
	last := make(map[string]int, min(n, len(pairs)/2)) // where the last pair of a key stands
	v := pairs
	for i := range n {
		size := msgp.Skip(v)
		if size < 0 {
			n = i
			break
		}
		if k, ok := msgp.ReadStr(v[:size]); ok {
			last[string(k)] = i
		}
		v = v[size:]
		if size = msgp.Skip(v); size < 0 {
			n = i
			break
		}
		v = v[size:]
	}
	dst = append(dst, '{')
	v = pairs
	first := true
	for i := 0; i < n && len(v) > 0; i++ {
		size := msgp.Skip(v)
		k, ok := msgp.ReadStr(v[:size])
		if ok && last[string(k)] != i {
			v = v[size:]
			v = v[msgp.Skip(v):]
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst, v = appendJSONKey(dst, v, s)
		dst = append(dst, ':')
		dst, v = appendJSON(dst, v, s)
	}
	return append(dst, '}'), v
}

// appendJSONKey writes a map's key of any type as a text.
func appendJSONKey(dst, v []byte, s JSONStyle) (out, rest []byte) {
	switch msgp.TypeOf(v) {
	case msgp.Array, msgp.Map:
		if s.inKey {
			size := msgp.Skip(v)
			if size < 0 {
				return append(dst, `"null"`...), nil
			}
			return appendJSONBytes(dst, v[:size]), v[size:]
		}
		s.inKey = true
	}
	start := len(dst)
	dst, rest = appendJSON(dst, v, s)
	switch dst[start] {
	case '"':
	case '[', '{':
		text := string(dst[start:])
		dst = AppendJSONString(dst[:start], text, s)
	default: // a number, a boolean, null
		dst = append(dst, "\"\""...)
		copy(dst[start+1:], dst[start:len(dst)-2])
		dst[start] = '"'
	}
	return dst, rest
}

func appendJSONScalar(dst, v []byte, s JSONStyle) []byte {
	switch msgp.TypeOf(v) {
	case msgp.Int:
		n, _ := msgp.ReadInt(v)
		return strconv.AppendInt(dst, n, 10)
	case msgp.Uint:
		n, _ := msgp.ReadUint(v)
		return strconv.AppendUint(dst, n, 10)
	case msgp.Float64:
		f, _ := msgp.ReadFloat(v)
		return AppendJSONFloat(dst, f, s)
	case msgp.Float32:
		f, _ := msgp.ReadFloat(v)
		return appendJSONFloat(dst, f, 32, s)
	case msgp.Bool:
		b, _ := msgp.ReadBool(v)
		return strconv.AppendBool(dst, b)
	case msgp.Ext:
		_, data, _ := msgp.ReadExt(v)
		return appendJSONBytes(dst, data)
	}
	return append(dst, "null"...)
}

// appendJSONBytes writes bytes that are no text as the text \xNN for each.
func appendJSONBytes(dst, data []byte) []byte {
	dst = append(dst, '"')
	for _, c := range data {
		dst = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, '"')
}
