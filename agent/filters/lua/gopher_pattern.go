//go:build !luajit || !linux

package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The interpreter's patterns lack the frontier %f, and nothing ends one that tries for minutes. These know all
// of Lua's and run on the leash.

const (
	maxCaptures = 32
	maxNested   = 200 // calls of match within each other
	open        = -1  // the length of a capture that has no end yet …
	position    = -2  // … and of one that is a place, ()
)

// pattern is one pattern on its way through a text.
type pattern struct {
	l        *lua.LState
	leash    *leash
	s, p     string
	nested   int
	count    int // of captures
	captures [maxCaptures]struct{ at, length int }
}

// match returns where what p from index p on matches ends when it begins at s, or -1.
func (m *pattern) match(s, p int) int {
	if m.nested++; m.nested > maxNested {
		m.l.RaiseError("pattern too complex")
	}
	if m.leash.Done() != nil {
		m.l.RaiseError("%v", m.leash.err)
	}
	defer func() { m.nested-- }()
	for p < len(m.p) {
		switch c := m.p[p]; {
		case c == '(' && strings.HasPrefix(m.p[p:], "()"):
			return m.begin(s, p+2, position)
		case c == '(':
			return m.begin(s, p+1, open)
		case c == ')':
			return m.end(s, p+1)
		case c == '$' && p+1 == len(m.p):
			if s < len(m.s) {
				return -1
			}
			return s
		case c == '%' && p+1 < len(m.p) && m.p[p+1] == 'b':
			if s = m.balanced(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.p) && m.p[p+1] == 'f':
			if byteAt(m.p, p+2) != '[' {
				m.l.RaiseError("missing '[' after '%%f' in pattern")
			}
			end := m.itemEnd(p + 2)
			if m.inSet(byteAt(m.s, s-1), p+2, end) || !m.inSet(byteAt(m.s, s), p+2, end) {
				return -1
			}
			p = end
			continue
		case c == '%' && p+1 < len(m.p) && m.p[p+1] >= '0' && m.p[p+1] <= '9':
			again := m.text(m.capture(int(m.p[p+1] - '1')))
			if !strings.HasPrefix(m.s[s:], again) {
				return -1
			}
			s, p = s+len(again), p+2
			continue
		}
		end := m.itemEnd(p)
		fits := m.fits(s, p, end)
		switch byteAt(m.p, end) {
		case '?':
			if fits {
				if e := m.match(s+1, end+1); e >= 0 {
					return e
				}
			}
			p = end + 1
			continue
		case '*':
			return m.longest(s, p, end)
		case '+':
			if !fits {
				return -1
			}
			return m.longest(s+1, p, end)
		case '-':
			return m.shortest(s, p, end)
		}
		if !fits {
			return -1
		}
		s, p = s+1, end
	}
	return s
}

func (m *pattern) longest(s, p, end int) int {
	n := 0
	for m.fits(s+n, p, end) {
		n++
	}
	for ; n >= 0; n-- {
		if e := m.match(s+n, end+1); e >= 0 {
			return e
		}
	}
	return -1
}

