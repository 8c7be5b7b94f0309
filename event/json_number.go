package event

import (
	"math"
	"strconv"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

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
		if size == 64 && a < 1<<31 {
			if out, ok := appendDecimals(dst, f); ok { // fast path
				return out
			}
		}
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

// appendDecimals appends f when one to six decimals are all that it takes: then it is the quotient of two whole
// numbers, both exact, and fewer decimals would be another number.
func appendDecimals(dst []byte, f float64) (out []byte, ok bool) {
	for n := 1; n <= 6; n++ {
		whole := math.Round(f * powersOfTen[n])
		if whole/powersOfTen[n] != f {
			continue
		}
		if f < 0 {
			dst, whole = append(dst, '-'), -whole
		}
		unit := uint64(powersOfTen[n])
		dst = strconv.AppendUint(dst, uint64(whole)/unit, 10)
		dst = append(dst, '.')
		for rest := uint64(whole) % unit; unit > 1; rest %= unit {
			unit /= 10
			dst = append(dst, '0'+byte(rest/unit))
		}
		return dst, true
	}
	return dst, false
}

// powersOfTen are those that a float64 holds exactly.
var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

func parseNumber(dst, s []byte, start int) ([]byte, int, error) {
	i := start
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
		return dst, start, ErrShortJSON
	case digits == 0, digits > 1 && s[first] == '0':
		return dst, start, errJSONNumber
	}
	if i == len(s) || s[i] != '.' && s[i]|0x20 != 'e' {
		return appendInteger(dst, s, start, i, negative, m, digits)
	}
	fraction := 0
	if s[i] == '.' {
		i++
		from := i
		for i < len(s) && s[i]-'0' < 10 {
			m = m*10 + uint64(s[i]-'0')
			i++
		}
		if fraction = i - from; fraction == 0 {
			return numberFault(dst, s, start, i)
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
		if i == from {
			return numberFault(dst, s, start, i)
		}
	}
	if !exponent && digits+fraction <= 19 && m < 1<<53 && fraction < len(powersOfTen) {
		f := float64(m) / powersOfTen[fraction] // both exact, so the quotient is the nearest float
		if negative {
			f = -f
		}
		return msgp.AppendFloat(dst, f), i, nil
	}
	return appendDecimal(dst, s, start, i)
}

// numberFault tells whether a number lacks digits at i because src ends there.
func numberFault(dst, src []byte, start, i int) ([]byte, int, error) {
	if i == len(src) {
		return dst, start, ErrShortJSON
	}
	return dst, start, errJSONNumber
}

// appendInteger appends the whole number s[start:i], whose digits make m as long as 64 bits hold them.
func appendInteger(dst, s []byte, start, i int, negative bool, m uint64, digits int) ([]byte, int, error) {
	switch {
	case digits > 20 || digits == 20 && string(s[i-digits:i]) > "18446744073709551615":
	case !negative:
		return msgp.AppendUint(dst, m), i, nil
	case m <= 1<<63:
		return msgp.AppendInt(dst, -int64(m)), i, nil
	}
	return appendDecimal(dst, s, start, i)
}

// appendDecimal appends the float nearest to the number s[start:i], which was found to be well formed.
func appendDecimal(dst, s []byte, start, i int) ([]byte, int, error) {
	f, err := strconv.ParseFloat(string(s[start:i]), 64)
	if err != nil {
		return dst, start, errJSONRange
	}
	return msgp.AppendFloat(dst, f), i, nil
}
