package tail

import (
	"bytes"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
	"golang.org/x/text/encoding"
)

// lines makes records of lines. It belongs to the reader.
type lines struct {
	*config
	parser plugin.Parser

	newJoin func(path string) plugin.Joiner // of a file; nil unless lines are joined
	cut     func(path string)               // a joined record was too long

	now     event.Time // of records that have no other
	clock   time.Time  // when lines were read
	scratch []byte
	fields  []event.Field
	batch   *event.Batch // of the joined records

	decoder   *encoding.Decoder
	decoderOf *charset
	decoded   []byte
}

// piece is what was read of a file.
type piece struct {
	path string
	at   int64  // offset of text in the file
	text []byte // may end in the middle of a line

	join    plugin.Joiner // of the file; nil unless lines are joined
	base    int64         // what is added to the offsets of joined lines
	charset *charset      // of the file

	// skipping says that text begins inside of a line that is left out. It is changed.
	skipping *bool

	// hole says that there were only zero bytes before text. It is changed, unless nil.
	hole *bool
}

// result tells what became of a piece.
type result struct {
	used    int  // bytes that are done with
	skipped int  // lines that began and were left out or cut for their length
	lost    int  // bytes of these
	tooLong bool // the line behind used is too long for the file to be followed
}

// append adds the records of p to b.
func (l *lines) append(b *event.Batch, p piece) (r result) {
	limit := int(l.maxSize) - 1
	wide := p.charset.wide()
	if wide {
		p.text = p.text[:len(p.text)&^1]
	}
	r.used = l.start(p)
	l.begins(b)
	for {
		rest := p.text[r.used:]
		n, feed := bytes.IndexByte(rest, '\n'), 1
		if wide {
			n, feed = p.charset.line(rest), 2
		}
		switch {
		case n < 0 && len(rest) <= limit && !*p.skipping: // where to cut shows with the next byte
			return r
		case n < 0 && *p.skipping:
			r.used, r.lost = len(p.text), r.lost+len(rest)
			return r
		case *p.skipping:
			*p.skipping = false
			r.lost += n
		case n >= 0 && n < limit: // fast path
			l.take(b, p, r.used, l.decode(p.charset, rest[:n], false))
		case l.truncateLong:
			cut := truncate(rest, limit)
			r.skip(p, rest, n, len(cut))
			l.take(b, p, r.used, truncate(l.decode(p.charset, cut, true), limit))
		case l.skipLong:
			r.skip(p, rest, n, 0)
		default:
			r.tooLong = true
			return r
		}
		if n < 0 {
			r.used = len(p.text)
			return r
		}
		r.used += n + feed
	}
}

// skip notes that of the line that rest begins with, whose line feed is at n or not there, all but the
// first kept bytes are lost.
func (r *result) skip(p piece, rest []byte, n, kept int) {
	r.skipped++
	*p.skipping = n < 0
	if n < 0 {
		n = len(rest)
	}
	r.lost += n - kept
}

// begins has what follows go into b.
func (l *lines) begins(b *event.Batch) { l.batch, l.now, l.clock = b, event.Now(), time.Now() }

// start returns how many bytes a file begins with that are no text: a byte order mark, or the zero bytes that
// a writer leaves who did not notice that the file was truncated.
func (l *lines) start(p piece) (n int) {
	if p.hole == nil || !*p.hole {
		return 0 // fast path
	}
	if p.at == 0 {
		part := false
		if n, part = p.charset.begin(p.text); part {
			return 0
		}
	}
	n = len(p.text) - len(bytes.TrimLeft(p.text[n:], "\x00"))
	*p.hole = n == len(p.text)
	if p.charset.wide() {
		n &^= 1 // half of a character
	}
	return n
}

// truncate cuts line to limit bytes or a little less, between two characters.
func truncate(line []byte, limit int) []byte {
	if len(line) <= limit {
		return line
	}
	for n := limit; n > max(0, limit-utf8.UTFMax); n-- {
		if utf8.RuneStart(line[n]) {
			return line[:n]
		}
	}
	return line[:limit]
}

