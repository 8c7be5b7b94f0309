package event

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Errors of [ParseJSON].
var (
	// ErrShortJSON means that the bytes are the beginning of a JSON value, or nothing but blanks.
	ErrShortJSON = errors.New("JSON ends early")

	errJSONValue  = errors.New("invalid JSON: no value begins here")
	errJSONWord   = errors.New("invalid JSON: neither true, false nor null")
	errJSONNumber = errors.New("invalid JSON: malformed number")
	errJSONRange  = errors.New("invalid JSON: a number beyond what 64 bits of floating point hold")
	errJSONEscape = errors.New("invalid JSON: unknown escape in a text")
	errJSONKey    = errors.New("invalid JSON: a key must be a text")
	errJSONColon  = errors.New("invalid JSON: no colon after a key")
	errJSONArray  = errors.New("invalid JSON: neither comma nor ] after a value")
	errJSONMap    = errors.New("invalid JSON: neither comma nor } after a value")
	errJSONDepth  = errors.New("invalid JSON: nests too deep")
	errJSONSize   = errors.New("invalid JSON: larger than 2 GiB")
)

// maxJSONDepth is how deep JSON may nest: less than what MessagePack from outside may, because a record
// and what filters wrap around a value add levels.
const maxJSONDepth = 120

// ParseJSON reads one JSON value (RFC 8259) from the front of src, blanks before it included, and appends
// it to dst as MessagePack. used is the number of bytes that were read; what follows them is not looked
// at. At the end of src a number counts as complete.
//
// Numbers without fraction and exponent become integers as long as 64 bits hold them, all others floats; one
// beyond the range of these is a fault.
// Duplicate keys are kept. In texts, bytes are taken as they are, control characters and invalid UTF-8
// included, as Fluent Bit does; half a surrogate pair becomes U+FFFD.
//
// After an error out is dst unchanged. [ErrShortJSON] asks for more bytes; with any other error used is
// where the fault was found.
func ParseJSON(dst, src []byte) (out []byte, used int, err error) {
	if len(src) > maxBytes {
		return dst, 0, errJSONSize
	}
	out, used, err = parseJSON(dst, src, blanks(src, 0), 0)
	if err != nil {
		return dst, used, err
	}
	return out, used, nil
}

// The functions below read what begins at src[i] and append it to dst. They return where it ended, or where
// a fault was found. All that they work with goes through registers: hence no type that holds it.

