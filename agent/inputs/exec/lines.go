package exec

import (
	"bytes"
	"log/slog"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// lines makes records of lines.
type lines struct {
	parser plugin.Parser
	bare   bool // no parser: the line itself under the key exec

	cut      bool // the last piece was the beginning of a line
	scratch  []byte
	unparsed int
	first    string // … of the unparsed lines
	why      error
}

// take adds the lines that end in buf to b and returns how many bytes it is done with. A buf without a line
// end that is full, or the last one, counts as a line.
func (l *lines) take(b *event.Batch, buf []byte, atEnd bool) (used int) {
	for used < len(buf) {
		rest := buf[used:]
		i := bytes.IndexByte(rest, '\n')
		switch {
		case i == 0 && l.cut: // the end of a line that just fitted
			l.cut = false
			used++
		case i >= 0:
			l.cut = false
			l.record(b, rest[:i])
			used += i + 1
		case atEnd || len(rest) == cap(buf):
			l.cut = true
			l.record(b, rest)
			used += len(rest)
		default:
			return used
		}
	}
	return used
}

func (l *lines) record(b *event.Batch, line []byte) {
	if l.bare {
		dst := event.AppendMap(b.Begin(event.Now()), 1)
		b.Commit(event.AppendStr(event.AppendStr(dst, "exec"), line))
		return
	}
	body, t, err := l.parser.Parse(l.scratch[:0], line)
	if err != nil {
		if l.unparsed++; l.unparsed == 1 {
			l.first, l.why = string(line), err
		}
		return
	}
	l.scratch = body
	if t == (event.Time{}) {
		t = event.Now()
	}
	b.Append(t, nil, body)
}

// report tells the log about the lines that were left out.
func (l *lines) report(log *slog.Logger) {
	if l.unparsed > 0 {
		log.Error("lines of the command did not parse and were left out", "count", l.unparsed, "first", l.first, "reason", l.why)
	}
}
