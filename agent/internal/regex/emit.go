package regex

import (
	"fmt"
	"strings"
)

// relax turns possessive repetitions and atomic groups into plain ones where going back could not help:
// where nothing that the repetition took can begin what follows. follow holds every character that may
// stand behind n; the end of the match adds none.
func relax(n *node, follow class) {
	switch n.op {
	case opCat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			relax(n.subs[i], follow)
			follow = first(n.subs[i], follow)
		}
		return
	case opRepeat:
		body := n.subs[0]
		if n.possessive && body.op == opSet && len(body.set.intersect(follow)) == 0 {
			n.possessive = false
		}
		if n.max != 1 {
			follow = first(body, follow).union(follow)
		}
	case opAtomic:
		relax(n.subs[0], follow)
		rep := single(n.subs[0])
		if rep.op == opRepeat && !rep.lazy && rep.subs[0].op == opSet && len(rep.subs[0].set.intersect(follow)) == 0 {
			rep.possessive = false
			*n = *rep
		}
		return
	case opBehind:
		follow = anyRune
	}
	for _, s := range n.subs {
		relax(s, follow)
	}
}

// single unwraps sequences of one.
func single(n *node) *node {
	for n.op == opCat && len(n.subs) == 1 {
		n = n.subs[0]
	}
	return n
}

// first returns the characters that n, with follow behind it, may begin with.
func first(n *node, follow class) class {
	switch n.op {
	case opEmpty:
		return follow
	case opSet:
		return n.set
	case opCat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			follow = first(n.subs[i], follow)
		}
		return follow
	case opAlt:
		var c class
		for _, s := range n.subs {
			c = c.union(first(s, follow))
		}
		return c
	case opCapture, opAtomic:
		return first(n.subs[0], follow)
	case opRepeat:
		c := first(n.subs[0], follow)
		if n.min == 0 {
			c = c.union(follow)
		}
		return c
	case opLineEnd:
		return newline
	case opTextEnd:
		return nil
	}
	return anyRune
}

// width returns the fewest characters that n takes.
func width(n *node) int {
	switch n.op {
	case opSet:
		return 1
	case opCat:
		w := 0
		for _, s := range n.subs {
			w = min(w+width(s), maxPattern)
		}
		return w
	case opAlt:
		w := width(n.subs[0])
		for _, s := range n.subs[1:] {
			w = min(w, width(s))
		}
		return w
	case opCapture, opAtomic:
		return width(n.subs[0])
	case opRepeat:
		return min(n.min*width(n.subs[0]), maxPattern)
	}
	return 0
}

// anchored tells whether every match begins with ^.
func anchored(n *node) bool {
	switch n.op {
	case opLineStart:
		return true
	case opCat:
		return len(n.subs) > 0 && anchored(n.subs[0])
	case opCapture:
		return anchored(n.subs[0])
	case opAlt:
		for _, s := range n.subs {
			if !anchored(s) {
				return false
			}
		}
		return true
	}
	return false
}

// scan finds what package regexp cannot do, or not in Ruby's way.
type scan struct {
	foreign  bool // look-around, back-references, atomic groups, \Z
	edges    bool // \b beyond ASCII, which package regexp knows for ASCII only
	lastLine bool // ^ may match behind a newline that ends the text, which Ruby does not have
	anchored bool
}

// walk looks at n; after is the fewest characters that the pattern takes behind it, leading says that
// nothing stands before it.
func (s *scan) walk(n *node, after int, leading bool) {
	switch n.op {
	case opAtomic, opAhead, opBehind, opBackref, opIfGroup, opLastEnd:
		s.foreign = true
	case opWordEdge:
		s.edges = s.edges || !n.ascii
	case opLineStart:
		switch {
		case after > 0:
		case leading && s.anchored:
			s.lastLine = true
		default:
			s.foreign = true
		}
	case opRepeat:
		s.foreign = s.foreign || n.possessive
		s.walk(n.subs[0], after, false)
		return
	case opCat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			s.walk(n.subs[i], after, leading && i == 0)
			after += width(n.subs[i])
		}
		return
	}
	for _, sub := range n.subs {
		s.walk(sub, after, leading)
	}
}

// emitter writes a tree in the syntax that package regexp and regexp2 share, and where they differ in the
// one that is asked for.
type emitter struct {
	strings.Builder
	back bool // for regexp2
}

