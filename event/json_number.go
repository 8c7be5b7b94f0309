package event

import (
	"math"
	"strconv"
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
