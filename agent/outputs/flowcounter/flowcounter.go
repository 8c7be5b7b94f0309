// Package flowcounter is the output flowcounter: it prints how many records and bytes come per second,
// minute, hour or day.
package flowcounter

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output flowcounter.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "flowcounter",
	Summary: "Print the rate of records and bytes",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Output] { return &config{unit: "minute"} },
}

type unit string

var seconds = map[unit]int64{"second": 1, "minute": 60, "hour": 3600, "day": 86400}

type config struct {
	unit       unit
	eventBased bool
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Enum("unit", &c.unit, "second", "minute", "hour", "day").Help("The span that is counted and printed; minute unless set."),
		option.Switch("event_based", &c.eventBased).Default("false").Help("Count a record in the span of its own time instead of the time it came. A record may be late by one span."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	return &output{config: *c, tick: seconds[c.unit], log: env.Log, w: os.Stdout, now: time.Now}, nil
}

type output struct {
	config
	tick int64 // seconds in a span
	log  *slog.Logger
	w    io.Writer
	now  func() time.Time

	mu    sync.Mutex
	spans []span // at most two, the earlier one first; only with event_based a second one
}

// span counts what belongs to the seconds before until.
type span struct{ until, records, bytes int64 }

// Flush counts a chunk. A span is printed when a record comes that lies beyond it and all that are open.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, late := o.now().Unix(), 0
	if !o.eventBased {
		o.closeBefore(now)
	}
	for r := range c.Records() {
		at := now
		if o.eventBased {
			at = r.Time().Sec
		}
		if s := o.span(at); s != nil {
			s.records++
			s.bytes += int64(len(r.Raw()))
		} else {
			late++
		}
	}
	if late > 0 {
		o.log.Warn("records were too late to be counted", "tag", c.Tag, "records", late)
	}
	return nil
}

// span returns the span of a second, nil when it was printed already.
func (o *output) span(at int64) *span {
	until := at - at%o.tick + o.tick
	for i := range o.spans {
		if o.spans[i].until == until {
			return &o.spans[i]
		}
	}
	room := 1
	if o.eventBased {
		room = 2
	}
	switch {
	case len(o.spans) == 0 || until > o.spans[len(o.spans)-1].until:
		o.spans = append(o.spans, span{until: until})
	case len(o.spans) < room:
		o.spans = append([]span{{until: until}}, o.spans...)
		return &o.spans[0]
	default:
		return nil
	}
	for len(o.spans) > room || room == 2 && o.spans[0].until < until-o.tick {
		o.print(o.spans[0])
		o.spans = o.spans[1:]
	}
	return &o.spans[len(o.spans)-1]
}

// closeBefore prints the spans that ended at or before now.
func (o *output) closeBefore(now int64) {
	for len(o.spans) > 0 && o.spans[0].until <= now {
		o.print(o.spans[0])
		o.spans = o.spans[1:]
	}
}

// print writes one span as Fluent Bit does; its rates are per second of the span, whatever the label says.
func (o *output) print(s span) {
	line := strconv.AppendInt([]byte("[out_flowcounter] ["), s.until, 10)
	line = fmt.Appendf(line, `, {"counts":%d, "bytes":%d, "counts/%s":%d, "bytes/%s":%d }]`+"\n",
		s.records, s.bytes, o.unit, s.records/o.tick, o.unit, s.bytes/o.tick)
	if _, err := o.w.Write(line); err != nil {
		o.log.Error("count could not be printed", "error", err)
	}
}

// Close prints what was counted last.
func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.spans {
		o.print(s)
	}
	o.spans = nil
	return nil
}