// take takes the line that begins at text[at], without its line feed.
func (l *lines) take(b *event.Batch, p piece, at int, line []byte) {
	if p.join != nil {
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) > 0 || !l.skipEmpty {
			p.join.Add(plugin.Line{Text: line, At: p.base + p.at + int64(at), Now: l.clock})
		}
		return
	}
	l.line(b, p.path, p.at+int64(at), line, len(p.text))
}

// line adds the record of one line, given without its line feed. expect is about how much text the batch
// will be made of.
func (l *lines) line(b *event.Batch, path string, at int64, line []byte, expect int) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 && l.skipEmpty {
		return
	}
	if l.parser != nil && l.extra() > 0 && l.parsedExtra(b, path, at, line, expect) {
		return
	}
	dst := l.begin(b, l.now, expect)
	if l.parser != nil && l.extra() == 0 && l.parsed(b, dst, line) {
		return
	}
	b.Commit(l.appendText(dst, path, at, line))
}

// begin starts a record, and makes room for all records with the first.
func (l *lines) begin(b *event.Batch, t event.Time, expect int) []byte {
	dst := b.Begin(t)
	if b.Len() == 0 && l.ignoreOlder == 0 {
		return slices.Grow(dst, expect+expect/4)
	}
	return dst
}

func (l *lines) appendText(dst []byte, path string, at int64, line []byte) []byte {
	dst = event.AppendMap(dst, 1+l.extra())
	dst = l.appendExtra(dst, path, at)
	return event.AppendStr(event.AppendStr(dst, l.key), line)
}

func (l *lines) extra() (n int) {
	if l.pathKey != "" {
		n++
	}
	if l.offsetKey != "" {
		n++
	}
	return n
}

func (l *lines) appendExtra(dst []byte, path string, at int64) []byte {
	if l.pathKey != "" {
		dst = event.AppendStr(event.AppendStr(dst, l.pathKey), path)
	}
	if l.offsetKey != "" {
		dst = event.AppendInt(event.AppendStr(dst, l.offsetKey), offsetOf(at))
	}
	return dst
}

// parsed adds the record that the parser makes of line, whose head is the end of dst, or reports false.
func (l *lines) parsed(b *event.Batch, dst, line []byte) bool {
	head := len(dst)
	out, t, err := l.parser.Parse(dst, line)
	if err != nil {
		return false
	}
	if t == (event.Time{}) {
		b.Commit(out)
		return true
	}
	if l.old(t) {
		return true
	}
	// The head was written before the time was known. Another is as long.
	again := b.Begin(t)
	copy(out[len(b.Bytes()):head], again[len(b.Bytes()):])
	b.Commit(out)
	return true
}

// parsedExtra puts the path and the offset behind what the parser found.
func (l *lines) parsedExtra(b *event.Batch, path string, at int64, line []byte, expect int) bool {
	body, t, err := l.parser.Parse(l.scratch[:0], line)
	if err != nil {
		return false
	}
	l.scratch = body
	switch {
	case t == (event.Time{}):
		t = l.now
	case l.old(t):
		return true
	}
	l.fields = event.AppendFields(l.fields[:0], body)
	dst := event.AppendMap(l.begin(b, t, expect), len(l.fields)+l.extra())
	for _, f := range l.fields {
		dst = append(append(dst, f.Key...), f.Val...)
	}
	b.Commit(l.appendExtra(dst, path, at))
	return true
}

// old reports whether ignore_older leaves out a record of time t. As in Fluent Bit, it is about files, and
// about records in the two modes that are older than the multiline parsers.
func (l *lines) old(t event.Time) bool {
	return l.ignoreOlder > 0 && (l.multiline || l.dockerMode) && time.Since(t.Go()) > l.ignoreOlder
}
