package tail

import (
	"errors"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// firstLine is the setting multiline with parser_firstline and parser_1, parser_2, …: the first one knows
// where a record begins, the others add the fields of the lines that they take, and all other lines are
// added to the last text.
type firstLine struct {
	*lines
	first plugin.Parser
	more  []plugin.Parser
	wait  time.Duration
	limit int64
}

// checkFirstLine finds the parsers.
func (in *input) checkFirstLine() error {
	s := &firstLine{lines: &in.lines, wait: max(in.multilineFlush, time.Second), limit: in.env.JoinLimit}
	if in.firstline == "" {
		return in.fault("multiline", "needs parser_firstline", "add the name of a parser for the first line of a record; multiline.parser is the newer way")
	}
	var errs []error
	find := func(key, name string) plugin.Parser {
		p, ok := in.env.Parser(name)
		if !ok {
			errs = append(errs, in.fault(key, fmt.Sprintf("there is no parser '%s'", name), "define it, or name the file that does with parsers_file"))
		}
		return p
	}
	s.first = find("parser_firstline", in.firstline)
	for _, p := range in.moreParsers {
		s.more = append(s.more, find(p.Key, p.Value.Text))
	}
	if in.parser != "" {
		in.env.Log.Warn("parser has no effect with multiline on: parser_firstline and parser_1, parser_2, … make the records")
		in.lines.parser = nil
	}
	in.lines.newJoin = func(path string) plugin.Joiner { return &firstLiner{firstLine: s, path: path} }
	return errors.Join(errs...)
}

// firstLiner joins the lines of one file.
type firstLiner struct {
	*firstLine
	path string

	waits  bool
	skips  bool   // what follows belongs to a record that is older than ignore_older
	pairs  []byte // encoded, but for …
	n      int
	key    []byte // … the last, whose value is either encoded …
	val    []byte
	isText bool // … or a text that further lines are added to
	text   []byte
	at     int64
	time   event.Time
	since  time.Time
	parsed []byte
}

// Add implements [plugin.Joiner].
func (j *firstLiner) Add(l plugin.Line) {
	body, t, err := j.first.Parse(j.parsed[:0], l.Text)
	if err == nil {
		j.parsed = body
		j.finish(false)
		j.begin(body, t, l)
		return
	}
	switch {
	case j.skips:
		return
	case !j.waits:
		j.alone(l)
		return
	}
	j.since = l.Now
	for _, p := range j.more {
		if body, _, err := p.Parse(j.parsed[:0], l.Text); err == nil {
			j.parsed = body
			j.fields(body)
			return
		}
	}
	if !j.isText {
		j.line(j.batch, j.path, l.At, l.Text, 0) // there is no text to add it to
		return
	}
	if j.limit > 0 && int64(len(j.pairs)+len(j.text)+1+len(l.Text)) > j.limit {
		j.finish(true)
		j.alone(l)
		return
	}
	j.text = append(append(j.text, '\n'), l.Text...)
}

// alone makes a record of a line that belongs to no other, which one of the parsers may know.
func (j *firstLiner) alone(l plugin.Line) {
	for _, p := range j.more {
		if body, t, err := p.Parse(j.parsed[:0], l.Text); err == nil {
			j.parsed = body
			j.begin(body, t, l)
			j.finish(false)
			return
		}
	}
	j.line(j.batch, j.path, l.At, l.Text, 0)
}

func (j *firstLiner) begin(body []byte, t event.Time, l plugin.Line) {
	if t == (event.Time{}) {
		t = j.now
	}
	if j.skips = j.old(t); j.skips {
		return
	}
	j.waits, j.at, j.time, j.since = true, l.At, t, l.Now
	j.fields(body)
}

// fields adds the fields of one parsed line.
func (j *firstLiner) fields(body event.Value) {
	for k, v := range body.Pairs() {
		j.endPair()
		j.key, j.isText = append(j.key[:0], k...), v.Type() == event.TypeStr
		if j.isText {
			j.text = append(j.text[:0], v.Str()...)
		} else {
			j.val = append(j.val[:0], v...)
		}
		j.n++
	}
}

// endPair puts the last pair behind the others.
func (j *firstLiner) endPair() {
	if len(j.key) == 0 {
		return
	}
	j.pairs = append(j.pairs, j.key...)
	if j.isText {
		j.pairs = event.AppendStr(j.pairs, j.text)
	} else {
		j.pairs = append(j.pairs, j.val...)
	}
	j.key = j.key[:0]
}

// finish emits the record that waits.
func (j *firstLiner) finish(cut bool) {
	if !j.waits {
		return
	}
	j.endPair()
	var meta event.Value
	if cut {
		j.cut(j.path)
		meta = cutShort
	}
	j.scratch = j.appendExtra(event.AppendMap(j.scratch[:0], j.n+j.extra()), j.path, j.at)
	j.scratch = append(j.scratch, j.pairs...)
	j.batch.Append(j.time, meta, j.scratch)
	j.waits, j.isText, j.n, j.pairs = false, false, 0, j.pairs[:0]
}

// cutShort are the metadata of a record that was ended at multiline_buffer_limit.
var cutShort = event.AppendBool(event.AppendStr(event.AppendMap(nil, 1), "multiline_truncated"), true)

// Flush implements [plugin.Joiner].
func (j *firstLiner) Flush(now time.Time) {
	if now.IsZero() || now.Sub(j.since) >= j.wait {
		j.finish(false)
	}
}

// Oldest implements [plugin.Joiner].
func (j *firstLiner) Oldest() (at int64, waits bool) { return j.at, j.waits }
