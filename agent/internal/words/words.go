// Package words splits configuration values that hold several words, such as KEY VALUE.
package words

import (
	"errors"
	"strings"
)

// Pair splits s at its first blank: the first word, and all the rest without the blanks between them. The
// rest is "" when there is but one word.
func Pair(s string) (first, rest string) {
	s = strings.TrimSpace(s)
	first, rest, _ = strings.Cut(s, " ")
	return first, strings.TrimLeft(rest, " ")
}

// errOpen is what a quoted word without an end gets.
var errOpen = errors.New("has a quote that is not closed")

// Quoted splits s at blanks. A word that begins with a single or double quote goes up to the next such
// quote and may hold blanks; in it a backslash keeps a quote, or a backslash, from being special.
func Quoted(s string) ([]string, error) {
	var list []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if s[0] == '"' || s[0] == '\'' {
			word, rest, err := quoted(s)
			if err != nil {
				return nil, err
			}
			list, s = append(list, word), rest
			continue
		}
		word, rest, _ := strings.Cut(s, " ")
		list, s = append(list, word), rest
	}
	return list, nil
}

func quoted(s string) (word, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), s[i+1:], nil
		case c == '\\' && i+1 < len(s) && (s[i+1] == s[0] || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errOpen
}
