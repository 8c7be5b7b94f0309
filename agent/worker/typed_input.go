package worker

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/plugin"
)

// typedInput is an input that was written with package plugin: its Run goes on in the worker, and a collect
// waits for its next batch. While the pipeline does not take a batch nothing is collected, so that the
// plugin's Emit waits.
type typedInput struct {
	*instance
	settler settler
}

func newTypedInput(i *instance) *typedInput {
	n := &typedInput{instance: i}
	n.settler = settler{n: n, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	n.settler.ctx, n.settler.end = context.WithCancel(context.Background())
	return n
}

// Start starts the plugin.
func (n *typedInput) Start(ctx context.Context) error {
	if err := n.m.start(ctx, n.instance); err != nil {
		return err
	}
	n.settler.work.Go(n.settler.run)
	return nil
}

// Close ends it, once it knows of every settlement so far.
func (n *typedInput) Close() error {
	n.settler.once.Do(func() { close(n.settler.stop) })
	patience := time.AfterFunc(n.m.opts.Grace, n.settler.end)
	n.settler.work.Wait()
	patience.Stop()
	n.settler.end()
	return n.m.end(n.instance)
}

// Run brings batches to the pipeline until the plugin has no more.
func (n *typedInput) Run(ctx context.Context, to plugin.Emitter) error {
	for {
		more, err := n.next(ctx, to)
		if ctx.Err() != nil || errors.Is(err, errClosed) {
			return nil
		}
		if err != nil || !more {
			return err
		}
	}
}

// lastCollect is how long a plugin may take to notice that it is asked for nothing more.
const lastCollect = 2 * time.Second

// collect waits for the plugin's next batch. When ctx ends the plugin is told, so that what it hands over just
// then is not lost.
func (n *typedInput) collect(ctx context.Context, k *link, l *lane) (wire.Frame, error) {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		_, _, _ = k.p.call(patient, wire.Frame{Op: wire.OpPause, Inst: n.id}, "", lastCollect) // a worker that hangs is killed for it
	})
	f, err := l.call(patient, wire.Frame{Op: wire.OpCollect, Inst: n.id}, "", patience{})
	if !stop() {
		<-told
	}
	return f, err
}

// next takes one batch. An end of the worker is no error: Run begins anew in the next one.
func (n *typedInput) next(ctx context.Context, to plugin.Emitter) (more bool, err error) {
	k, err := n.m.linkOf(ctx, n.instance)
	if err != nil {
		return false, err
	}
	l, err := k.pool.get(ctx)
	if err != nil {
		return true, ctx.Err()
	}
	f, err := n.collect(ctx, k, l)
	tag := string(l.answer)
	if err == nil && f.Flags&wire.FlagHeld != 0 {
		var rest wire.Frame
		rest, err = l.fetch(ctx, n.id, f.Len)
		f.Len = rest.Len
	}
	if err != nil {
		k.pool.put(l)
		return true, nil
	}
	data := bytes.Clone(l.region[:f.Len])
	k.pool.put(l)
	switch {
	case f.RC < 0:
		return false, errors.New(tag)
	case f.RC == 0:
		return false, nil
	}
	n.emit(ctx, to, n.settler.watch(k.p, f), tag, n.kind(f.RC), data)
	return true, nil
}

// kind is what a batch carries whose collect returned rc. Older plugins return 1 for any.
func (n *typedInput) kind(rc int32) event.Kinds {
	declared := n.m.info.Kinds()
	for k := event.Logs; k != 0; k <<= 1 {
		if rc == int32(k) && declared.Has(k) {
			return k
		}
	}
	if declared.Has(event.Logs) {
		return event.Logs
	}
	return declared & -declared
}

// emit gives a batch to the pipeline.
func (n *typedInput) emit(ctx context.Context, to plugin.Emitter, settled func(event.Outcome), tag string, kind event.Kinds, data []byte) {
	if tag == "" {
		tag = n.env.Tag
	}
	b := event.Payload(tag, kind, data)
	if kind == event.Logs {
		var bad error
		if b, bad = event.Parse(tag, data); bad != nil {
			n.env.Log.Error("the plugin gave what are no records: " + bad.Error())
		}
	}
	if settled != nil {
		b.OnSettled(settled)
	}
	if err := to.Emit(ctx, b); err != nil && ctx.Err() == nil {
		n.env.Log.Error("records were not taken: " + err.Error())
	}
}

// settler tells the plugin how its batches ended, in a goroutine of its own: a settlement must not wait.
type settler struct {
	n    *typedInput
	wake chan struct{}
	stop chan struct{}
	ctx  context.Context    // ends when the plugin is told nothing more …
	end  context.CancelFunc // … by this
	once sync.Once
	work sync.WaitGroup

	mu    sync.Mutex
	queue []settled
}

type settled struct {
	p       *process
	number  uint64
	outcome event.Outcome
}

// watch returns what to call when the batch of a collect's reply is settled, or nil when nobody waits for it.
func (s *settler) watch(p *process, f wire.Frame) func(event.Outcome) {
	if f.Flags&wire.FlagWatched == 0 {
		return nil
	}
	return func(o event.Outcome) {
		s.mu.Lock()
		s.queue = append(s.queue, settled{p, f.Off, o})
		s.mu.Unlock()
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// run ends when stop is closed and nothing is left to be told.
func (s *settler) run() {
	for {
		s.mu.Lock()
		list := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, x := range list {
			if !x.p.alive() {
				continue // who waited is gone
			}
			f := wire.Frame{Op: wire.OpSettle, Inst: s.n.id, Off: x.number, RC: int32(x.outcome)}
			if _, _, err := x.p.call(s.ctx, f, "", controlTimeout); err != nil {
				s.n.env.Log.Warn("a settlement was not told: " + err.Error())
			}
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-s.wake:
			continue
		default:
		}
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
	}
}
