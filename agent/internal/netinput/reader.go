package netinput

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fluent/fluent-bit-go/agent/internal/jsonstream"
	"github.com/fluent/fluent-bit-go/event"
)

// Reader turns what one sender sends into records.
type Reader struct {
	s       *Source
	address event.Value // of the sender, encoded
	from    string

	unfinished jsonstream.Unfinished
	skipping   bool // inside of a line that is left out
	looked     int  // format none: how much of the buffer holds no separator
	scratch    []byte
	body       []byte
}

// Reader makes a reader for a sender, whose address may be shown in records: "tcp://127.0.0.1:4711".
func (s *Source) Reader(address string) *Reader {
	return &Reader{s: s, from: address, address: event.AppendStr(nil, address)}
}

var errNoRecord = errors.New("neither a map nor an array")

// Decode adds the records in buf to b and returns how much of buf it is done with. The rest comes again, with
// more behind it. When atEnd is set nothing more comes, so all of it is used up.
func (r *Reader) Decode(b *event.Batch, buf []byte, atEnd bool) (used int) {
	if r.s.set.format == formatNone {
		return r.texts(b, buf, atEnd)
	}
	return r.values(b, buf, atEnd)
}

// texts cuts at the separators.
func (r *Reader) texts(b *event.Batch, buf []byte, atEnd bool) (used int) {
	sep := []byte(r.s.set.separator)
	for {
		// A separator may lie across two reads.
		from := max(used, r.looked-len(sep)+1)
		r.looked = 0
		i := bytes.Index(buf[from:], sep)
		if i < 0 {
			break
		}
		r.text(b, buf[used:from+i])
		used = from + i + len(sep)
	}
	if atEnd {
		r.text(b, buf[used:])
		return len(buf)
	}
	r.looked = len(buf) - used
	return used
}

func (r *Reader) text(b *event.Batch, text []byte) {
	if len(text) == 0 {
		return
	}
	if p := r.s.parser; p != nil {
		body, t, err := p.Parse(r.body[:0], text)
		if err == nil {
			if t == (event.Time{}) {
				t = event.Now()
			}
			r.body = body
			r.add(b, t, body)
			return
		}
	}
	r.body = event.AppendStr(event.AppendStr(event.AppendMap(r.body[:0], 1), "log"), text)
	r.add(b, event.Now(), r.body)
}

// add appends a record, with the sender's address if it is wanted.
func (r *Reader) add(b *event.Batch, t event.Time, body event.Value) {
	if r.s.source != nil {
		r.scratch, _ = r.s.source.AppendSet(r.scratch[:0], body, r.address)
		body = r.scratch
	}
	b.Append(t, nil, body)
}

// values takes JSON values one behind the other, maybe with commas as in an array. A broken one costs its line.
func (r *Reader) values(b *event.Batch, buf []byte, atEnd bool) (used int) {
	if r.skipping {
		used = lineLen(buf)
		r.skipping = !bytes.HasSuffix(buf[:used], newline)
	}
	for {
		used += len(buf[used:]) - len(bytes.TrimLeft(buf[used:], jsonstream.Separators))
		rest := buf[used:]
		if len(rest) == 0 || !atEnd && r.unfinished.Waits(rest) {
			return used
		}
		n, err := r.value(b, rest)
		if errors.Is(err, event.ErrShortJSON) && !atEnd {
			r.unfinished.Begin(rest)
			return used
		}
		r.unfinished = jsonstream.Unfinished{}
		if n == 0 {
			n = lineLen(rest)
			r.skipping = !atEnd && !bytes.HasSuffix(rest[:n], newline)
		}
		if err != nil {
			r.s.bad.Warn(r.s.log, fmt.Sprintf("left out: %s: %q: %v", r.from, excerpt(rest[:n]), err))
		}
		used += n
	}
}

// value adds one value as a record and returns its length, 0 when it is broken or not complete.
func (r *Reader) value(b *event.Batch, src []byte) (used int, err error) {
	switch {
	case src[0] == '{' && r.s.source == nil: // fast path: nothing is copied
		out, used, err := event.ParseJSON(b.Begin(event.Now()), src)
		if err != nil {
			return 0, err
		}
		b.Commit(out)
		return used, nil
	case src[0] == '{':
		body, used, err := event.ParseJSON(r.body[:0], src)
		if err != nil {
			return 0, err
		}
		r.body = body
		r.add(b, event.Now(), body)
		return used, nil
	case src[0] == '[':
		body, used, err := event.ParseJSON(event.AppendStr(event.AppendMap(r.body[:0], 1), "msg"), src)
		if err != nil {
			return 0, err
		}
		r.body = body
		r.add(b, event.Now(), body)
		return used, nil
	}
	return 0, errNoRecord
}

var newline = []byte{'\n'}

// lineLen returns the length of the first line of b, its end included.
func lineLen(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

func excerpt(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) > 80 {
		return string(text[:77]) + "..."
	}
	return string(text)
}
