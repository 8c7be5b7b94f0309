package content_modifier

import (
	"bytes"
	"math"
	"strconv"

	"github.com/fluent/fluent-bit-go/event"
)

// appendText appends the text form of a value: floats with up to 17 digits, arrays and maps as JSON.
func appendText(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeStr:
		return append(dst, v.Str()...)
	case event.TypeBin:
		return append(dst, v.Bin()...)
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		return strconv.AppendFloat(dst, f, 'g', 17, 64)
	}
	return event.AppendJSON(dst, v, event.JSONStyle{})
}

// convert returns v as the wanted type; false when it cannot become that. The rules are Fluent Bit's: a text is
// true only when it says so, an int only when all of it is one, a double when it begins with one; a float is
// rounded to an int; null and the empty text become false and 0.
func (m *modifier) convert(v event.Value) (event.Value, bool) {
	switch m.to {
	case typeString:
		return m.toString(v)
	case typeBoolean:
		return m.toBool(v)
	case typeInt:
		return m.toInt(v)
	}
	return m.toDouble(v)
}

func (m *modifier) toString(v event.Value) (event.Value, bool) {
	switch v.Type() {
	case event.TypeArray, event.TypeMap, event.TypeExt:
		return nil, false
	case event.TypeStr:
		return v, true
	}
	m.text = appendText(m.text[:0], v)
	return m.make(func(dst []byte) []byte { return event.AppendStr(dst, m.text) }), true
}

func (m *modifier) toBool(v event.Value) (event.Value, bool) {
	b := false
	switch v.Type() {
	case event.TypeBool:
		return v, true
	case event.TypeStr:
		b = bytes.EqualFold(v.Str(), []byte("true"))
	case event.TypeInt, event.TypeUint:
		n, ok := v.Uint()
		b = !ok || n != 0
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		b = f != 0
	case event.TypeNil:
	default:
		return nil, false
	}
	return m.make(func(dst []byte) []byte { return event.AppendBool(dst, b) }), true
}

func (m *modifier) toInt(v event.Value) (event.Value, bool) {
	var n int64
	switch v.Type() {
	case event.TypeInt, event.TypeUint:
		return v, true
	case event.TypeStr:
		if text := v.Str(); len(text) > 0 {
			var err error
			if n, err = strconv.ParseInt(string(bytes.TrimLeft(text, spaces)), 10, 64); err != nil {
				return nil, false
			}
		}
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		if f = math.Round(f); !(f >= -1<<63 && f < 1<<63) {
			return nil, false
		}
		n = int64(f)
	case event.TypeBool:
		n = int64(bit(v))
	case event.TypeNil:
	default:
		return nil, false
	}
	return m.make(func(dst []byte) []byte { return event.AppendInt(dst, n) }), true
}

func (m *modifier) toDouble(v event.Value) (event.Value, bool) {
	var f float64
	switch v.Type() {
	case event.TypeFloat32, event.TypeFloat64:
		return v, true
	case event.TypeStr:
		if text := v.Str(); len(text) > 0 {
			var err error
			if f, err = strconv.ParseFloat(string(leading(text)), 64); err != nil {
				return nil, false
			}
		}
	case event.TypeInt, event.TypeUint:
		if n, ok := v.Int(); ok {
			f = float64(n)
		} else {
			n, _ := v.Uint()
			f = float64(n)
		}
	case event.TypeBool:
		f = float64(bit(v))
	case event.TypeNil:
	default:
		return nil, false
	}
	return m.make(func(dst []byte) []byte { return event.AppendFloat(dst, f) }), true
}

// bit is 1 for true and 0 for false.
func bit(v event.Value) int {
	if yes, _ := v.Bool(); yes {
		return 1
	}
	return 0
}

// spaces may stand before a number.
const spaces = " \t\r\n\v\f"

// leading returns the number that a text begins with, or nothing.
func leading(s []byte) []byte {
	s = bytes.TrimLeft(s, spaces)
	end, digits := 0, func(i int) int {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	end = digits(end)
	if end < len(s) && s[end] == '.' {
		end = digits(end + 1)
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		exp := end + 1
		if exp < len(s) && (s[exp] == '-' || s[exp] == '+') {
			exp++
		}
		if to := digits(exp); to > exp {
			end = to
		}
	}
	return s[:end]
}
