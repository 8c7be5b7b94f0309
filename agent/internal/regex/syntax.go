package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// op is the kind of a node.
type op uint8

const (
	opEmpty     op = iota
	opSet          // one character of set
	opCat          // subs one after the other
	opAlt          // the first of subs that fits
	opRepeat       // subs[0] min to max times (-1: no end)
	opCapture      // subs[0] as group number n
	opAtomic       // subs[0] without going back into it
	opAhead        // subs[0] stands after here
	opBehind       // subs[0] stands before here
	opLineStart    // ^
	opLineEnd      // $
	opTextStart    // \A
	opTextEnd      // \z
	opLastEnd      // \Z: at the end, or before a newline that ends the text
	opWordEdge     // \b
	opBackref      // the text of group n, or of any group called name
	opIfGroup      // subs[0] if group n took part, otherwise subs[1], if there is one
)

// node is a part of a parsed pattern. Case has been folded into the sets.
type node struct {
	op         op
	set        class
	fold       bool // opBackref: case does not matter
	not        bool // opAhead, opBehind, opWordEdge: must not be
	ascii      bool // opWordEdge: only ASCII has words
	lazy       bool
	possessive bool
	min, max   int
	n          int
	name       string
	subs       []*node
}

// limits of what is accepted as a pattern.
const (
	maxPattern = 1 << 16
	maxNesting = 200
	maxRepeat  = 100000
)

// flags are the options in force at one place of the pattern.
type flags struct {
	fold, dotAll, extended bool
	// Usually \d, \s and \w know ASCII, and [[:alpha:]] and \b know all of Unicode. (?a) and (?u) make them agree.
	ascii, unicode bool
}

// parser reads Ruby's syntax as Onigmo defines it (Onigmo's doc/RE).
type parser struct {
	src   string
	pos   int
	depth int
	named bool // the pattern has named groups: plain ones do not capture

	// By the number of a capture; index 0 is the whole match.
	names  []string
	groups []*node // nil: not complete
	copied []bool  // stands there for a call
	called int     // nodes that calls added
}

type syntaxError struct {
	pos int
	msg string
}

// parse reads a pattern without its slashes.
func parse(src string, f flags) (root *node, names []string, err error) {
	if len(src) > maxPattern {
		return nil, nil, fmt.Errorf("is longer than %d bytes", maxPattern)
	}
	if !utf8.ValidString(src) {
		return nil, nil, fmt.Errorf("is not UTF-8")
	}
	defer func() {
		if e, ok := recover().(syntaxError); ok {
			err = fmt.Errorf("%s at character %d of '%s'", e.msg, utf8.RuneCountInString(src[:e.pos])+1, src)
		}
	}()
	p := &parser{src: src, named: hasNames(src)}
	p.newGroup("")
	root = p.alternatives(f)
	if p.more() {
		p.fail("')' without a '('")
	}
	p.resolve(root)
	return root, p.names, nil
}

// hasNames tells whether a named group stands anywhere in src.
func hasNames(src string) bool {
	inClass := 0
	for i := 0; i < len(src); i++ {
		switch {
		case src[i] == '\\':
			i++
		case src[i] == '[':
			inClass++
		case src[i] == ']' && inClass > 0:
			inClass--
		case inClass > 0:
		case strings.HasPrefix(src[i:], "(?'"):
			return true
		case strings.HasPrefix(src[i:], "(?<") && i+3 < len(src) && src[i+3] != '=' && src[i+3] != '!':
			return true
		}
	}
	return false
}

// fail leaves the parser; parse turns it into an error.
func (p *parser) fail(format string, args ...any) {
	panic(syntaxError{min(p.pos, len(p.src)), fmt.Sprintf(format, args...)})
}

func (p *parser) more() bool { return p.pos < len(p.src) }

// take skips s when it comes next.
func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.src[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *parser) next() rune {
	if !p.more() {
		p.fail("the pattern ends too early")
	}
	r, n := utf8.DecodeRuneInString(p.src[p.pos:])
	p.pos += n
	return r
}

