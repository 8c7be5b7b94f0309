package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Instance is one configured section at work.
type Instance struct {
	plugin *Plugin
	value  any // a plugin.Input, Filter or Output
	log    *slog.Logger
	meter  *metric.Registry
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup
	source *source // inputs
}

var errNoEmit = errors.New("a plugin in a process of its own cannot emit other batches")

func noEmit(context.Context, *event.Batch) error { return errNoEmit }

// Log is the instance's log.
func (in *Instance) Log() *slog.Logger { return in.log }

// Start opens what the plugin opens. An input begins with its first [Instance.Collect].
func (in *Instance) Start() error {
	in.ctx, in.stop = context.WithCancel(context.Background())
	if s, ok := in.value.(plugin.Starter); ok {
		if err := guard(func() error { return s.Start(in.ctx) }); err != nil {
			in.Close()
			return err
		}
	}
	if b, ok := in.value.(plugin.Background); ok {
		in.work.Go(func() {
			if err := guard(func() error { return b.Background(in.ctx) }); err != nil && in.ctx.Err() == nil {
				in.log.Error("its background work ended: " + err.Error())
			}
		})
	}
	if i, ok := in.value.(plugin.Input); ok {
		in.source = newSource(in, i)
	}
	return nil
}

// Flush hands a chunk to an output.
func (in *Instance) Flush(c *event.Chunk) error {
	return guard(func() error { return in.value.(plugin.Output).Flush(in.ctx, c) })
}

// Filter hands a batch to a filter.
func (in *Instance) Filter(b *event.Batch) error {
	return guard(func() error { return in.value.(plugin.Filter).Filter(in.ctx, b) })
}

// Close ends the plugin's work and lets go of what it holds.
func (in *Instance) Close() {
	in.stop()
	in.work.Wait()
	if c, ok := in.value.(io.Closer); ok {
		if err := guard(c.Close); err != nil {
			in.log.Warn("close: " + err.Error())
		}
	}
}

// guard turns a panic into an error with its stack: the chunk comes again, and the other instances stay.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	return f()
}

type panicError struct{ text string }

func (e *panicError) Error() string { return e.text }
