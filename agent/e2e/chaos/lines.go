package chaos

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
)

// A numbered line is '#', nine digits, a blank, a filler that depends on the number, the digits again, and
// ';'. The filler has neither '#' nor anything that JSON escapes, so a line can be found again in whatever an
// output makes of it, also behind the torn end of what a killed agent wrote. No two lines end alike.
const (
	mark       = '#'
	digits     = 9
	lineFormat = "#%09d "
)

const filler = "the quick brown fox jumps over the lazy dog while nobody looks. "

// AppendLine appends line n without a line feed. Most are short, one in a thousand has some kilobytes.
func AppendLine(dst []byte, n int) []byte {
	dst = fmt.Appendf(dst, lineFormat, n)
	size := n * 7919 % 151
	if n%1000 == 500 {
		size *= 40
	}
	for ; size > len(filler); size -= len(filler) {
		dst = append(dst, filler...)
	}
	return fmt.Appendf(append(dst, filler[:size]...), " %09d;", n)
}

// LineSize is the length of line n with its line feed.
func LineSize(n int) int { return len(AppendLine(nil, n)) + 1 }

// Tally counts the numbered lines in what is written to it: text in which each record has a line.
type Tally struct {
	Each func(record []byte) // sees each record as well, unless nil

	mu       sync.Mutex
	rest     []byte
	scratch  []byte
	counts   []uint8
	distinct int
	strange  []string
}

// Write takes the next piece.
func (t *Tally) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	text := t.rest
	for {
		line, more, whole := bytes.Cut(text, []byte{'\n'})
		if !whole {
			break
		}
		t.line(line)
		text = more
	}
	t.rest = append(t.rest[:0], text...)
	return len(p), nil
}

func (t *Tally) line(line []byte) {
	if t.Each != nil {
		t.Each(line)
	}
	found := false
	for rest := line; ; {
		at := bytes.IndexByte(rest, mark)
		if at < 0 {
			break
		}
		rest = rest[at:]
		if n, ok := t.number(rest); ok {
			found = true
			t.count(n)
		}
		rest = rest[1:]
	}
	if !found && len(t.strange) < 10 {
		t.strange = append(t.strange, string(line[:min(len(line), 200)]))
	}
}

// number returns the number of the whole line that text begins with.
func (t *Tally) number(text []byte) (n int, ok bool) {
	if len(text) < 2+digits {
		return 0, false
	}
	n, err := strconv.Atoi(string(text[1 : 1+digits]))
	if err != nil || n < 0 {
		return 0, false
	}
	t.scratch = AppendLine(t.scratch[:0], n)
	return n, bytes.HasPrefix(text, t.scratch)
}

func (t *Tally) count(n int) {
	for len(t.counts) <= n {
		t.counts = append(t.counts, make([]uint8, n+1000)...)
	}
	if t.counts[n] == 0 {
		t.distinct++
	}
	if t.counts[n] < 255 {
		t.counts[n]++
	}
}

// Distinct is how many different lines came.
func (t *Tally) Distinct() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.distinct
}

// Has reports whether line n came.
func (t *Tally) Has(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return n < len(t.counts) && t.counts[n] > 0
}

// Result is what came of the lines 0 to n-1.
type Result struct {
	Lost       []int // their numbers
	Duplicated int   // how many lines came more than once
	Strange    []string
}

// Of compares what came with the lines 0 to n-1. Strange lists output that holds no whole line, and numbers
// that nobody wrote.
func (t *Tally) Of(n int) (r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Strange = t.strange
	for i, c := range t.counts {
		switch {
		case i >= n && c > 0:
			r.Strange = append(r.Strange, fmt.Sprintf("line %d, of %d", i, n))
		case i < n && c == 0:
			r.Lost = append(r.Lost, i)
		case c > 1:
			r.Duplicated++
		}
	}
	for i := len(t.counts); i < n; i++ {
		r.Lost = append(r.Lost, i)
	}
	return r
}