// until returns what stands before end and skips both.
func (p *parser) until(end, what string) string {
	text, _, ok := strings.Cut(p.src[p.pos:], end)
	if !ok {
		p.fail("%s has no closing '%s'", what, end)
	}
	p.pos += len(text) + len(end)
	return text
}

func (p *parser) alternatives(f flags) *node {
	if p.depth++; p.depth > maxNesting {
		p.fail("groups nest deeper than %d", maxNesting)
	}
	defer func() { p.depth-- }()
	alt := &node{op: opAlt, subs: []*node{p.sequence(f)}}
	for p.take("|") {
		alt.subs = append(alt.subs, p.sequence(f))
	}
	if len(alt.subs) == 1 {
		return alt.subs[0]
	}
	return alt
}

func (p *parser) sequence(f flags) *node {
	cat := &node{op: opCat}
	for {
		if f.extended {
			p.skipBlanks()
		}
		if !p.more() || p.src[p.pos] == '|' || p.src[p.pos] == ')' {
			return cat
		}
		atom := p.atom(f)
		if atom == nil {
			continue
		}
		if f.extended {
			p.skipBlanks()
		}
		cat.subs = append(cat.subs, p.quantified(atom, f))
	}
}

func (p *parser) skipBlanks() {
	for p.more() {
		switch c := p.src[p.pos]; {
		case c == '#':
			if i := strings.IndexByte(p.src[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.src)
			}
		case strings.IndexByte(" \t\r\n\v\f", c) >= 0:
			p.pos++
		default:
			return
		}
	}
}

// quantified reads the repetitions that follow n.
func (p *parser) quantified(n *node, f flags) *node {
	for p.more() {
		lo, hi, interval := 0, -1, false
		switch {
		case p.take("*"):
		case p.take("+"):
			lo = 1
		case p.take("?"):
			hi = 1
		default:
			var ok bool
			if lo, hi, ok = p.interval(); !ok {
				return n
			}
			interval = true
		}
		rep := &node{op: opRepeat, min: lo, max: hi, subs: []*node{n}}
		switch {
		case interval && lo == hi: // {n}? is an optional {n} in Ruby, {n}+ repeats it
		case p.take("?"):
			rep.lazy = true
		case !interval && p.take("+"):
			rep.possessive = true
		}
		n = rep
		if f.extended {
			p.skipBlanks()
		}
	}
	return n
}

// interval reads {n}, {n,}, {,m} or {n,m}; anything else is plain text.
func (p *parser) interval() (lo, hi int, ok bool) {
	rest := p.src[p.pos:]
	end := strings.IndexByte(rest, '}')
	if rest[0] != '{' || end < 0 {
		return 0, 0, false
	}
	a, b, comma := strings.Cut(rest[1:end], ",")
	number := func(s string, missing int) int {
		if s == "" {
			return missing
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			ok = false
			return 0
		}
		if n > maxRepeat {
			p.fail("a repetition of more than %d", maxRepeat)
		}
		return int(n)
	}
	ok = a != "" || comma && b != ""
	lo = number(a, 0)
	hi = lo
	if comma {
		hi = number(b, -1)
	}
	if !ok {
		return 0, 0, false
	}
	if hi >= 0 && hi < lo {
		p.fail("the repetition {%s} ends before it begins", rest[1:end])
	}
	p.pos += end + 1
	return lo, hi, true
}

// atom reads one thing that may be repeated; nil when it was a comment.
func (p *parser) atom(f flags) *node {
	switch r := p.next(); r {
	case '.':
		if f.dotAll {
			return &node{op: opSet, set: anyRune}
		}
		return &node{op: opSet, set: notBreak}
	case '^':
		return &node{op: opLineStart}
	case '$':
		return &node{op: opLineEnd}
	case '[':
		return &node{op: opSet, set: p.class(f)}
	case '(':
		return p.group(f)
	case '\\':
		return p.escape(f)
	case '*', '+', '?':
		p.pos--
		p.fail("'%c' repeats nothing", r)
		return nil
	default:
		return literal(r, f)
	}
}

func literal(r rune, f flags) *node {
	c := class{r, r}
	if f.fold {
		c = c.fold()
	}
	return &node{op: opSet, set: c}
}
