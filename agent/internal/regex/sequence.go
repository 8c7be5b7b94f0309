package regex

import (
	"math"
	"slices"
	"unicode/utf8"
)

// sequence runs patterns that are made of literals, single characters and runs of them, alternatives, optional
// and repeated parts: what nearly all parsers are. It tries what a backtracking engine would try, in the same
// order, byte by byte and without allocation; where a run cannot give anything back that the next part could
// begin with, it does not try. A budget bounds the work: who exceeds it is left to package regexp.
type sequence struct {
	code   []inst
	groups int
	begin  opcode // opLine, opText, opFind or opAny
	lit    []byte // opFind: what every match begins with
	in     *[256]bool
	empty  bool // opAny: a match may be empty
}

type opcode uint8

const (
	opMatch opcode = iota
	opLiteral
	opOne
	opSpan
	opSplit
	opLoop
	opSave
	opDollar
	opEnd
	opLine // as the beginning: after each newline
	opText // only where the text begins
	opFind // wherever the first literal is
	opAny  // wherever a first character is
)

type inst struct {
	op       opcode
	high     bool // in: every character beyond ASCII belongs to it; otherwise none does
	giveBack bool // a run may have to end earlier than it could
	lazy     bool
	until    int        // the only byte that ends a run, or -1
	stop     int        // the byte that must come behind a run, or -1
	after    *[256]bool // the bytes that may come behind a run before the text's end; nil: any
	min, max int
	n        int   // opSave
	to       []int // opSplit and opLoop, first choice first
	next     int
	lit      []byte
	in       *[256]bool
}

// What a pattern may cost in memory, and how often a group is written out that is to come so many times.
const (
	maxInsts  = 2000
	maxCopies = 16
)

// newSequence compiles a tree, or returns nil when it is not of this kind.
func newSequence(root *node, groups int) *sequence {
	s := &sequence{groups: groups}
	body := root
	if root.op == opCat && len(root.subs) > 0 {
		switch root.subs[0].op {
		case opLineStart:
			s.begin = opLine
		case opTextStart:
			s.begin = opText
		}
		if s.begin != opMatch {
			body = &node{op: opCat, subs: root.subs[1:]}
		}
	}
	// The program is built from its end, so that every part knows what follows it.
	s.code = append(s.code, inst{op: opMatch})
	entry, ok := s.compile(body, 0, nil)
	if !ok || len(s.code) > maxInsts {
		return nil
	}
	s.code = append(s.code, inst{op: opSave, n: 0, next: entry})
	if s.begin == opMatch {
		s.anywhere(body, entry)
	}
	return s
}

// anywhere prepares the search for a place where a match may begin.
func (s *sequence) anywhere(body *node, entry int) {
	for s.code[entry].op == opSave {
		entry = s.code[entry].next
	}
	if s.code[entry].op == opLiteral {
		s.begin, s.lit = opFind, s.code[entry].lit
		return
	}
	s.begin, s.in, s.empty = opAny, beginnings(first(body, anyRune)), width(body) == 0
}

// beginnings returns the bytes that a character of c can begin with, and some more beyond ASCII.
func beginnings(c class) *[256]bool {
	in := new([256]bool)
	for i := range in {
		in[i] = i < utf8.RuneSelf && c.has(rune(i)) || i >= utf8.RuneSelf && len(c) > 0 && c[len(c)-1] >= utf8.RuneSelf
	}
	return in
}

func (s *sequence) add(i inst) (int, bool) {
	s.code = append(s.code, i)
	return len(s.code) - 1, true
}

// compile adds n and returns where it begins; next is what comes behind it, follow what that may begin with.
func (s *sequence) compile(n *node, next int, follow class) (entry int, ok bool) {
	switch n.op {
	case opEmpty:
		return next, true
	case opCat:
		ok = true
		for i := len(n.subs) - 1; i >= 0 && ok; i-- {
			next, ok = s.compile(n.subs[i], next, follow)
			follow = first(n.subs[i], follow)
		}
		return next, ok
	case opSet:
		return s.one(n.set, next)
	case opCapture:
		end, _ := s.add(inst{op: opSave, n: 2*n.n + 1, next: next})
		if entry, ok = s.compile(n.subs[0], end, follow); !ok {
			return 0, false
		}
		return s.add(inst{op: opSave, n: 2 * n.n, next: entry})
	case opAlt:
		to := make([]int, len(n.subs))
		for i, sub := range n.subs {
			if to[i], ok = s.compile(sub, next, follow); !ok {
				return 0, false
			}
		}
		return s.add(inst{op: opSplit, to: to})
	case opLineEnd:
		return s.add(inst{op: opDollar, next: next})
	case opTextEnd:
		return s.add(inst{op: opEnd, next: next})
	case opRepeat:
		return s.repeat(n, next, follow)
	}
	return 0, false
}

