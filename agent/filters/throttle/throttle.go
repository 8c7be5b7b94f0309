// Package throttle is the filter throttle: it holds records back beyond an average rate.
package throttle

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter throttle.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "throttle",
	Summary: "Drop records beyond an average rate",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	rate     float64
	window   int
	status   bool
	interval span
}

// span is a time with the text that it was given as, which the status shows.
type span struct {
	time.Duration
	text string
}

func parseSpan(s string) (span, error) {
	d, err := option.AtLeast(option.ParseDuration, time.Millisecond)(s)
	return span{d, s}, err
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Float("rate", &c.rate).Default("1").
			Help("How many records may pass in one interval, on average over the window. Less than 1 counts as 1."),
		option.Var("window", "integer", &c.window, option.Between(option.ParseInt, 1, 1_000_000)).Default("5").
			Help("How many intervals the average is taken over: after a quiet time, rate times window records pass at once."),
		option.Switch("print_status", &c.status).Default("false").
			Help("Log the rate and what was dropped, at the start and after each interval."),
		option.Var("interval", "string", &c.interval, parseSpan).Default("1").
			Help("How long an interval is: seconds, or a number with s, m, h or d."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	return &filter{config: *c, log: env.Log, limit: max(c.rate, 1) * float64(c.window), panes: make([]int, c.window)}, nil
}

type filter struct {
	config
	log   *slog.Logger
	limit float64 // records in one window

	mu      sync.Mutex
	panes   []int // records that passed in each interval, a ring
	current int   // the pane of the interval that runs
	began   time.Time
	total   int // the sum of panes
	dropped int // since the last status
}

// Filter drops the records for which the window has no room.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance(time.Now())
	for e := range b.Edit() {
		if float64(f.total) >= f.limit {
			f.dropped++
			e.Drop()
			continue
		}
		f.total++
		f.panes[f.current]++
	}
	return nil
}

// advance moves the window to the interval that now is in.
func (f *filter) advance(now time.Time) {
	if f.began.IsZero() {
		f.began = now
		return
	}
	past := max(0, now.Sub(f.began))
	f.began = now.Add(-past % f.interval.Duration)
	for range min(int(past/f.interval.Duration), len(f.panes)) {
		f.current = (f.current + 1) % len(f.panes)
		f.total -= f.panes[f.current]
		f.panes[f.current] = 0
	}
}

// Background logs the state at once and after each interval, if it is to be seen.
func (f *filter) Background(ctx context.Context) error {
	if !f.status {
		return nil
	}
	f.tell()
	return plugin.Every(ctx, f.interval.Duration, func() error {
		f.tell()
		return nil
	})
}

func (f *filter) tell() {
	f.mu.Lock()
	passed, dropped := f.total, f.dropped
	f.dropped = 0
	f.mu.Unlock()
	f.log.Info(fmt.Sprintf("limit is %.2f per %s with a window of %d intervals: %d records passed within the window, %d were dropped since the last line", max(f.rate, 1), f.interval.text, f.window, passed, dropped))
}
