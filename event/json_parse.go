package event

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"strconv"
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
// Numbers without fraction and exponent become integers as long as 64 bits hold them, all others floats.
// Duplicate keys are kept. In texts, bytes are taken as they are, control characters and invalid UTF-8
// included, as Fluent Bit does; half a surrogate pair becomes U+FFFD.
//
// After an error out is dst unchanged. [ErrShortJSON] asks for more bytes; with any other error used is
// where the fault was found.
func ParseJSON(dst, src []byte) (out []byte, used int, err error) {
	if len(src) > maxBytes {
		return dst, 0, errJSONSize
	}
	p := jsonParser{src: src, dst: dst}
	if err := p.value(0); err != nil {
		return dst, p.pos, err
	}
	return p.dst, p.pos, nil
}

type jsonParser struct {
	src []byte
	pos int
	dst []byte
}

// next skips blanks and returns the byte that follows them, without passing it.
func (p *jsonParser) next() (c byte, ok bool) {
	for p.pos < len(p.src) {
		c = p.src[p.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, true
		}
		p.pos++
	}
	return 0, false
}

func (p *jsonParser) value(depth int) error {
	c, ok := p.next()
	if !ok {
		return ErrShortJSON
	}
	switch {
	case c == '"':
		return p.text()
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '-', c-'0' < 10:
		return p.number()
	case c == 't':
		return p.word("true", 0xc3)
	case c == 'f':
		return p.word("false", 0xc2)
	case c == 'n':
		return p.word("null", 0xc0)
	}
	return errJSONValue
}

func (p *jsonParser) word(w string, code byte) error {
	rest := p.src[p.pos:]
	if len(rest) < len(w) {
		if string(rest) == w[:len(rest)] {
			return ErrShortJSON
		}
		return errJSONWord
	}
	if string(rest[:len(w)]) != w {
		return errJSONWord
	}
	p.pos += len(w)
	p.dst = append(p.dst, code)
	return nil
}

func (p *jsonParser) object(depth int) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	p.pos++
	at := len(p.dst)
	p.dst = append(p.dst, 0x80)
	for n := 0; ; n++ {
		c, ok := p.next()
		switch {
		case !ok:
			return ErrShortJSON
		case c == '}' && n == 0:
			p.pos++
			return nil
		case c != '"':
			return errJSONKey
		}
		if err := p.text(); err != nil {
			return err
		}
		switch c, ok = p.next(); {
		case !ok:
			return ErrShortJSON
		case c != ':':
			return errJSONColon
		}
		p.pos++
		if err := p.value(depth); err != nil {
			return err
		}
		switch c, ok = p.next(); {
		case !ok:
			return ErrShortJSON
		case c == '}':
			p.pos++
			p.closeHeader(at, n+1, 0x80, 0xde)
			return nil
		case c != ',':
			return errJSONMap
		}
		p.pos++
	}
}

func (p *jsonParser) array(depth int) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	p.pos++
	at := len(p.dst)
	p.dst = append(p.dst, 0x90)
	if c, ok := p.next(); ok && c == ']' {
		p.pos++
		return nil
	}
	for n := 1; ; n++ {
		if err := p.value(depth); err != nil {
			return err
		}
		switch c, ok := p.next(); {
		case !ok:
			return ErrShortJSON
		case c == ']':
			p.pos++
			p.closeHeader(at, n, 0x90, 0xdc)
			return nil
		case c != ',':
			return errJSONArray
		}
		p.pos++
	}
}

// closeHeader writes the count n of a container into the one byte that was reserved at at, and makes room
// when the count needs more.
func (p *jsonParser) closeHeader(at, n int, fix, wide byte) {
	switch {
	case n < 16:
		p.dst[at] = fix | byte(n)
	case n <= math.MaxUint16:
		p.shift(at+1, 2)
		p.dst[at] = wide
		binary.BigEndian.PutUint16(p.dst[at+1:], uint16(n))
	default:
		p.shift(at+1, 4)
		p.dst[at] = wide + 1
		binary.BigEndian.PutUint32(p.dst[at+1:], uint32(n))
	}
}

// shift moves dst[at:] up by n bytes.
func (p *jsonParser) shift(at, n int) {
	p.dst = append(p.dst, 0, 0, 0, 0)[:len(p.dst)+n]
	copy(p.dst[at+n:], p.dst[at:])
}

// text reads a string, whose opening quote is the next byte.
func (p *jsonParser) text() error {
	start := p.pos + 1
	end := textEnd(p.src, start)
	switch {
	case end == len(p.src):
		return ErrShortJSON
	case p.src[end] == '"': // fast path: no escapes
		p.dst = msgp.AppendStr(p.dst, p.src[start:end])
		p.pos = end + 1
		return nil
	}
	return p.escapedText(start, end)
}

