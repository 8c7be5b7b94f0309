package pipeline

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/option"
)

// matcher decides which tags an instance takes: the pattern, the expression, or either of both.
type matcher struct {
	pattern string
	expr    *regex.Regexp
	pos     option.Pos
}

func newMatcher(m matching, props []option.Property) matcher {
	v, ok := option.Lookup(props, "match")
	if !ok {
		v, _ = option.Lookup(props, "match_regex")
	}
	return matcher{pattern: m.match, expr: m.matchRegex, pos: v.Pos}
}

func (m *matcher) match(tag string) bool {
	return m.pattern != "" && wildcard(m.pattern, tag) || m.expr != nil && m.expr.MatchPrefix([]byte(tag))
}

// wildcard matches the whole of s; * stands for any run of bytes, also an empty one.
func wildcard(pattern, s string) bool {
	p, i := 0, 0
	star, back := -1, 0 // the last * and where its run ends so far
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0: // let the last * take one byte more
			back++
			p, i = star+1, back
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// set reports whether there is anything to match.
func (m *matcher) set() bool { return m.pattern != "" || m.expr != nil }

// plain is a tag as it may stand in the log: clients choose tags, and must not write lines of their own there.
func plain(tag string) string {
	if strings.ContainsFunc(tag, func(r rune) bool { return !unicode.IsPrint(r) }) {
		quoted := strconv.Quote(tag)
		return quoted[1 : len(quoted)-1]
	}
	return tag
}
