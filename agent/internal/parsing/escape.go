package parsing

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// control are the escapes that stand for control characters.
var control = [256]byte{'n': '\n', 'a': '\a', 'b': '\b', 't': '\t', 'v': '\v', 'f': '\f', 'r': '\r'}

// appendEscaped undoes C's escapes of one letter; any other character that is escaped stands for itself.
func appendEscaped(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		if control[c] != 0 {
			c = control[c]
		}
		dst = append(dst, c)
		s = s[i+2:]
	}
}

// AppendUnescaped undoes the escapes of C and JSON, those by number included (\101, \x41, \u0041,
// \U00000041), and appends the text to dst. Half a surrogate pair becomes U+FFFD.
func AppendUnescaped(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i+1:]
		switch c := s[0]; {
		case control[c] != 0:
			dst, s = append(dst, control[c]), s[1:]
		case '0' <= c && c <= '7':
			n, used := number(s, 3, 8)
			dst, s = utf8.AppendRune(dst, n), s[used:]
		case c == 'x', c == 'u', c == 'U':
			r, used := byNumber(s)
			dst, s = utf8.AppendRune(dst, r), s[used:]
		default:
			dst, s = append(dst, c), s[1:]
		}
	}
}

// byNumber reads x41, u0041 or U00000041; without digits the letter stands for itself.
func byNumber(s []byte) (r rune, used int) {
	width := 2
	switch s[0] {
	case 'u':
		width = 4
	case 'U':
		width = 8
	}
	r, used = number(s[1:], width, 16)
	if used == 0 {
		return rune(s[0]), 1
	}
	used++
	if !utf16.IsSurrogate(r) {
		return r, used
	}
	rest := s[used:]
	if len(rest) > 2 && rest[0] == '\\' && rest[1] == 'u' {
		low, n := number(rest[2:], 4, 16)
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return whole, used + 2 + n
		}
	}
	return utf8.RuneError, used
}

// number reads at most width digits.
func number(s []byte, width, base int) (r rune, used int) {
	var n uint32
	for used < len(s) && used < width {
		d, ok := hexDigit(s[used])
		if !ok || int(d) >= base {
			break
		}
		n = n*uint32(base) + uint32(d)
		used++
	}
	if n > utf8.MaxRune {
		return utf8.RuneError, used
	}
	return rune(n), used
}

// appendMySQL takes the quotes, single or double, off a text of MySQL's logs and undoes its escapes. An
// escape that Fluent Bit does not know, such as \b, keeps its backslash; a text without quotes stays as it is.
func appendMySQL(dst, s []byte) []byte {
	n := len(s)
	if n < 2 || s[0] != s[n-1] || s[0] != '\'' && s[0] != '"' {
		return append(dst, s...)
	}
	s = s[1 : n-1]
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		switch c := s[i+1]; c {
		case 'n', 'r', 't':
			dst = append(dst, control[c])
		case '\\', '\'', '"':
			dst = append(dst, c)
		case '0':
			dst = append(dst, 0)
		case 'Z':
			dst = append(dst, 0x1a)
		default:
			dst = append(dst, '\\', c)
		}
		s = s[i+2:]
	}
}
