package tail

import "github.com/fluent/fluent-bit-go/metric"

// counters are what the input tells about itself, beside what every input counts.
type counters struct {
	opened, closed, rotated *metric.Counter // files
	skipped, cut            *metric.Counter // lines that were too long
	ended                   *metric.Counter // joined records that were
	lost                    [reasons]*metric.Counter
}

// reason is why bytes were lost.
type reason uint8

const (
	truncated  reason = iota // they vanished before they were read
	tooLong                  // of lines that were left out or cut, and of files given up for one
	unreadable               // of rotated files that could not be read any more
	reasons
)

func (r reason) String() string { return [...]string{"truncated", "too_long", "unreadable"}[r] }

func newCounters(r *metric.Registry) counters {
	c := counters{
		opened:  r.Counter("files_opened_total", "Files that were opened."),
		closed:  r.Counter("files_closed_total", "Files that were closed."),
		rotated: r.Counter("files_rotated_total", "Files that were renamed or deleted while they were read."),
		skipped: r.Counter("long_line_skipped_total", "Lines that were left out for their length."),
		cut:     r.Counter("long_line_truncated_total", "Lines that were cut for their length."),
		ended:   r.Counter("multiline_truncated_total", "Joined records that ended at multiline_buffer_limit."),
	}
	for i := range c.lost {
		c.lost[i] = r.Counter("lost_bytes_total", "Bytes of files that could not be read or were left out, by reason.", metric.L("reason", reason(i).String()))
	}
	return c
}