func (e *emitter) emit(n *node) {
	switch n.op {
	case opSet:
		e.set(n.set)
	case opCat:
		for _, s := range n.subs {
			if s.op == opAlt {
				e.group("(?:", s)
			} else {
				e.emit(s)
			}
		}
	case opAlt:
		for i, s := range n.subs {
			if i > 0 {
				e.WriteByte('|')
			}
			e.emit(s)
		}
	case opRepeat:
		e.repeat(n)
	case opCapture:
		e.group("(", n.subs[0])
	case opAtomic:
		e.group("(?>", n.subs[0])
	case opAhead:
		e.group(choose(n.not, "(?!", "(?="), n.subs[0])
	case opBehind:
		e.group(choose(n.not, "(?<!", "(?<="), n.subs[0])
	case opLineStart:
		e.WriteString(choose(e.back, `(?:\A|(?<=\n)(?!\z))`, `(?m:^)`))
	case opLineEnd:
		e.WriteString(choose(e.back, `(?=\n|\z)`, `(?m:$)`))
	case opTextStart:
		e.WriteString(`\A`)
	case opTextEnd:
		e.WriteString(`\z`)
	case opLastEnd:
		e.WriteString(`\Z`)
	case opWordEdge:
		e.wordEdge(n)
	case opBackref:
		fmt.Fprintf(e, `(?%s:\%d)`, choose(n.fold, "i", ""), n.n)
	case opIfGroup:
		fmt.Fprintf(e, "(?(%d)", n.n)
		for i, s := range n.subs {
			e.WriteString(choose(i > 0, "|", ""))
			e.group("(?:", s)
		}
		e.WriteByte(')')
	}
}

// wordEdge writes \b, which regexp2 knows for all of Unicode and package regexp for ASCII.
func (e *emitter) wordEdge(n *node) {
	const inner, edge = `(?:(?<=[0-9A-Z_a-z])(?=[0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?![0-9A-Z_a-z]))`,
		`(?:(?<=[0-9A-Z_a-z])(?![0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?=[0-9A-Z_a-z]))`
	if n.ascii && e.back {
		e.WriteString(choose(n.not, inner, edge))
		return
	}
	e.WriteString(choose(n.not, `\B`, `\b`))
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func (e *emitter) group(open string, n *node) {
	e.WriteString(open)
	e.emit(n)
	e.WriteByte(')')
}

func (e *emitter) repeat(n *node) {
	if n.possessive {
		e.WriteString("(?>")
	}
	if body := n.subs[0]; body.op == opSet {
		e.emit(body)
	} else {
		e.group("(?:", body)
	}
	switch {
	case n.min == 0 && n.max < 0:
		e.WriteByte('*')
	case n.min == 1 && n.max < 0:
		e.WriteByte('+')
	case n.min == 0 && n.max == 1:
		e.WriteByte('?')
	case n.max < 0:
		fmt.Fprintf(e, "{%d,}", n.min)
	default:
		fmt.Fprintf(e, "{%d,%d}", n.min, n.max)
	}
	if n.lazy {
		e.WriteByte('?')
	}
	if n.possessive {
		e.WriteByte(')')
	}
}

func (e *emitter) set(c class) {
	switch {
	case len(c) == 0 && e.back:
		e.WriteString("(?!)")
		return
	case len(c) == 0:
		e.WriteString(`[^\x00-\x{10FFFF}]`)
		return
	case len(c) == 2 && c[0] == c[1]:
		e.char(c[0])
		return
	case len(c) == 2 && c[1] == maxRune && c[0] == 0:
		e.WriteString("(?s:.)")
		return
	}
	e.WriteByte('[')
	if c[len(c)-1] == maxRune {
		e.WriteByte('^')
		c = c.negate()
	}
	for i := 0; i < len(c); i += 2 {
		e.char(c[i])
		if c[i] != c[i+1] {
			e.WriteByte('-')
			e.char(c[i+1])
		}
	}
	e.WriteByte(']')
}

func (e *emitter) char(r rune) {
	switch {
	case strings.ContainsRune(`\.+*?()|[]{}^$-#&~`, r):
		e.WriteByte('\\')
		e.WriteRune(r)
	case r >= ' ' && r < 0x7f:
		e.WriteRune(r)
	case r > 0xffff && e.back:
		e.WriteRune(r)
	case e.back:
		fmt.Fprintf(e, `\u%04X`, r)
	default:
		fmt.Fprintf(e, `\x{%X}`, r)
	}
}
