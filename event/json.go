package event

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// JSONStyle says how values are written as JSON where Fluent Bit leaves a choice.
type JSONStyle struct {
	RawUTF8   bool // write characters beyond ASCII as they are instead of \uXXXX
	NaNAsNull bool // write null for numbers that JSON cannot hold; without it they become "NaN", "Infinity", "-Infinity"
}

// AppendJSON appends v as JSON (RFC 8259), in one pass and without blanks.
//
// What JSON lacks is written the way Fluent Bit does, as far as the result stays valid: binary data is
// text, an extension is the text \xNN for each byte, a map's key that is no text is put in quotes. Whole
// floating-point numbers keep a fraction (100000.0), others take as many digits as reading them back
// needs. Of a key that a map holds more than once the last pair is written. Bytes that are no UTF-8 become
// private characters from U+E000 on, or U+FFFD when characters are written as they are. A nil v is null.
func AppendJSON(dst []byte, v Value, s JSONStyle) []byte {
	dst, _ = appendJSON(dst, v, s)
	return dst
}

// appendJSON writes the first value of v and returns what follows it. Malformed bytes are written as null
// and end the walk.
func appendJSON(dst, v []byte, s JSONStyle) (out, rest []byte) {
	if len(v) > 0 && v[0] <= 0x7f { // fast path: small number
		return appendSmall(dst, v[0]), v[1:]
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
	if n > manyKeys {
		return appendJSONLastPairs(dst, n, pairs, s)
	}
	// One bit per key seen. Bits that meet are no proof: they are followed by a true comparison.
	var seen [16]uint64
	start := len(dst)
	dst = append(dst, '{')
	v := pairs
	for i := 0; i < n && len(v) > 0; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if msgp.TypeOf(v) == msgp.Str {
			key, after, ok := cutText(v)
			if !ok {
				return append(dst, `"":null}`...), nil
			}
			h := keyHash(key)
			bit := uint64(1) << (h & 63)
			if seen[h>>6]&bit != 0 && hasKey(pairs, i, key) {
				return appendJSONLastPairs(dst[:start], n, pairs, s)
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
	h := uint64(len(key))
	if len(key) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(key)) * 0x9e3779b97f4a7c15
		h ^= binary.LittleEndian.Uint64(key[len(key)-8:])
	} else {
		for _, c := range key {
			h = h<<8 | uint64(c)
		}
	}
	h *= 0x9e3779b97f4a7c15
	return uint32(h >> 54)
}

// hasKey reports whether the text key is among the first n pairs.
func hasKey(pairs []byte, n int, key []byte) bool {
	for range n {
		size := msgp.Skip(pairs)
		k, ok := msgp.ReadStr(pairs[:size])
		if ok && string(k) == string(key) {
			return true
		}
		pairs = pairs[size:]
		pairs = pairs[msgp.Skip(pairs):]
	}
	return false
}

// appendJSONLastPairs writes a map that is large or has a key more than once.
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
	for i := range n {
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
		dst = append(dst, '"')
		for _, c := range data {
			dst = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
		return append(dst, '"')
	}
	return append(dst, "null"...)
}

// AppendJSONFloat appends f as a JSON number that reads back as the same number.
func AppendJSONFloat(dst []byte, f float64, s JSONStyle) []byte {
	return appendJSONFloat(dst, f, 64, s)
}

func appendJSONFloat(dst []byte, f float64, size int, s JSONStyle) []byte {
	a := math.Abs(f)
	switch {
	case a < 1<<53 && f == math.Trunc(f):
		if f == 0 && math.Signbit(f) {
			return append(dst, "-0.0"...)
		}
		return append(strconv.AppendInt(dst, int64(f), 10), ".0"...)
	case (a < 1<<63 || f == -1<<63) && f == math.Trunc(f):
		return strconv.AppendFloat(dst, f, 'f', 1, 64)
	case a >= 1e-4 && a < 1<<63:
		return strconv.AppendFloat(dst, f, 'f', -1, size)
	case a <= math.MaxFloat64:
		return strconv.AppendFloat(dst, f, 'e', -1, size)
	case s.NaNAsNull:
		return append(dst, "null"...)
	case f > 0:
		return append(dst, `"Infinity"`...)
	case f < 0:
		return append(dst, `"-Infinity"`...)
	}
	return append(dst, `"NaN"`...)
}

const hexDigits = "0123456789abcdef"

// The words of eight equal bytes that the scans below compare with.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// escapeMask has the high bit of the first byte in w set that does not stand for itself in a JSON string:
// all but ASCII without controls, DEL, the quote and the backslash. Bits above it may be wrong, since
// borrows only go up.
func escapeMask(w uint64) uint64 {
	quote, slash, del := w^ones*'"', w^ones*'\\', w^ones*0x7f
	return (w | (w - ones*0x20) | (quote - ones) | (slash - ones) | (del - ones)) & highs
}

// plainPrefix returns how many bytes of text stand for themselves in a JSON string.
func plainPrefix[T ~string | ~[]byte](text T) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if m := escapeMask(le64(text, i)); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(text) && plain[text[i]] {
		i++
	}
	return i
}

