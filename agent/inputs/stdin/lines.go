package stdin

import (
	"bytes"
	"errors"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// lines has a parser make a record of each line. Empty lines do not count.
type lines struct {
	parser  plugin.Parser
	bad     *rejects
	longest int

	scratch  []byte
	skipping bool // inside of a line that is left out
}

func (d *lines) decode(b *event.Batch, buf []byte, atEnd bool) (used int) {
	for used < len(buf) {
		line := buf[used : used+lineLen(buf[used:])]
		whole := atEnd || endsLine(line)
		if !whole && len(line) <= d.longest {
			return used
		}
		used += len(line)
		switch {
		case d.skipping:
			d.skipping = !whole
		case !whole:
			d.skipping = true
			d.bad.add(line, errTooLong)
		default:
			d.record(b, line)
		}
	}
	return used
}

func (d *lines) record(b *event.Batch, line []byte) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return
	}
	body, t, err := d.parser.Parse(d.scratch[:0], line)
	if err != nil {
		d.bad.add(line, err)
		return
	}
	d.scratch = body
	b.Append(orNow(t), nil, body)
}

func orNow(t event.Time) event.Time {
	if t == (event.Time{}) {
		return event.Now()
	}
	return t
}

// stream has a parser look for records itself: they may span lines, and a line may hold several. It is
// shown whole lines only, so that it does not take half a record for one.
type stream struct {
	parser   plugin.StreamParser
	bad      *rejects
	patience int // bytes without a record that are kept in the hope of one that is not complete
	longest  int

	scratch []byte
}

var errNoMatch = errors.New("no record of the parser's")

func (d *stream) decode(b *event.Batch, buf []byte, atEnd bool) (used int) {
	end := bytes.LastIndexByte(buf, '\n') + 1
	if atEnd {
		end = len(buf)
	}
	text := buf[:end]
	for used < end {
		used += blankLines(text[used:])
		skipped, n := d.next(b, text[used:])
		if n == 0 {
			break
		}
		d.reject(text[used : used+skipped])
		used += skipped + n
	}
	if rest := text[used:]; atEnd || len(rest) >= d.patience {
		d.reject(rest)
		used = end
	}
	if len(buf)-end > d.longest {
		d.bad.add(buf[end:], errTooLong)
		used = len(buf)
	}
	return used
}

// next adds the first record of text to b. It returns the length of the lines before the record and of
// the record; the latter is 0 when there is none.
func (d *stream) next(b *event.Batch, text []byte) (skipped, n int) {
	if n = d.record(b, text); n > 0 || len(text) == 0 {
		return 0, n // fast path
	}
	// A parser that does not search but only looks at the beginning gets each line on its own.
	for line := range bytes.Lines(text) {
		if n = d.record(b, line); n > 0 {
			return skipped, n
		}
		skipped += len(line)
	}
	return 0, 0
}

// record adds the record that the parser finds and returns how much of text it took.
func (d *stream) record(b *event.Batch, text []byte) int {
	body, t, n, err := d.parser.ParseFirst(d.scratch[:0], text)
	if err != nil {
		return 0
	}
	d.scratch = body
	b.Append(orNow(t), nil, body)
	switch {
	case n == 0:
		return lineLen(text) // it matched nothing, and would do so for ever
	case n < len(text) && text[n-1] != '\n':
		return n + 1 // what ended the last field: a line end, a blank, a closing quote
	}
	return n
}

// reject counts each line of text.
func (d *stream) reject(text []byte) {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) > 0 {
			d.bad.add(line, errNoMatch)
		}
	}
}

// blankLines returns how many line ends begin text.
func blankLines(text []byte) int {
	return len(text) - len(bytes.TrimLeft(text, "\r\n"))
}
