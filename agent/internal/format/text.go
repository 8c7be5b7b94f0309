package format

import (
	"math"
	"strconv"

	"github.com/fluent/fluent-bit-go/event"
)

// AppendText appends v in the text form of the output stdout: {"k"=>"v", "f"=>1.500000, "x"=>nil, "a"=>[1, 2]}.
// Texts are not escaped, so it is for eyes and cannot be read back.
func AppendText(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeStr:
		return append(append(append(dst, '"'), v.Str()...), '"')
	case event.TypeBin:
		return appendBytes(dst, v.Bin())
	case event.TypeExt:
		typ, data, _ := v.Ext()
		dst = strconv.AppendInt(append(dst, "(ext: "...), int64(typ), 10)
		return appendBytes(append(dst, ')'), data)
	case event.TypeMap:
		dst = append(dst, '{')
		n := 0
		for k, val := range v.Pairs() {
			if n++; n > 1 {
				dst = append(dst, ", "...)
			}
			dst = append(AppendText(dst, k), "=>"...)
			dst = AppendText(dst, val)
		}
		return append(dst, '}')
	case event.TypeArray:
		dst = append(dst, '[')
		n := 0
		for val := range v.Elems() {
			if n++; n > 1 {
				dst = append(dst, ", "...)
			}
			dst = AppendText(dst, val)
		}
		return append(dst, ']')
	}
	return appendScalar(dst, v)
}

func appendScalar(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeInt:
		n, _ := v.Int()
		return strconv.AppendInt(dst, n, 10)
	case event.TypeUint:
		n, _ := v.Uint()
		return strconv.AppendUint(dst, n, 10)
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		return AppendFloat(dst, f)
	case event.TypeBool:
		b, _ := v.Bool()
		return strconv.AppendBool(dst, b)
	}
	return append(dst, "nil"...)
}

// AppendFloat appends f with six decimals, or inf, -inf, nan.
func AppendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'f', 6, 64)
}

// appendBytes appends binary data: printable ASCII as it is, all else as \xNN.
func appendBytes(dst, data []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range data {
		switch {
		case c == '"':
			dst = append(dst, '\\', c)
		case c >= ' ' && c < 0x7f:
			dst = append(dst, c)
		default:
			dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
		}
	}
	return append(dst, '"')
}

// AppendRecordText appends one line for a record, as the output stdout prints it: the group that it stands
// in, if any, then [i] tag: [[time, {metadata}], {body}].
func AppendRecordText(dst []byte, i int, tag string, r *event.Record) []byte {
	if g := r.Group(); g.Attributes != nil {
		dst = AppendText(append(dst, "GROUP METADATA : \n\n"...), g.Meta)
		dst = AppendText(append(dst, "\n\nGROUP ATTRIBUTES : \n\n"...), g.Attributes)
		dst = append(dst, "\n\n"...)
	}
	dst = strconv.AppendInt(append(dst, '['), int64(i), 10)
	dst = append(append(append(dst, "] "...), tag...), ": [["...)
	dst = append(AppendSeconds(dst, r.Time(), 9), ", "...)
	dst = append(AppendText(dst, r.Meta()), "], "...)
	return append(AppendText(dst, r.Body()), "]\n"...)
}