// blanks returns the index of the first byte from i on that is no blank.
func blanks(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

func parseJSON(dst, src []byte, i, depth int) ([]byte, int, error) {
	if i >= len(src) {
		return dst, i, ErrShortJSON
	}
	switch c := src[i]; {
	case c == '"':
		return parseText(dst, src, i)
	case c == '{':
		return parseObject(dst, src, i, depth+1)
	case c == '[':
		return parseArray(dst, src, i, depth+1)
	case c == '-', c-'0' < 10:
		return parseNumber(dst, src, i)
	case c == 't':
		return parseWord(dst, src, i, "true", 0xc3)
	case c == 'f':
		return parseWord(dst, src, i, "false", 0xc2)
	case c == 'n':
		return parseWord(dst, src, i, "null", 0xc0)
	}
	return dst, i, errJSONValue
}

func parseWord(dst, src []byte, i int, w string, code byte) ([]byte, int, error) {
	rest := src[i:]
	if len(rest) >= len(w) && string(rest[:len(w)]) == w { // fast path
		return append(dst, code), i + len(w), nil
	}
	if len(rest) < len(w) && string(rest) == w[:len(rest)] {
		return dst, i, ErrShortJSON
	}
	return dst, i, errJSONWord
}

func parseObject(dst, src []byte, i, depth int) ([]byte, int, error) {
	if depth > maxJSONDepth {
		return dst, i, errJSONDepth
	}
	at := len(dst)
	dst = append(dst, 0x80)
	var err error
	if i = blanks(src, i+1); i < len(src) && src[i] == '}' {
		return dst, i + 1, nil
	}
	for n := 1; ; n++ {
		switch {
		case i >= len(src):
			return dst, i, ErrShortJSON
		case src[i] != '"':
			return dst, i, errJSONKey
		}
		if dst, i, err = parseText(dst, src, i); err != nil {
			return dst, i, err
		}
		if i >= len(src) || src[i] != ':' {
			switch i = blanks(src, i); {
			case i >= len(src):
				return dst, i, ErrShortJSON
			case src[i] != ':':
				return dst, i, errJSONColon
			}
		}
		if i = blanks(src, i+1); i < len(src) && src[i] == '"' { // fast path: most values are texts
			dst, i, err = parseText(dst, src, i)
		} else {
			dst, i, err = parseJSON(dst, src, i, depth)
		}
		if err != nil {
			return dst, i, err
		}
		switch i = blanks(src, i); {
		case i >= len(src):
			return dst, i, ErrShortJSON
		case src[i] == '}':
			return closeHeader(dst, at, n, 0x80, 0xde), i + 1, nil
		case src[i] != ',':
			return dst, i, errJSONMap
		}
		i = blanks(src, i+1)
	}
}

func parseArray(dst, src []byte, i, depth int) ([]byte, int, error) {
	if depth > maxJSONDepth {
		return dst, i, errJSONDepth
	}
	at := len(dst)
	dst = append(dst, 0x90)
	var err error
	if i = blanks(src, i+1); i < len(src) && src[i] == ']' {
		return dst, i + 1, nil
	}
	for n := 1; ; n++ {
		if dst, i, err = parseJSON(dst, src, i, depth); err != nil {
			return dst, i, err
		}
		switch i = blanks(src, i); {
		case i >= len(src):
			return dst, i, ErrShortJSON
		case src[i] == ']':
			return closeHeader(dst, at, n, 0x90, 0xdc), i + 1, nil
		case src[i] != ',':
			return dst, i, errJSONArray
		}
		i = blanks(src, i+1)
	}
}

// closeHeader writes the count n of a container into the one byte that was reserved at at, and makes room
// when the count needs more.
func closeHeader(dst []byte, at, n int, fix, wide byte) []byte {
	switch {
	case n < 16:
		dst[at] = fix | byte(n)
	case n <= math.MaxUint16:
		dst = shift(dst, at+1, 2)
		dst[at] = wide
		binary.BigEndian.PutUint16(dst[at+1:], uint16(n))
	default:
		dst = shift(dst, at+1, 4)
		dst[at] = wide + 1
		binary.BigEndian.PutUint32(dst[at+1:], uint32(n))
	}
	return dst
}

// shift moves dst[at:] up by n bytes, at most 4.
func shift(dst []byte, at, n int) []byte {
	dst = append(dst, 0, 0, 0, 0)[:len(dst)+n]
	copy(dst[at+n:], dst[at:])
	return dst
}

// parseText reads a string; src[i] is its opening quote.
func parseText(dst, src []byte, i int) ([]byte, int, error) {
	i++
	n := len(dst)
	if len(src)-i >= 32 && cap(dst)-n >= 33 { // fast path: a text of less than 32 bytes is copied on the way
		in, out := (*[32]byte)(src[i:]), (*[32]byte)(dst[n+1:n+33])
		for k := 0; k < 32; k += 8 {
			w := binary.LittleEndian.Uint64(in[k : k+8])
			binary.LittleEndian.PutUint64(out[k:k+8], w)
			if m := endMask(w); m != 0 {
				k += bits.TrailingZeros64(m) >> 3
				if in[k] == '"' {
					dst = dst[:n+1+k]
					dst[n] = 0xa0 | byte(k)
					return dst, i + k + 1, nil
				}
				return parseEscaped(dst, src, i, i+k)
			}
		}
		return parseLongText(dst, src, i, i+32)
	}
	return parseLongText(dst, src, i, i)
}

// parseLongText reads a string that begins at i and has neither end nor escape before from.
func parseLongText(dst, src []byte, i, from int) ([]byte, int, error) {
	end := textEnd(src, from)
	switch {
	case end == len(src):
		return dst, i - 1, ErrShortJSON
	case src[end] == '"':
		return msgp.AppendStr(dst, src[i:end]), end + 1, nil
	}
	return parseEscaped(dst, src, i, end)
}

// endMask has the high bit of the first byte in w set that is a quote or backslash. Bits above it may be
// wrong.
func endMask(w uint64) uint64 {
	quote, slash := w^ones*'"', w^ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// textEnd returns the index of the first quote or backslash from i on, or len(s).
func textEnd(s []byte, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if m := endMask(binary.LittleEndian.Uint64(s[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// parseEscaped reads a string that begins at start and has its first escape at i.
func parseEscaped(dst, src []byte, start, i int) ([]byte, int, error) {
	at := len(dst)
	var err error
	dst = append(dst, 0xd9, 0) // most texts of this kind need a length of one byte
	for src[i] == '\\' {
		dst = append(dst, src[start:i]...)
		if dst, start, err = parseEscape(dst, src, i); err != nil {
			return dst, start, err
		}
		i = textEnd(src, start)
		if i == len(src) {
			return dst, start, ErrShortJSON
		}
	}
	dst = append(dst, src[start:i]...)
	switch n := len(dst) - at - 2; {
	case n < 32:
		copy(dst[at+1:], dst[at+2:])
		dst = dst[:len(dst)-1]
		dst[at] = 0xa0 | byte(n)
	case n <= math.MaxUint8:
		dst[at+1] = byte(n)
	case n <= math.MaxUint16:
		dst = shift(dst, at+2, 1)
		dst[at] = 0xda
		binary.BigEndian.PutUint16(dst[at+1:], uint16(n))
	default:
		dst = shift(dst, at+2, 3)
		dst[at] = 0xdb
		binary.BigEndian.PutUint32(dst[at+1:], uint32(n))
	}
	return dst, i + 1, nil
}

// parseEscape reads one escape, or two that make a surrogate pair.
func parseEscape(dst, src []byte, i int) ([]byte, int, error) {
	if i+1 >= len(src) {
		return dst, i, ErrShortJSON
	}
	c := src[i+1]
	switch c {
	case '"', '\\', '/':
	case 'n':
		c = '\n'
	case 't':
		c = '\t'
	case 'r':
		c = '\r'
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'u':
		return parseUnicode(dst, src, i)
	default:
		return dst, i, errJSONEscape
	}
	return append(dst, c), i + 2, nil
}

func parseUnicode(dst, src []byte, i int) ([]byte, int, error) {
	u, err := hexUnit(src[i:])
	if err != nil {
		return dst, i, err
	}
	i += 6
	if !utf16.IsSurrogate(u) {
		return utf8.AppendRune(dst, u), i, nil
	}
	low, err := hexUnit(src[i:])
	if err == ErrShortJSON {
		return dst, i, err
	}
	r := utf16.DecodeRune(u, low)
	if err == nil && r != utf8.RuneError {
		i += 6
	}
	return utf8.AppendRune(dst, r), i, nil
}

// hexUnit reads \uXXXX.
func hexUnit(b []byte) (rune, error) {
	var u rune
	for i := range 6 {
		if i == len(b) {
			return 0, ErrShortJSON
		}
		c := b[i]
		switch {
		case i == 0 && c == '\\', i == 1 && c == 'u':
		case i < 2:
			return 0, errJSONEscape
		case c-'0' < 10:
			u = u<<4 | rune(c-'0')
		case c|0x20-'a' < 6:
			u = u<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, errJSONEscape
		}
	}
	return u, nil
}
