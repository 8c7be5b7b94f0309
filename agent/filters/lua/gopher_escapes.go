//go:build !luajit || !linux

package lua

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// decimalEscapes writes the escapes \x1b and \u{2603} of LuaJIT as \027 and \226\152\131, which the interpreter's
// parser knows; it would read the former as a plain x.
func decimalEscapes(source []byte) []byte {
	if !bytes.Contains(source, []byte(`\x`)) && !bytes.Contains(source, []byte(`\u`)) {
		return source
	}
	var out []byte
	for len(source) > 0 {
		size := 1
		switch {
		case bytes.HasPrefix(source, []byte("--")):
			if size = longBracket(source[2:]) + 2; size == 2 {
				size = lineLength(source)
			}
		case source[0] == '[':
			size = max(longBracket(source), 1)
		case source[0] == '"' || source[0] == '\'':
			size = quotedLength(source)
			out = appendDecimal(out, source[:size])
			source = source[size:]
			continue
		}
		out = append(out, source[:size]...)
		source = source[size:]
	}
	return out
}

func lineLength(s []byte) int {
	if i := bytes.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// longBracket tells the length of [[text]], with any number of = between the brackets, or 0.
func longBracket(s []byte) int {
	if len(s) == 0 || s[0] != '[' {
		return 0
	}
	n := 1
	for n < len(s) && s[n] == '=' {
		n++
	}
	if n == len(s) || s[n] != '[' {
		return 0
	}
	end := append(append([]byte("]"), s[1:n]...), ']')
	if i := bytes.Index(s[n:], end); i >= 0 {
		return n + i + len(end)
	}
	return len(s)
}

// quotedLength tells the length of a text in quotes.
func quotedLength(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

func appendDecimal(dst, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			dst = append(dst, text[i])
			continue
		}
		rest := text[i+2:]
		switch text[i+1] {
		case 'x':
			if len(rest) >= 2 {
				if n, err := strconv.ParseUint(string(rest[:2]), 16, 8); err == nil {
					dst = fmt.Appendf(dst, "\\%03d", n)
					i += 3
					continue
				}
			}
		case 'u':
			if end := bytes.IndexByte(rest, '}'); end > 0 && rest[0] == '{' {
				if n, err := strconv.ParseUint(string(rest[1:end]), 16, 21); err == nil {
					for _, c := range utf8.AppendRune(nil, rune(n)) {
						dst = fmt.Appendf(dst, "\\%03d", c)
					}
					i += 2 + end
					continue
				}
			}
		}
		dst = append(dst, text[i], text[i+1])
		i++
	}
	return dst
}
