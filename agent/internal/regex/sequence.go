package regex

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"
)

// sequence runs patterns that are made of literals, single characters and runs of them, alternatives and
// optional parts: what nearly all parsers are. It tries what a backtracking engine would try, in the same
// order, byte by byte and without allocation; where a run cannot give anything back that the next part could
// begin with, it does not try. A budget bounds the work: who exceeds it is left to package regexp.
type sequence struct {
	code   []inst
	groups int
	begin  opcode // opLine, opText or opFind
}

type opcode uint8

const (
	opMatch opcode = iota
	opLiteral
	opOne
	opSpan
	opSplit
	opSave
	opDollar
	opEnd
	opLine // as the beginning: after each newline
	opText // only where the text begins
	opFind // wherever the first literal is
)

type inst struct {
	op       opcode
	high     bool // in: every character beyond ASCII belongs to it; otherwise none does
	giveBack bool // a run may have to end earlier than it could
	lazy     bool
	until    int // the only byte that ends a run, or -1
	min, max int
	n        int   // opSave
	to       []int // opSplit, first choice first
	next     int
	lit      []byte
	in       *[256]bool
}

// newSequence compiles a tree, or returns nil when it is not of this kind.
func newSequence(root *node, groups int) *sequence {
	s := &sequence{groups: groups, begin: opFind}
	body := root
	if root.op == opCat && len(root.subs) > 0 {
		switch root.subs[0].op {
		case opLineStart:
			s.begin = opLine
		case opTextStart:
			s.begin = opText
		}
	}
	if s.begin != opFind {
		body = &node{op: opCat, subs: root.subs[1:]}
	}
	// The program is built from its end, so that every part knows what follows it.
	s.code = append(s.code, inst{op: opMatch})
	entry, ok := s.compile(body, 0, nil)
	if !ok || len(s.code) > 200 {
		return nil
	}
	s.code = append(s.code, inst{op: opSave, n: 0, next: entry})
	if s.begin == opFind && s.code[entry].op != opLiteral {
		return nil
	}
	return s
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
		if n.min != 0 || n.max != 1 {
			return 0, false
		}
		if entry, ok = s.compile(body, next, follow); !ok {
			return 0, false
		}
		to := []int{entry, next}
		if n.lazy {
			to = []int{next, entry}
		}
		return s.add(inst{op: opSplit, to: to})
	}
	in, high, ok := byteSet(body.set)
	counted := n.min > 1 || n.max > 1 || n.lazy && n.max >= 0
	giveBack := n.lazy || len(body.set.intersect(follow)) > 0 || n.max >= 0 && n.min != n.max && len(follow) == 0
	// A run that may end inside of a character must be followed by something in ASCII.
	if !ok || high && (counted || n.lazy && s.ends(next, map[int]bool{}) || giveBack && len(follow.intersect(class{utf8.RuneSelf, maxRune})) > 0) {
		return 0, false
	}
	span := inst{op: opSpan, in: in, high: high, min: n.min, max: n.max, lazy: n.lazy, giveBack: giveBack, until: -1, next: next}
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
	case opSplit:
		return slices.ContainsFunc(i.to, func(to int) bool { return s.ends(to, seen) })
	}
	return false
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

// machine is one search.
type machine struct {
	code   []inst
	b      []byte
	caps   []int // nil when nobody asks for them
	budget int
}

// find searches b. known is false when the budget ran out. caps, when it is not nil, takes two offsets per
// group.
func (s *sequence) find(b []byte, caps []int) (found, known bool) {
	m := machine{code: s.code, b: b, caps: caps, budget: 1000 + 16*len(b)}
	entry := len(s.code) - 1
	for at := 0; at >= 0; at = s.nextStart(b, at) {
		if s.begin == opFind {
			lit := s.code[s.code[entry].next].lit
			i := bytes.Index(b[at:], lit)
			if i < 0 {
				return false, true
			}
			at += i
		}
		for i := range caps {
			caps[i] = -1
		}
		end := m.run(entry, at)
		if m.budget < 0 {
			return false, false
		}
		if end >= 0 {
			if caps != nil {
				caps[1] = end
			}
			return true, true
		}
	}
	return false, true
}

// nextStart returns where the next match could begin after one at at was not possible, or -1.
func (s *sequence) nextStart(b []byte, at int) int {
	switch s.begin {
	case opFind:
		if at++; at < len(b) {
			return at
		}
	case opLine:
		if i := bytes.IndexByte(b[at:], '\n'); i >= 0 && at+i+1 < len(b) {
			return at + i + 1
		}
	}
	return -1
}

// run returns where a match that goes on at pc and pos ends, or -1.
func (m *machine) run(pc, pos int) int {
	for {
		i := &m.code[pc]
		switch i.op {
		case opMatch:
			return pos
		case opLiteral:
			if len(m.b)-pos < len(i.lit) || string(m.b[pos:pos+len(i.lit)]) != string(i.lit) {
				return -1
			}
			pos += len(i.lit)
		case opOne:
			if pos == len(m.b) || !i.in[m.b[pos]] {
				return -1
			}
			size := 1
			if m.b[pos] >= utf8.RuneSelf {
				_, size = utf8.DecodeRune(m.b[pos:])
			}
			pos += size
		case opSpan:
			if i.giveBack {
				return m.spans(i, pos)
			}
			n := m.span(i, pos)
			if n < i.min {
				return -1
			}
			pos += n
		case opSplit:
			return m.split(i, pos)
		case opSave:
			if m.caps != nil {
				return m.save(i, pos)
			}
		case opDollar:
			if pos < len(m.b) && m.b[pos] != '\n' {
				return -1
			}
		case opEnd:
			if pos < len(m.b) {
				return -1
			}
		}
		pc = i.next
	}
}

// span tells how long a run can be.
func (m *machine) span(i *inst, pos int) int {
	b := m.b[pos:]
	if i.until >= 0 {
		if n := bytes.IndexByte(b, byte(i.until)); n >= 0 {
			return n
		}
		return len(b)
	}
	if len(b) > i.max {
		b = b[:i.max]
	}
	for n, c := range b {
		if !i.in[c] {
			return n
		}
	}
	return len(b)
}

// spans tries every length that a run may have.
func (m *machine) spans(i *inst, pos int) int {
	longest := m.span(i, pos)
	for k := i.min; k <= longest; k++ {
		n := k
		if !i.lazy {
			n = longest - (k - i.min)
		}
		if m.budget--; m.budget < 0 {
			return -1
		}
		if after := &m.code[i.next]; after.op == opLiteral && (pos+n == len(m.b) || m.b[pos+n] != after.lit[0]) {
			continue
		}
		if end := m.run(i.next, pos+n); end >= 0 {
			return end
		}
	}
	return -1
}

func (m *machine) split(i *inst, pos int) int {
	for _, to := range i.to {
		if m.budget--; m.budget < 0 {
			return -1
		}
		if end := m.run(to, pos); end >= 0 {
			return end
		}
	}
	return -1
}

// save notes an offset, and forgets it when the match fails behind it.
func (m *machine) save(i *inst, pos int) int {
	old := m.caps[i.n]
	m.caps[i.n] = pos
	end := m.run(i.next, pos)
	if end < 0 {
		m.caps[i.n] = old
	}
	return end
}