// le64 reads eight bytes; the compiler makes one load of it.
func le64[T ~string | ~[]byte](s T, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendJSONString appends text in quotes, escaped as [AppendJSON] does.
func AppendJSONString[T ~string | ~[]byte](dst []byte, text T, s JSONStyle) []byte {
	if cap(dst)-len(dst) < len(text)+16 {
		dst = slices.Grow(dst, len(text)+16)
	}
	// Plain text is copied while it is looked at, a word at a time: fast path.
	at, n := len(dst)+1, len(text)
	out := dst[at : at+n+8]
	dst = dst[:at]
	dst[at-1] = '"'
	i := 0
	for ; i+8 <= n; i += 8 {
		w := le64(text, i)
		binary.LittleEndian.PutUint64(out[i:], w)
		if m := escapeMask(w); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			return appendEscaped(dst[:at+i], text[i:], s)
		}
	}
	switch {
	case i == n:
	case n >= 8: // the last word overlaps the one before it
		w := le64(text, n-8)
		binary.LittleEndian.PutUint64(out[n-8:], w)
		if m := escapeMask(w); m != 0 {
			i = n - 8 + bits.TrailingZeros64(m)>>3
			return appendEscaped(dst[:at+i], text[i:], s)
		}
	default:
		for ; i < n; i++ {
			c := text[i]
			if !plain[c] {
				return appendEscaped(dst[:at+i], text[i:], s)
			}
			out[i] = c
		}
	}
	out[n] = '"'
	return dst[:at+n+1]
}

// appendEscaped appends the rest of a text from the first byte on that does not stand for itself, and the
// closing quote.
func appendEscaped[T ~string | ~[]byte](dst []byte, text T, s JSONStyle) []byte {
	for len(text) > 0 {
		for len(text) > 0 && !plain[text[0]] {
			if c := text[0]; c < utf8.RuneSelf {
				dst = appendEscape(dst, c)
				text = text[1:]
				continue
			}
			r, size := decodeRune(text)
			switch {
			case r == utf8.RuneError && size == 1 && s.RawUTF8:
				dst = append(dst, "\ufffd"...)
			case r == utf8.RuneError && size == 1:
				if claimed(text[0]) <= len(text) {
					dst = utf8.AppendRune(dst, invalidByte+rune(text[0]))
				}
			case s.RawUTF8:
				dst = append(dst, text[:size]...)
			case r > 0xffff:
				r -= 0x10000
				dst = appendUnit(appendUnit(dst, 0xd800|r>>10), 0xdc00|r&0x3ff)
			default:
				dst = appendUnit(dst, r)
			}
			text = text[size:]
		}
		n := plainPrefix(text)
		dst = append(dst, text[:n]...)
		text = text[n:]
	}
	return append(dst, '"')
}

// invalidByte is the first of 256 private characters that stand for bytes which are no UTF-8, as the C agent
// writes them: byte 0xff becomes U+E0FF. A byte that begins a character for which the text is too short, as
// where a text was cut off, is left out.
const invalidByte = 0xe000

// claimed is the length of the character that a byte beyond ASCII begins, in UTF-8 as it was before it ended
// at U+10FFFF.
func claimed(c byte) int { return min(max(bits.LeadingZeros8(^c), 1), 6) }

func decodeRune[T ~string | ~[]byte](text T) (rune, int) {
	if len(text) > utf8.UTFMax {
		text = text[:utf8.UTFMax]
	}
	return utf8.DecodeRuneInString(string(text))
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return appendUnit(dst, rune(c))
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
