package parsing

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// kind is what a field's text stands for.
type kind uint8

const (
	kindText kind = iota
	kindInteger
	kindFloat
	kindBool
	kindHex
)

var kinds = map[string]kind{
	"string": kindText, "integer": kindInteger, "float": kindFloat, "bool": kindBool, "hex": kindHex,
}

type typed struct {
	key  string
	kind kind
}

func kindOf(types []typed, key []byte) kind {
	for i := range types {
		if types[i].key == string(key) {
			return types[i].kind
		}
	}
	return kindText
}

// parseTypes reads key:type pairs. Commas between them count as blanks, since such lists are around.
func parseTypes(s string) ([]typed, error) {
	var types []typed
	for _, item := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		key, word, ok := strings.Cut(item, ":")
		if !ok || key == "" {
			return nil, fmt.Errorf("has '%s', which is not of the form key:type", item)
		}
		k, ok := kinds[strings.ToLower(word)]
		if !ok {
			return nil, fmt.Errorf("has the unknown type '%s'; %s", word,
				orElse(option.Suggest(word, []string{"integer", "float", "bool", "hex", "string"}), "there are integer, float, bool, hex and string"))
		}
		types = append(types, typed{key, k})
	}
	return types, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// appendCast appends val as its kind, as C's number readers see it: the longest beginning that is a number
// counts, 0 if there is none. What is no bool stays a text, and ok is false.
func appendCast(dst []byte, k kind, val []byte) (out []byte, ok bool) {
	switch k {
	case kindInteger:
		return event.AppendInt(dst, leadingInt(val)), true
	case kindHex:
		return event.AppendUint(dst, leadingHex(val)), true
	case kindFloat:
		return event.AppendFloat(dst, leadingFloat(val)), true
	case kindBool:
		if len(val) >= 4 && foldPrefix(val, "true") {
			return event.AppendBool(dst, true), true
		}
		if len(val) >= 5 && foldPrefix(val, "false") {
			return event.AppendBool(dst, false), true
		}
		return event.AppendStr(dst, val), false
	}
	return event.AppendStr(dst, val), true
}

func foldPrefix(b []byte, word string) bool {
	for i := range len(word) {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// sign passes blanks and a sign.
func sign(b []byte) (neg bool, rest []byte) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i]-'\t' <= '\r'-'\t') {
		i++
	}
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		return b[i] == '-', b[i+1:]
	}
	return false, b[i:]
}

func leadingInt(b []byte) int64 {
	neg, b := sign(b)
	limit := uint64(math.MaxInt64)
	if neg {
		limit++
	}
	var n uint64
	for _, c := range b {
		if c-'0' > 9 {
			break
		}
		if n > (limit-uint64(c-'0'))/10 {
			n = limit
			break
		}
		n = n*10 + uint64(c-'0')
	}
	if neg {
		return -int64(n)
	}
	return int64(n)
}

func leadingHex(b []byte) uint64 {
	neg, b := sign(b)
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' {
		if _, ok := hexDigit(b[2]); ok {
			b = b[2:]
		}
	}
	var n uint64
	for _, c := range b {
		d, ok := hexDigit(c)
		if !ok {
			break
		}
		if n > math.MaxUint64>>4 {
			return math.MaxUint64
		}
		n = n<<4 | uint64(d)
	}
	if neg {
		return -n
	}
	return n
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c-'0' <= 9:
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// leadingFloat reads digits with a fraction and an exponent, or a hexadecimal integer, inf or nan.
func leadingFloat(b []byte) float64 {
	neg, b := sign(b)
	f := 0.0
	switch {
	case len(b) >= 3 && foldPrefix(b, "inf"):
		f = math.Inf(1)
	case len(b) >= 3 && foldPrefix(b, "nan"):
		f = math.NaN()
	default:
		if n := hexadecimal(b); n > 0 {
			f, _ = strconv.ParseFloat(string(b[:n])+"p0", 64)
			break
		}
		f, _ = strconv.ParseFloat(string(b[:decimal(b)]), 64) // without digits, 0; beyond the range, an infinity
	}
	if neg {
		f = -f
	}
	return f
}

// hexadecimal is the length of the number such as 0x1f that b begins with, 0 when it begins with none.
func hexadecimal(b []byte) int {
	if len(b) < 3 || b[0] != '0' || b[1]|0x20 != 'x' {
		return 0
	}
	n := 2
	for n < len(b) {
		if _, ok := hexDigit(b[n]); !ok {
			break
		}
		n++
	}
	if n == 2 {
		return 0
	}
	return n
}

// decimal is the length of the number that b begins with.
func decimal(b []byte) int {
	n := digits(b, 0)
	if n < len(b) && b[n] == '.' {
		if end := digits(b, n+1); end > n+1 || n > 0 {
			n = end
		}
	}
	if n == 0 {
		return 0
	}
	if e := n; e < len(b) && b[e]|0x20 == 'e' {
		e++
		if e < len(b) && (b[e] == '-' || b[e] == '+') {
			e++
		}
		if end := digits(b, e); end > e {
			n = end
		}
	}
	return n
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
