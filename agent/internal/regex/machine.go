package regex

import (
	"bytes"
	"unicode/utf8"
)

// machine is one search.
type machine struct {
	code   []inst
	b      []byte
	caps   []int // nil when nobody asks for them
	budget int
	loops  int   // repetitions that are under way
	open   int   // places to come back to: what is overwritten in caps from here on must be remembered
	trail  []int // what was overwritten: index and offset by turns
}

// maxLoops bounds the stack.
const maxLoops = 1000

// find searches b. known is false when the budget ran out. caps, when it is not nil, takes two offsets per
// group; room is for the search itself.
func (s *sequence) find(b []byte, caps, room []int) (found, known bool) {
	m := machine{code: s.code, b: b, caps: caps, trail: room[:0], budget: 1000 + 16*len(b)}
	entry := len(s.code) - 1
	for at := s.start(b, 0); at >= 0; at = s.start(b, at+1) {
		for i := range caps {
			caps[i] = -1
		}
		m.trail = m.trail[:0]
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

// start returns the first place from at on where a match could begin, or -1.
func (s *sequence) start(b []byte, at int) int {
	switch s.begin {
	case opText:
		if at == 0 {
			return 0
		}
	case opLine:
		if at == 0 {
			return 0
		}
		if at > len(b) {
			return -1
		}
		if i := bytes.IndexByte(b[at-1:], '\n'); i >= 0 && at+i < len(b) {
			return at + i
		}
	case opFind:
		if at > len(b) {
			return -1
		}
		if i := bytes.Index(b[at:], s.lit); i >= 0 {
			return at + i
		}
	case opAny:
		for ; at < len(b); at++ {
			if s.in[b[at]] && boundary(b, at) {
				return at
			}
		}
		if s.empty && at == len(b) {
			return at
		}
	}
	return -1
}

// boundary reports whether b[at:] does not begin inside of a character; a byte that is no UTF-8 is one.
func boundary(b []byte, at int) bool {
	if at == len(b) || utf8.RuneStart(b[at]) {
		return true
	}
	for k := at - 1; k >= 0 && k > at-utf8.UTFMax; k-- {
		if utf8.RuneStart(b[k]) {
			_, size := utf8.DecodeRune(b[k:])
			return k+size <= at
		}
	}
	return true
}

// run returns where a match that goes on at pc and pos ends, or -1.
func (m *machine) run(pc, pos int) int {
	for {
		i := &m.code[pc]
		switch i.op {
		case opMatch:
			return pos
		case opLiteral:
			if pos == len(m.b) || m.b[pos] != i.lit[0] {
				return -1
			}
			if n := len(i.lit); n > 1 && (len(m.b)-pos < n || string(m.b[pos:pos+n]) != string(i.lit)) {
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
			last := len(i.to) - 1
			if end := m.alternatives(i.to[:last], pos); end >= 0 || m.budget < 0 {
				return end
			}
			pc = i.to[last]
			continue
		case opLoop:
			if m.loops++; m.loops > maxLoops {
				m.budget = -1
				return -1
			}
			if end := m.alternatives(i.to[:1], pos); end >= 0 || m.budget < 0 {
				return end
			}
			m.loops--
			pc = i.to[1]
			continue
		case opSave:
			if m.caps != nil {
				if m.open > 0 {
					m.trail = append(m.trail, i.n, m.caps[i.n])
				}
				m.caps[i.n] = pos
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

// span tells how long a run can be, and charges for looking.
func (m *machine) span(i *inst, pos int) int {
	n := i.length(m.b[pos:])
	m.budget -= n >> 3
	return n
}

func (i *inst) length(b []byte) int {
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
	lo, hi := pos+i.min, pos+m.span(i, pos)
	mark := len(m.trail)
	m.open++
	for lo <= hi {
		end := i.candidate(m.b, lo, hi)
		if end < 0 {
			break
		}
		if i.lazy {
			lo = end + 1
		} else {
			hi = end - 1
		}
		if m.budget--; m.budget < 0 {
			return -1
		}
		if i.high && !boundary(m.b, end) {
			continue
		}
		if end = m.run(i.next, end); end >= 0 {
			return end
		}
		m.back(mark)
	}
	m.open--
	return -1
}

// candidate returns the first end to try of a run that ends from lo to hi, or -1.
func (i *inst) candidate(b []byte, lo, hi int) int {
	if i.stop >= 0 { // it can only go on where that byte is
		window := b[lo:min(hi+1, len(b))]
		k := bytes.LastIndexByte(window, byte(i.stop))
		if i.lazy {
			k = bytes.IndexByte(window, byte(i.stop))
		}
		if k < 0 {
			return -1
		}
		return lo + k
	}
	end, step := hi, -1
	if i.lazy {
		end, step = lo, 1
	}
	if i.after != nil {
		for end < len(b) && !i.after[b[end]] {
			if end += step; end < lo || end > hi {
				return -1
			}
		}
	}
	return end
}

// alternatives tries what comes before the last choice.
func (m *machine) alternatives(to []int, pos int) int {
	mark := len(m.trail)
	m.open++
	for _, pc := range to {
		if m.budget--; m.budget < 0 {
			return -1
		}
		if end := m.run(pc, pos); end >= 0 {
			return end
		}
		m.back(mark)
	}
	m.open--
	return -1
}

// back undoes what was saved since the trail was as long as mark.
func (m *machine) back(mark int) {
	for k := len(m.trail) - 2; k >= mark; k -= 2 {
		m.caps[m.trail[k]] = m.trail[k+1]
	}
	m.trail = m.trail[:mark]
}
