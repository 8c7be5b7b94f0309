//go:build !luajit || !linux

package lua

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// directive is one conversion of string.format, %-5.2f.
type directive struct {
	verb                    byte
	left, zero, plus, blank bool
	alt                     bool
	width, precision        int // precision is -1 when there is none
}

// format is string.format, with the conversions of C.
func format(l *lua.LState) int {
	l.Replace(1, asText(l.Get(1)))
	layout, arg := l.CheckString(1), 1
	var out []byte
	for {
		text, rest, found := strings.Cut(layout, "%")
		out = append(out, text...)
		if !found {
			break
		}
		if strings.HasPrefix(rest, "%") {
			out, layout = append(out, '%'), rest[1:]
			continue
		}
		d, size := parseDirective(rest)
		if d.verb == 0 {
			l.RaiseError("invalid option '%%%s' to 'format'", rest[:size])
		}
		arg++
		if arg > l.GetTop() {
			l.RaiseError("bad argument #%d to 'format' (no value)", arg)
		}
		out, layout = d.append(out, l, arg), rest[size:]
	}
	l.Push(lua.LString(out))
	return 1
}

// parseDirective reads what follows a %. verb stays 0 where that is no conversion.
func parseDirective(s string) (d directive, size int) {
	i := 0
flags:
	for ; i < len(s); i++ {
		switch s[i] {
		case '-':
			d.left = true
		case '0':
			d.zero = true
		case '+':
			d.plus = true
		case ' ':
			d.blank = true
		case '#':
			d.alt = true
		default:
			break flags
		}
	}
	number := func() (n int) {
		for end := i + 2; i < len(s) && i < end && s[i] >= '0' && s[i] <= '9'; i++ { // two digits, as in C
			n = n*10 + int(s[i]-'0')
		}
		return n
	}
	d.width, d.precision = number(), -1
	if i < len(s) && s[i] == '.' {
		i++
		d.precision = number()
	}
	if i == len(s) {
		return d, i
	}
	if strings.IndexByte("cdiouxXeEfgGqs", s[i]) >= 0 {
		d.verb = s[i]
	}
	return d, i + 1
}

func (d *directive) append(dst []byte, l *lua.LState, arg int) []byte {
	switch d.verb {
	case 'c':
		return d.pad(dst, "", string([]byte{byte(int64(number(l, arg)))}), false)
	case 's':
		s := stringOf(l, l.Get(arg)).String()
		if d.precision >= 0 && d.precision < len(s) {
			s = s[:d.precision]
		}
		return d.pad(dst, "", s, false)
	case 'q':
		l.Replace(arg, asText(l.Get(arg)))
		return appendQuoted(dst, l.CheckString(arg))
	case 'd', 'i':
		n := integer(number(l, arg))
		digits := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
		return d.pad(dst, d.sign(n < 0), d.digits(digits), d.precision < 0)
	case 'o', 'u', 'x', 'X':
		return d.appendUnsigned(dst, number(l, arg))
	}
	f := number(l, arg)
	verb, sign := d.verb, d.sign(math.Signbit(f) && !math.IsNaN(f))
	switch f = math.Abs(f); {
	case math.IsNaN(f):
		return d.pad(dst, sign, "nan", false)
	case math.IsInf(f, 0):
		return d.pad(dst, sign, "inf", false)
	}
	precision := d.precision
	if precision < 0 {
		precision = 6
	}
	return d.pad(dst, sign, strconv.FormatFloat(f, verb, precision, 64), true)
}

func (d *directive) appendUnsigned(dst []byte, f float64) []byte {
	n := uint64(integer(f))
	if f >= 1<<63 && f < 1<<64 {
		n = uint64(f)
	}
	base, prefix := map[byte]int{'o': 8, 'u': 10, 'x': 16, 'X': 16}[d.verb], ""
	if d.alt && n != 0 {
		prefix = map[byte]string{'o': "0", 'x': "0x", 'X': "0X"}[d.verb]
	}
	digits := strconv.FormatUint(n, base)
	if d.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	return d.pad(dst, prefix, d.digits(digits), d.precision < 0)
}

// digits has a whole number's least count of digits, which is its precision.
func (d *directive) digits(s string) string {
	if len(s) < d.precision {
		return strings.Repeat("0", d.precision-len(s)) + s
	}
	return s
}

func (d *directive) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case d.plus:
		return "+"
	case d.blank:
		return " "
	}
	return ""
}

// pad appends sign and body in the width that is asked for, counted in bytes.
func (d *directive) pad(dst []byte, sign, body string, zeros bool) []byte {
	room := max(d.width-len(sign)-len(body), 0)
	switch {
	case d.left:
		return append(append(append(dst, sign...), body...), bytes.Repeat([]byte(" "), room)...)
	case d.zero && zeros:
		return append(append(append(dst, sign...), bytes.Repeat([]byte("0"), room)...), body...)
	}
	return append(append(append(dst, bytes.Repeat([]byte(" "), room)...), sign...), body...)
}

// appendQuoted writes s so that Lua reads it back.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			width := 1
			if i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
				width = 3
			}
			dst = fmt.Appendf(dst, "\\%0*d", width, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// integer cuts the fraction off; what is no number of 64 bits is the least one, as in C.
func integer(f float64) int64 {
	if f >= -1<<63 && f < 1<<63 {
		return int64(f)
	}
	return math.MinInt64
}

// number is an argument that is a number or a text of one.
func number(l *lua.LState, arg int) float64 {
	n, ok := toNumber(l.Get(arg))
	if !ok {
		l.TypeError(arg, lua.LTNumber)
	}
	return float64(n)
}
