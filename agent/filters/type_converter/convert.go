package type_converter

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
)

// target is a type that values are converted to.
type target struct {
	names   []string // the first is the one to use
	from    string   // the key whose values have this type already
	convert func(dst []byte, v event.Value) ([]byte, bool)
}

var targets = []target{
	{[]string{"int", "integer"}, "int_key", appendInt},
	{[]string{"uint"}, "uint_key", appendUint},
	{[]string{"float", "double"}, "float_key", appendFloat},
	{[]string{"string", "str"}, "str_key", appendText},
	{[]string{"hex"}, "", appendHex},
	{[]string{"bool", "boolean"}, "", appendBool},
}

func targetOf(name string) (target, bool) {
	for _, t := range targets {
		for _, n := range t.names {
			if strings.EqualFold(n, name) {
				return t, true
			}
		}
	}
	return target{}, false
}

func targetNames() string {
	var names []string
	for _, t := range targets {
		names = append(names, t.names[0])
	}
	return strings.Join(names, ", ")
}

// appendInt reads the number that a text begins with, and cuts the fraction of a float off.
func appendInt(dst []byte, v event.Value) ([]byte, bool) {
	if n, ok := v.Int(); ok {
		return event.AppendInt(dst, n), true
	}
	if x, ok := v.Float(); ok {
		if !(x > -1<<63 && x < 1<<63) {
			return dst, false
		}
		return event.AppendInt(dst, int64(x)), true
	}
	n, err := strconv.ParseInt(string(leading(v.Str(), isDecimal)), 10, 64)
	return event.AppendInt(dst, n), err == nil
}

func appendUint(dst []byte, v event.Value) ([]byte, bool) {
	if n, ok := v.Uint(); ok {
		return event.AppendUint(dst, n), true
	}
	if x, ok := v.Float(); ok {
		if !(x > -1 && x < 1<<64) {
			return dst, false
		}
		return event.AppendUint(dst, uint64(x)), true
	}
	n, err := strconv.ParseUint(string(bytes.TrimPrefix(leading(v.Str(), isDecimal), plus)), 10, 64)
	return event.AppendUint(dst, n), err == nil
}

// appendHex reads a text as a hexadecimal number, with or without 0x; numbers stay what they are.
func appendHex(dst []byte, v event.Value) ([]byte, bool) {
	if v.Type() != event.TypeStr {
		return appendUint(dst, v)
	}
	s := bytes.TrimLeft(v.Str(), " \t")
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	n, err := strconv.ParseUint(string(leading(s, isHex)), 16, 64)
	return event.AppendUint(dst, n), err == nil
}

func appendFloat(dst []byte, v event.Value) ([]byte, bool) {
	if x, ok := v.Float(); ok {
		return event.AppendFloat(dst, x), true
	}
	if n, ok := v.Int(); ok {
		return event.AppendFloat(dst, float64(n)), true
	}
	if n, ok := v.Uint(); ok {
		return event.AppendFloat(dst, float64(n)), true
	}
	x, ok := leadingFloat(v.Str())
	return event.AppendFloat(dst, x), ok
}

func appendText(dst []byte, v event.Value) ([]byte, bool) {
	var room [400]byte
	text := room[:0]
	if v.Type() == event.TypeStr {
		return append(dst, v...), true
	}
	if n, ok := v.Int(); ok {
		text = strconv.AppendInt(text, n, 10)
	} else if n, ok := v.Uint(); ok {
		text = strconv.AppendUint(text, n, 10)
	} else if x, ok := v.Float(); ok {
		text = appendNumber(text, x)
	} else {
		return dst, false
	}
	return event.AppendStr(dst, text), true
}

// appendNumber writes all digits that x has: 45.0, 3.75, 1e-07.
func appendNumber(dst []byte, x float64) []byte {
	switch a := math.Abs(x); {
	case a < 1<<63 && x == math.Trunc(x):
		return strconv.AppendFloat(dst, x, 'f', 1, 64)
	case a < 1e-4 || a >= 1e16:
		return strconv.AppendFloat(dst, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}

// appendBool knows the words true and false, and that only zero is false among numbers.
func appendBool(dst []byte, v event.Value) ([]byte, bool) {
	if n, ok := v.Int(); ok {
		return event.AppendBool(dst, n != 0), true
	}
	if _, ok := v.Uint(); ok {
		return event.AppendBool(dst, true), true // too large for an int
	}
	if x, ok := v.Float(); ok {
		return event.AppendBool(dst, x != 0), true
	}
	switch s := v.Str(); {
	case bytes.EqualFold(s, textTrue):
		return event.AppendBool(dst, true), true
	case bytes.EqualFold(s, textFalse):
		return event.AppendBool(dst, false), true
	}
	return dst, false
}

var (
	plus      = []byte("+")
	textTrue  = []byte("true")
	textFalse = []byte("false")
	textNaN   = []byte("nan")
	textInf   = []byte("inf")
)

func isDecimal(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool     { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// leading returns the sign and digits that s begins with, without blanks before them.
func leading(s []byte, digit func(byte) bool) []byte {
	s = bytes.TrimLeft(s, " \t\n\r\v\f")
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	for i < len(s) && digit(s[i]) {
		i++
	}
	return s[:i]
}

// leadingFloat reads the decimal number that s begins with, 0 if there is none. ok is false where the result
// has no form in JSON: infinities and what is called nan.
func leadingFloat(s []byte) (x float64, ok bool) {
	s = bytes.TrimLeft(s, " \t\n\r\v\f")
	end := len(leading(s, isDecimal))
	if end < len(s) && s[end] == '.' {
		for end++; end < len(s) && isDecimal(s[end]); end++ {
		}
	}
	if end+1 < len(s) && s[end]|0x20 == 'e' && s[end+1] > ' ' {
		if exp := leading(s[end+1:], isDecimal); len(exp) > 0 && isDecimal(exp[len(exp)-1]) {
			end += 1 + len(exp)
		}
	}
	if name := bytes.TrimLeft(s, "+-"); len(name) >= 3 && (bytes.EqualFold(name[:3], textNaN) || bytes.EqualFold(name[:3], textInf)) {
		return 0, false
	}
	x, err := strconv.ParseFloat(string(s[:end]), 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, true
	}
	return x, err == nil
}
