// Package exit is the output exit: it ends the agent after so many flushes, records or seconds.
package exit

import (
	"context"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output exit.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "exit",
	Summary: "End the agent after a number of flushes, records or seconds",
	Kinds:   event.Logs | event.Metrics | event.Traces | event.Profiles | event.Blobs,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

// config holds the limits; those below zero are off. With none the first flush ends the agent.
type config struct{ flushes, records, seconds int }

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Int("flush_count", &c.flushes).Default("-1").Help("End after this many chunks came; -1 for no limit. Without any limit the first one ends the agent."),
		option.Int("record_count", &c.records).Default("-1").Help("End as soon as this many records came; -1 for no limit."),
		option.Int("time_count", &c.seconds).Default("-1").Help("End after this many seconds; -1 for no limit."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	limit := *c
	if c.flushes < 0 && c.records < 0 && c.seconds < 0 {
		limit.flushes = 1
	}
	return &output{limit: limit, stop: env.Stop}, nil
}

type output struct {
	limit config
	stop  func(code int)

	mu               sync.Mutex
	flushes, records int
	stopped          bool
}

// Flush counts the chunk and stops the agent with the flush that reaches a limit. Retries do not count
// twice, since no flush fails.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushes++
	o.records += c.Len()
	if reached(o.flushes, o.limit.flushes) || reached(o.records, o.limit.records) {
		o.stopLocked()
	}
	return nil
}

func reached(n, limit int) bool { return limit >= 0 && n >= limit }

// Background stops the agent when its time is over, whether data comes or not.
func (o *output) Background(ctx context.Context) error {
	if o.limit.seconds < 0 {
		return nil
	}
	t := time.NewTimer(time.Duration(o.limit.seconds) * time.Second)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
		o.mu.Lock()
		defer o.mu.Unlock()
		o.stopLocked()
	}
	return nil
}

func (o *output) stopLocked() {
	if !o.stopped {
		o.stopped = true
		o.stop(0)
	}
}