// textEnd returns the index of the first quote or backslash from i on, or len(s).
func textEnd(s []byte, i int) int {
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		if m := ((quote-ones)&^quote | (slash-ones)&^slash) & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// escapedText reads a string that begins at start and has its first escape at i.
func (p *jsonParser) escapedText(start, i int) error {
	at := len(p.dst)
	p.dst = append(p.dst, 0xd9, 0) // most texts of this kind need a length of one byte
	for p.src[i] == '\\' {
		p.dst = append(p.dst, p.src[start:i]...)
		p.pos = i
		if err := p.escape(); err != nil {
			return err
		}
		start = p.pos
		i = textEnd(p.src, start)
		if i == len(p.src) {
			return ErrShortJSON
		}
	}
	p.dst = append(p.dst, p.src[start:i]...)
	p.pos = i + 1
	switch n := len(p.dst) - at - 2; {
	case n < 32:
		copy(p.dst[at+1:], p.dst[at+2:])
		p.dst = p.dst[:len(p.dst)-1]
		p.dst[at] = 0xa0 | byte(n)
	case n <= math.MaxUint8:
		p.dst[at+1] = byte(n)
	case n <= math.MaxUint16:
		p.shift(at+2, 1)
		p.dst[at] = 0xda
		binary.BigEndian.PutUint16(p.dst[at+1:], uint16(n))
	default:
		p.shift(at+2, 3)
		p.dst[at] = 0xdb
		binary.BigEndian.PutUint32(p.dst[at+1:], uint32(n))
	}
	return nil
}

// escape reads one escape, or two that make a surrogate pair.
func (p *jsonParser) escape() error {
	if p.pos+1 >= len(p.src) {
		return ErrShortJSON
	}
	c := p.src[p.pos+1]
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
		return p.unicode()
	default:
		return errJSONEscape
	}
	p.dst = append(p.dst, c)
	p.pos += 2
	return nil
}

func (p *jsonParser) unicode() error {
	u, err := hexUnit(p.src[p.pos:])
	if err != nil {
		return err
	}
	p.pos += 6
	if !utf16.IsSurrogate(u) {
		p.dst = utf8.AppendRune(p.dst, u)
		return nil
	}
	low, err := hexUnit(p.src[p.pos:])
	if err == ErrShortJSON {
		return err
	}
	r := utf16.DecodeRune(u, low)
	if err == nil && r != utf8.RuneError {
		p.pos += 6
	}
	p.dst = utf8.AppendRune(p.dst, r)
	return nil
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

// powersOfTen are those that a float64 holds exactly.
var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

func (p *jsonParser) number() error {
	s, start, i := p.src, p.pos, p.pos
	negative := s[i] == '-'
	if negative {
		i++
	}
	first := i
	var m uint64 // the digits; right as long as there are at most 19
	for i < len(s) && s[i]-'0' < 10 {
		m = m*10 + uint64(s[i]-'0')
		i++
	}
	digits := i - first
	switch {
	case digits == 0 && i == len(s):
		return ErrShortJSON
	case digits == 0, digits > 1 && s[first] == '0':
		return errJSONNumber
	}
	if i == len(s) || s[i] != '.' && s[i]|0x20 != 'e' {
		p.pos = i
		return p.integer(s[start:i], negative, m, digits)
	}
	fraction := 0
	if s[i] == '.' {
		i++
		from := i
		for i < len(s) && s[i]-'0' < 10 {
			m = m*10 + uint64(s[i]-'0')
			i++
		}
		fraction = i - from
		switch {
		case fraction == 0 && i == len(s):
			return ErrShortJSON
		case fraction == 0:
			return errJSONNumber
		}
	}
	exponent := i < len(s) && s[i]|0x20 == 'e'
	if exponent {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		from := i
		for i < len(s) && s[i]-'0' < 10 {
			i++
		}
		switch {
		case i == from && i == len(s):
			return ErrShortJSON
		case i == from:
			return errJSONNumber
		}
	}
	p.pos = i
	if !exponent && digits+fraction <= 19 && m < 1<<53 && fraction < len(powersOfTen) {
		f := float64(m) / powersOfTen[fraction] // both exact, so the quotient is the nearest float
		if negative {
			f = -f
		}
		p.dst = msgp.AppendFloat(p.dst, f)
		return nil
	}
	return p.float(s[start:i])
}

func (p *jsonParser) integer(text []byte, negative bool, m uint64, digits int) error {
	if digits > 19 { // the digits may not fit: the rare 20-digit uint64 and larger
		u, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return p.float(text)
		}
		m = u
	}
	switch {
	case !negative:
		p.dst = msgp.AppendUint(p.dst, m)
	case m <= 1<<63 && digits <= 19:
		p.dst = msgp.AppendInt(p.dst, -int64(m))
	default:
		return p.float(text)
	}
	return nil
}

// float reads a number that was found to be well formed. What no float64 can hold becomes an infinity.
func (p *jsonParser) float(text []byte) error {
	f, _ := strconv.ParseFloat(string(text), 64)
	p.dst = msgp.AppendFloat(p.dst, f)
	return nil
}
