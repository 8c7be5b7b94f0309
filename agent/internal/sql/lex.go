package sql

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // a keyword or a key
	tokQuoted           // a key in double quotes
	tokText             // a text in single quotes
	tokNumber           // 1, -2, 3.5
	tokSign             // anything else: * , ( ) <= …
)

// token is one word of a query; at is where it begins, in bytes.
type token struct {
	kind tokenKind
	text string
	at   int
}

// is reports whether t is the keyword, in any case, or the sign.
func (t token) is(word string) bool {
	return (t.kind == tokWord || t.kind == tokSign) && strings.EqualFold(t.text, word)
}

func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end of the query"
	case tokText:
		return "the text '" + t.text + "'"
	}
	return "'" + t.text + "'"
}

// lex splits a query into tokens; the last one is tokEnd.
func lex(src string) ([]token, error) {
	var toks []token
	for i := 0; ; {
		for i < len(src) && strings.IndexByte(" \t\r\n", src[i]) >= 0 {
			i++
		}
		if i == len(src) {
			return append(toks, token{at: i}), nil
		}
		t, size, err := next(src, i)
		if err != nil {
			return nil, err
		}
		toks = append(toks, t)
		i += size
	}
}

// next reads the token at i and tells its size.
func next(src string, i int) (token, int, error) {
	c, rest := src[i], src[i:]
	switch {
	case c == '\'':
		return quoted(src, i, tokText, "a text in single quotes does not end", "close it with '; a quote inside is doubled: 'it''s'")
	case c == '"':
		return quoted(src, i, tokQuoted, "a key in double quotes does not end", `close it with "`)
	case wordByte(c) && !digit(c):
		n := span(rest, func(c byte) bool { return wordByte(c) || c == '.' })
		return token{tokWord, rest[:n], i}, n, nil
	case digit(c), c == '-' && len(rest) > 1 && digit(rest[1]):
		n := 1 + span(rest[1:], digit)
		if n+1 < len(rest) && rest[n] == '.' && digit(rest[n+1]) {
			n += 1 + span(rest[n+1:], digit)
		}
		return token{tokNumber, rest[:n], i}, n, nil
	case strings.HasPrefix(rest, "!="), strings.HasPrefix(rest, "<>"), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		return token{tokSign, rest[:2], i}, 2, nil
	case strings.IndexByte("*,=()[];<>:@", c) >= 0:
		return token{tokSign, rest[:1], i}, 1, nil
	}
	for _, r := range rest {
		return token{}, 0, faultAt(src, i, fmt.Sprintf("'%c' cannot stand here", r), `a key with such a character goes into double quotes: "a-b"`)
	}
	panic("BUG: nothing to read")
}

// quoted reads up to the closing quote; one that is doubled is a part of the text.
func quoted(src string, at int, kind tokenKind, fault, cure string) (token, int, error) {
	quote := src[at]
	var text strings.Builder
	for i := at + 1; i < len(src); i++ {
		if src[i] != quote {
			text.WriteByte(src[i])
			continue
		}
		if i+1 < len(src) && src[i+1] == quote {
			text.WriteByte(quote)
			i++
			continue
		}
		return token{kind, text.String(), at}, i + 1 - at, nil
	}
	return token{}, 0, faultAt(src, at, fault, cure)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func wordByte(c byte) bool {
	return c == '_' || digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// span counts the bytes at the beginning of s that are in the class.
func span(s string, class func(byte) bool) int {
	for i := range len(s) {
		if !class(s[i]) {
			return i
		}
	}
	return len(s)
}