func (s *sequence) repeat(n *node, next int, follow class) (entry int, ok bool) {
	body := n.subs[0]
	if body.op != opSet {
		return s.repeatGroup(n, body, next, follow)
	}
	in, high, ok := byteSet(body.set)
	counted := n.min > 1 || n.max > 1 || n.lazy && n.max >= 0
	if !ok || high && counted {
		return 0, false
	}
	giveBack := n.lazy || len(body.set.intersect(follow)) > 0 || n.max >= 0 && n.min != n.max && len(follow) == 0
	var after *[256]bool
	if giveBack && !s.ends(next, map[int]bool{}) {
		after = beginnings(follow)
	}
	span := inst{op: opSpan, after: after, in: in, high: high, min: n.min, max: n.max, lazy: n.lazy, giveBack: giveBack, until: -1, stop: s.stop(next), next: next}
	if n.max < 0 {
		span.max = math.MaxInt
		if i := slices.Index(in[:], false); i >= 0 && slices.Index(in[i+1:], false) < 0 {
			span.until = i
		}
	}
	if high && n.max == 1 { // one character may be several bytes
		one, _ := s.one(body.set, next)
		to := []int{one, next}
		switch {
		case n.min == 1:
			return one, true
		case n.lazy:
			to = []int{next, one}
		}
		return s.add(inst{op: opSplit, to: to})
	}
	return s.add(span)
}

// repeatGroup adds a part that may be left out, or that may come again and again.
func (s *sequence) repeatGroup(n, body *node, next int, follow class) (entry int, ok bool) {
	choice := func(entry int) []int {
		if n.lazy {
			return []int{next, entry}
		}
		return []int{entry, next}
	}
	switch {
	case n.min == 0 && n.max == 1:
		if entry, ok = s.compile(body, next, follow); !ok {
			return 0, false
		}
		return s.add(inst{op: opSplit, to: choice(entry)})
	case n.min <= 1 && n.max < 0 && width(body) > 0:
		loop, _ := s.add(inst{op: opLoop})
		if entry, ok = s.compile(body, loop, first(body, nil).union(follow)); !ok {
			return 0, false
		}
		s.code[loop].to = choice(entry)
		if n.min == 0 {
			return loop, true
		}
		return entry, true
	case n.min > 1 && n.min == n.max && n.max <= maxCopies: // written out
		entry, ok = next, true
		for i := 0; i < n.max && ok; i++ {
			entry, ok = s.compile(body, entry, follow)
			follow = first(body, follow)
		}
		return entry, ok
	}
	return 0, false
}

// ends reports whether a match that has come to pc may end there, whatever stands behind it.
func (s *sequence) ends(pc int, seen map[int]bool) bool {
	if seen[pc] {
		return false
	}
	seen[pc] = true
	switch i := &s.code[pc]; i.op {
	case opMatch:
		return true
	case opSave:
		return s.ends(i.next, seen)
	case opSpan:
		return i.min == 0 && s.ends(i.next, seen)
	case opSplit, opLoop:
		return i.to == nil || slices.ContainsFunc(i.to, func(to int) bool { return s.ends(to, seen) })
	}
	return false
}

// stop returns the byte that has to come where the program goes on at pc, or -1 when there are several.
func (s *sequence) stop(pc int) int {
	for s.code[pc].op == opSave {
		pc = s.code[pc].next
	}
	if s.code[pc].op == opLiteral {
		return int(s.code[pc].lit[0])
	}
	return -1
}

// one adds a single character, in front of the literal that follows when it is a fixed one.
func (s *sequence) one(c class, next int) (entry int, ok bool) {
	if len(c) == 2 && c[0] == c[1] && utf8.ValidRune(c[0]) && c[0] != utf8.RuneError {
		lit := utf8.AppendRune(nil, c[0])
		if after := s.code[next]; after.op == opLiteral {
			return s.add(inst{op: opLiteral, lit: append(lit, after.lit...), next: after.next})
		}
		return s.add(inst{op: opLiteral, lit: lit, next: next})
	}
	in, high, ok := byteSet(c)
	if !ok {
		return 0, false
	}
	return s.add(inst{op: opOne, in: in, high: high, next: next})
}

// byteSet turns a class into bytes, when it holds either all characters beyond ASCII or none.
func byteSet(c class) (in *[256]bool, high, ok bool) {
	beyond := c.intersect(class{utf8.RuneSelf, maxRune})
	high = len(beyond) > 0
	if high && !slices.Equal(beyond, class{utf8.RuneSelf, maxRune}) {
		return nil, false, false
	}
	in = new([256]bool)
	for i := range in {
		in[i] = i < utf8.RuneSelf && c.has(rune(i)) || i >= utf8.RuneSelf && high
	}
	return in, high, true
}
