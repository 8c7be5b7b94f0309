package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Output is an output at work.
type Output struct {
	*life
	plugin plugin.Output
}

// Output configures an output with lines "KEY VALUE" and starts it.
func (h *Host) Output(spec plugin.Spec[plugin.Output], lines ...string) *Output {
	h.tb.Helper()
	p, err := build(h, spec, lines)
	if err != nil {
		h.tb.Fatal(err)
	}
	return &Output{h.begin(p), p}
}

// Flush gives the output a chunk of these records and returns what it says.
func (o *Output) Flush(records ...string) error {
	o.h.tb.Helper()
	return o.FlushChunk(o.h.Chunk(records...))
}

// FlushChunk gives the output a chunk.
func (o *Output) FlushChunk(c *event.Chunk) (err error) {
	o.h.tb.Helper()
	o.h.within("Flush", func() {
		err = c.Lend(func(c *event.Chunk) error {
			before := bytes.Clone(c.Bytes())
			defer func() {
				if !bytes.Equal(c.Bytes(), before) {
					o.h.tb.Errorf("the output has written to the chunk, which others read as well")
				}
			}()
			return o.plugin.Flush(o.ctx, c)
		})
	})
	return err
}

// Deliver gives the output a chunk as an agent does: again after each plain error, at most 100 times. It
// returns how many attempts that took, and the error that ended it.
func (o *Output) Deliver(records ...string) (attempts int, err error) {
	o.h.tb.Helper()
	c := o.h.Chunk(records...)
	for attempts = 1; attempts <= 100; attempts++ {
		err = o.FlushChunk(c)
		if err == nil || plugin.Dropped(err) || plugin.Rejected(err) != nil {
			return attempts, err
		}
	}
	return attempts - 1, err
}

// Chunk makes a chunk of these records.
func (h *Host) Chunk(records ...string) *event.Chunk {
	h.tb.Helper()
	b := event.New(Tag)
	h.parseRecords(b, records)
	h.mu.Lock()
	h.chunks++
	id := h.chunks
	h.mu.Unlock()
	return event.NewChunk(id, Tag, event.Logs, b.Bytes(), b.Len())
}

// Filter is a filter at work.
type Filter struct {
	*life
	plugin plugin.Filter
}

// Filter configures a filter with lines "KEY VALUE" and starts it.
func (h *Host) Filter(spec plugin.Spec[plugin.Filter], lines ...string) *Filter {
	h.tb.Helper()
	p, err := build(h, spec, lines)
	if err != nil {
		h.tb.Fatal(err)
	}
	return &Filter{h.begin(p), p}
}

// Run sends records through the filter in one batch and returns the bodies of those that are left, as JSON.
func (f *Filter) Run(records ...string) []string {
	f.h.tb.Helper()
	b := event.New(Tag)
	f.h.parseRecords(b, records)
	if err := f.Batch(b); err != nil {
		f.h.tb.Fatalf("filter: %v", err)
	}
	var left []string
	for r := range b.Records() {
		left = append(left, JSON(r.Body()))
	}
	return left
}

// Batch sends a batch through the filter and returns what it says. The batch is checked to be well formed
// afterwards.
func (f *Filter) Batch(b *event.Batch) (err error) {
	f.h.tb.Helper()
	f.h.within("Filter", func() { err = f.plugin.Filter(f.ctx, b) })
	if b.Kind == event.Logs {
		if again, bad := event.Parse(b.Tag, bytes.Clone(b.Bytes())); bad != nil || again.Len() != b.Len() {
			f.h.tb.Errorf("the filter has left what are no records: %v", bad)
		}
	}
	return err
}

// Input is an input at work.
type Input struct {
	*life
	ended chan struct{} // closed when Run has returned
	err   error         // of Run

	mu      sync.Mutex
	records []string
	tags    []string
	hold    bool
	held    []*event.Batch
}

// Input configures an input with lines "KEY VALUE" and starts it.
func (h *Host) Input(spec plugin.Spec[plugin.Input], lines ...string) *Input {
	h.tb.Helper()
	p, err := build(h, spec, lines)
	if err != nil {
		h.tb.Fatal(err)
	}
	in := &Input{life: h.begin(p), ended: make(chan struct{})}
	in.work.Go(func() {
		defer close(in.ended)
		in.err = p.Run(in.ctx, in)
	})
	return in
}

// Emit implements [plugin.Emitter].
func (in *Input) Emit(_ context.Context, b *event.Batch) error {
	if _, err := event.Parse(b.Tag, bytes.Clone(b.Bytes())); err != nil && b.Kind == event.Logs {
		return fmt.Errorf("what was emitted are no records: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for r := range b.Records() {
		in.records = append(in.records, JSON(r.Body()))
		in.tags = append(in.tags, b.Tag)
	}
	if in.hold {
		in.held = append(in.held, b)
		return nil
	}
	b.Settle(event.Delivered)
	b.Release()
	return nil
}

// Hold keeps the batches that come from now on from being settled, as if no output took them.
func (in *Input) Hold() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.hold = true
}

// Settle settles all batches that were held, and later ones at once.
func (in *Input) Settle(o event.Outcome) {
	in.mu.Lock()
	held := in.held
	in.held, in.hold = nil, false
	in.mu.Unlock()
	for _, b := range held {
		b.Settle(o)
	}
}

// Records returns the bodies of what was emitted so far, as JSON, and the tags.
func (in *Input) Records() (bodies, tags []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string(nil), in.records...), append([]string(nil), in.tags...)
}

// Wait waits until n records were emitted and returns the bodies of all that were.
func (in *Input) Wait(n int) []string {
	in.h.tb.Helper()
	for end := time.Now().Add(waits); ; time.Sleep(time.Millisecond) {
		bodies, _ := in.Records()
		if len(bodies) >= n {
			return bodies
		}
		select {
		case <-in.ended:
			if bodies, _ = in.Records(); len(bodies) < n {
				in.h.tb.Fatalf("Run has ended after %d records, waiting for %d: %v\n%s", len(bodies), n, in.err, in.h.Log())
			}
			return bodies
		default:
		}
		if time.Now().After(end) {
			in.h.tb.Fatalf("%d records, still waiting for %d\n%s", len(bodies), n, in.h.Log())
		}
	}
}

// End waits until the input's Run returns by itself and returns what that said.
func (in *Input) End() error {
	in.h.tb.Helper()
	in.h.within("Run", func() { <-in.ended })
	return in.err
}
