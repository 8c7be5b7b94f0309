package stdin

import (
	"bytes"
	"log/slog"
)

// rejects counts what could not be read as a record. The log hears of the first, the tenth, the hundredth
// and so on, and of the sum at the end.
type rejects struct {
	log   *slog.Logger
	count int
	next  int // the count at which the log hears of it again
	told  int
}

// add counts one piece of input.
func (r *rejects) add(text []byte, why error) {
	r.count++
	if r.count < r.next {
		return
	}
	r.next = max(r.count, r.next) * 10
	r.told = r.count
	r.log.Error("no record, left out", "text", excerpt(text), "reason", why, "so_far", r.count)
}

// sum reports how many there were.
func (r *rejects) sum() {
	if r.count > r.told {
		r.log.Error("parts of standard input were no records and left out", "count", r.count)
	}
}

func excerpt(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) > 80 {
		return string(text[:77]) + "..."
	}
	return string(text)
}