func (m *pattern) shortest(s, p, end int) int {
	for {
		if e := m.match(s, end+1); e >= 0 {
			return e
		}
		if !m.fits(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *pattern) begin(s, p, length int) int {
	if m.count == maxCaptures {
		m.l.RaiseError("too many captures")
	}
	m.captures[m.count].at, m.captures[m.count].length = s, length
	m.count++
	e := m.match(s, p)
	if e < 0 {
		m.count--
	}
	return e
}

func (m *pattern) end(s, p int) int {
	i := m.count - 1
	for i >= 0 && m.captures[i].length != open {
		i--
	}
	if i < 0 {
		m.l.RaiseError("invalid pattern capture")
	}
	m.captures[i].length = s - m.captures[i].at
	e := m.match(s, p)
	if e < 0 {
		m.captures[i].length = open
	}
	return e
}

// capture checks the number of a capture that is referred to, counted from 0.
func (m *pattern) capture(i int) int {
	if i < 0 || i >= m.count || m.captures[i].length == open {
		m.l.RaiseError("invalid capture index")
	}
	return i
}

func (m *pattern) text(i int) string {
	c := m.captures[i]
	return m.s[c.at : c.at+max(c.length, 0)]
}

// value is capture i, or the whole match from s to e if there are none.
func (m *pattern) value(i, s, e int) lua.LValue {
	if i == 0 && m.count == 0 {
		return lua.LString(m.s[s:e])
	}
	if m.captures[m.capture(i)].length == position {
		return lua.LNumber(m.captures[i].at + 1)
	}
	return lua.LString(m.text(i))
}

// push pushes all captures, or the whole match.
func (m *pattern) push(s, e int) int {
	n := max(m.count, 1)
	for i := range n {
		m.l.Push(m.value(i, s, e))
	}
	return n
}

// find looks for the first match from index from on.
func (m *pattern) find(from, p int, anchored bool) (s, e int) {
	for s = from; s <= len(m.s); s++ {
		m.count = 0
		if e = m.match(s, p); e >= 0 {
			return s, e
		}
		if anchored {
			break
		}
	}
	return 0, -1
}

func (m *pattern) balanced(s, p int) int {
	if p+1 >= len(m.p) {
		m.l.RaiseError("unbalanced pattern")
	}
	if s >= len(m.s) || m.s[s] != m.p[p] {
		return -1
	}
	depth := 0
	for ; s < len(m.s); s++ {
		switch m.s[s] {
		case m.p[p+1]:
			if depth--; depth == 0 {
				return s + 1
			}
		case m.p[p]:
			depth++
		}
	}
	return -1
}

// itemEnd tells where the item that begins at p ends: a character, a class or a set.
func (m *pattern) itemEnd(p int) int {
	switch byteAt(m.p, p) {
	case '%':
		if p+1 == len(m.p) {
			m.l.RaiseError("malformed pattern (ends with '%%')")
		}
		return p + 2
	case '[':
		p++
		if byteAt(m.p, p) == '^' {
			p++
		}
		for first := true; first || byteAt(m.p, p) != ']' || p >= len(m.p); first = false {
			if p >= len(m.p) {
				m.l.RaiseError("malformed pattern (missing ']')")
			}
			if m.p[p] == '%' {
				p++
			}
			p++
		}
	}
	return p + 1
}

// fits tells whether the character at s is one of the item's from p to end.
func (m *pattern) fits(s, p, end int) bool {
	if s >= len(m.s) {
		return false
	}
	switch c := m.s[s]; m.p[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.p[p+1])
	case '[':
		return m.inSet(c, p, end)
	default:
		return c == m.p[p]
	}
}

// inSet tells whether c is in the set from its [ at p to behind its ].
func (m *pattern) inSet(c byte, p, end int) bool {
	set, not := m.p[p+1:end-1], false
	if strings.HasPrefix(set, "^") {
		set, not = set[1:], true
	}
	for i := 0; i < len(set); i++ {
		switch {
		case set[i] == '%' && i+1 < len(set):
			if i++; inClass(c, set[i]) {
				return !not
			}
		case i+2 < len(set) && set[i+1] == '-':
			if set[i] <= c && c <= set[i+2] {
				return !not
			}
			i += 2
		case set[i] == c:
			return !not
		}
	}
	return not
}

// byteAt is NUL outside of s.
func byteAt(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

func inClass(c, class byte) bool {
	lower, upper, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	var in bool
	switch class | 0x20 {
	case 'a':
		in = lower || upper
	case 'c':
		in = c < ' ' || c == 0x7f
	case 'd':
		in = digit
	case 'g':
		in = c > ' ' && c < 0x7f
	case 'l':
		in = lower
	case 'p':
		in = c > ' ' && c < 0x7f && !lower && !upper && !digit
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = upper
	case 'w':
		in = lower || upper || digit
	case 'x':
		in = digit || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return c == class
	}
	return in != (class&0x20 == 0) // a capital is what its letter is not
}
