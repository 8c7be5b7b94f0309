package plugin

import (
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// Joining says how lines that belong together become one record.
type Joining struct {
	Parsers []string      // names of multiline parsers; the first that takes a line has it
	Content string        // key of the text in records, instead of the parsers' key_content
	Wait    time.Duration // how long a record waits for its next line, instead of the parsers' flush_timeout

	// Partial joins records with Docker's keys partial_message, partial_id and partial_last, by no parser.
	Partial bool
}

// Multiline makes a joiner for one stream, which gives every record to out as soon as it is whole.
type Multiline func(out func(Joined)) Joiner

// Joiner joins the lines of one stream, such as a file. Several streams need a joiner each.
type Joiner interface {
	// Add takes the next line.
	Add(Line)
	// Flush gives out the records that have waited for too long at the time now, or all when now is zero.
	Flush(now time.Time)
	// Oldest returns [Line.At] of the first line that waits for others; false when none does.
	Oldest() (at int64, waits bool)
}

// Line is one line of a stream: a text, or a record whose text under the content key is the line. It is
// copied as far as it has to wait.
type Line struct {
	Text []byte      // without the end of the line
	Body event.Value // instead of Text; a map
	Meta event.Value // of the record; may be nil
	Time event.Time  // zero: none is known
	At   int64       // where it stands in the stream
	Now  time.Time

	// Batch is what the line came in, if its settlement has to wait for the joined record; else nil.
	Batch *event.Batch
}

// Joined is a record. What it points to is valid until the function that is given it returns.
type Joined struct {
	At   int64       // of the first line
	Time event.Time  // of the first line; zero when that had none
	Meta event.Value // nil when no line had any
	Body event.Value // the map of the first line; nil when the lines were texts
	Key  string      // of the text: in Body, or in a record yet to be made; "" leaves Body as it is, or the choice free
	Text []byte      // all lines

	Lines int  // how many lines were joined
	Cut   bool // the text had reached the limit; Meta says so too

	// Holds are shares in the settlements of the lines' batches, to be released when the record is settled.
	Holds []event.Hold
}

// AppendBody appends the record's body: the map of the first line with all of the text in it, or a map of
// the text alone under key, unless the record has a key of its own. The map's header counts extra more
// pairs, which the caller appends.
func (j *Joined) AppendBody(dst []byte, key string, extra int) []byte {
	if j.Body == nil {
		if j.Key != "" {
			key = j.Key
		}
		dst = event.AppendMap(dst, 1+extra)
		return event.AppendStr(event.AppendStr(dst, key), j.Text)
	}
	dst = event.AppendMap(dst, j.Body.Len()+extra)
	for k, v := range j.Body.Pairs() {
		dst = append(dst, k...)
		if f := (event.Field{Key: k, Val: v}); j.Key != "" && f.Is(j.Key) {
			dst = event.AppendStr(dst, j.Text)
			continue
		}
		dst = append(dst, v...)
	}
	return dst
}
