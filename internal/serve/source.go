package serve

import (
	"context"
	"sync"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// source runs an input and hands its batches over one by one, as the host asks for them: an Emit waits until
// its batch was taken.
type source struct {
	in    *Instance
	input plugin.Input
	begin sync.Once
	ready chan *event.Batch
	ended chan struct{} // closed when Run has returned
	err   error         // of Run; set before ended is closed

	mu    sync.Mutex
	count uint64
	open  map[uint64]event.Hold // batches that are not settled yet, by number
}

func newSource(in *Instance, input plugin.Input) *source {
	return &source{in: in, input: input, ready: make(chan *event.Batch), ended: make(chan struct{}), open: map[uint64]event.Hold{}}
}

func (s *source) run() {
	s.in.work.Go(func() {
		defer close(s.ended)
		s.err = guard(func() error { return s.input.Run(s.in.ctx, s) })
		if s.in.ctx.Err() != nil {
			s.err = nil
		}
	})
}

// Emit implements [plugin.Emitter].
func (s *source) Emit(ctx context.Context, b *event.Batch) error {
	if b.Len() == 0 {
		b.Settle(event.Filtered)
		return nil
	}
	select {
	case s.ready <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.in.ctx.Done():
		return s.in.ctx.Err()
	}
}

// Collect waits for the input's next batch. Without one the input has come to its end, or failed with err,
// or may stop was closed.
func (in *Instance) Collect(stop <-chan struct{}) (*event.Batch, error) {
	s := in.source
	s.begin.Do(s.run)
	select {
	case b := <-s.ready:
		return b, nil
	case <-s.ended:
		err := s.err
		s.err = nil // it is told once
		return nil, err
	case <-stop:
		return nil, nil
	}
}

// keep numbers a batch that was taken and remembers it until it is settled, if anybody waits for that.
func (s *source) keep(b *event.Batch) (number uint64, watched bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if h := b.Own(); h.Watched() {
		s.open[s.count] = h
		watched = true
	}
	return s.count, watched
}

// settle says how the batch of that number ended. Unknown numbers do nothing.
func (s *source) settle(number uint64, o event.Outcome) {
	s.mu.Lock()
	h := s.open[number]
	delete(s.open, number)
	s.mu.Unlock()
	if err := guard(func() error { h.Settle(o); return nil }); err != nil {
		s.in.log.Error("a settlement: " + err.Error())
	}
}
