package stdin

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/fluent/fluent-bit-go/agent/internal/jsonstream"
	"github.com/fluent/fluent-bit-go/event"
)

// values takes JSON values that follow each other.
type values struct {
	bad     *rejects
	longest int

	scratch    []byte
	unfinished jsonstream.Unfinished
	skipping   bool // inside of a line that is left out
}

var (
	errNoRecord = errors.New("neither a map nor [time, map] nor [[time, metadata], map]")
	errTooLong  = errors.New("too long without an end")
	errEnd      = errors.New("the input ends in the middle of it")
)

func (d *values) decode(b *event.Batch, buf []byte, atEnd bool) (used int) {
	at := 0
	if d.skipping {
		at = lineLen(buf)
		d.skipping = !endsLine(buf[:at])
	}
	for {
		at += blanks(buf[at:])
		rest := buf[at:]
		if len(rest) == 0 || !atEnd && d.unfinished.Waits(rest) {
			return at
		}
		n, err := d.record(b, rest)
		if errors.Is(err, event.ErrShortJSON) {
			switch {
			case atEnd:
				err = errEnd
			case len(rest) > d.longest:
				err = errTooLong
			default:
				d.unfinished.Begin(rest)
				return at
			}
		}
		d.unfinished = jsonstream.Unfinished{}
		if n == 0 {
			// Where a broken value ends nobody can tell, but JSON that is written line by line is sound
			// again with the next one.
			n = lineLen(rest)
			d.skipping = !endsLine(rest[:n])
		}
		if err != nil {
			d.bad.add(rest[:n], err)
		}
		at += n
	}
}

// record adds the record that begins src to b and returns its length. The length is 0 when the JSON itself
// is broken or not complete.
func (d *values) record(b *event.Batch, src []byte) (used int, err error) {
	switch src[0] {
	case '{': // fast path: nothing is copied
		out, used, err := event.ParseJSON(b.Begin(event.Now()), src)
		if err != nil {
			return 0, err
		}
		b.Commit(out)
		return used, nil
	case '[':
		return d.timed(b, src)
	}
	return 0, errNoRecord
}

// timed reads [time, map] and [[time, metadata], map].
func (d *values) timed(b *event.Batch, src []byte) (used int, err error) {
	out, used, err := event.ParseJSON(d.scratch[:0], src)
	if err != nil {
		return 0, err
	}
	d.scratch = out
	one, err := event.Parse("", out)
	if err != nil {
		return used, errNoRecord
	}
	for r := range one.Records() {
		t, ok := decimalTime(src)
		if !ok {
			t = r.Time()
		}
		b.Append(t, r.Meta(), r.Body())
		return used, nil
	}
	return used, errNoRecord // -1 and -2 are no times but mark groups
}

// decimalTime reads the number behind the first brackets of a record to the nanosecond, which a float
// cannot hold. ok is false for a number with a sign or an exponent.
func decimalTime(src []byte) (t event.Time, ok bool) {
	for len(src) > 0 && (src[0] == '[' || blanks(src[:1]) > 0) {
		src = src[1:]
	}
	n := bytes.IndexFunc(src, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if n <= 0 || src[n]|0x20 == 'e' {
		return event.Time{}, false
	}
	sec, frac, _ := bytes.Cut(src[:n], []byte{'.'})
	t.Sec, _ = strconv.ParseInt(string(sec), 10, 64)
	nsec, _ := strconv.ParseUint(string(append(frac[:min(9, len(frac)):min(9, len(frac))], "000000000"...)[:9]), 10, 32)
	t.Nsec = uint32(nsec)
	return t, len(sec) > 0 && len(sec) < 18
}

// blanks is how much of b stands between two values: blanks, and commas as in an array.
func blanks(b []byte) int {
	return len(b) - len(bytes.TrimLeft(b, jsonstream.Separators))
}

// lineLen returns the length of the first line of b, its end included.
func lineLen(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

func endsLine(b []byte) bool { return bytes.HasSuffix(b, []byte{'\n'}) }
