package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/option"
)

// Runner keeps one pipeline going, and has another one take its place when the configuration was read anew.
type Runner struct {
	current  atomic.Pointer[Pipeline]
	changed  chan struct{} // holds one after a reload
	reloads  atomic.Uint64
	mu       sync.Mutex      // one reload or shutdown at a time, and none before Run
	ending   context.Context // ends when the agent stops
	end      func()
	draining sync.WaitGroup // instances that a reload has left behind
}

// NewRunner returns a runner of p, which must have been started.
func NewRunner(p *Pipeline) *Runner {
	r := &Runner{changed: make(chan struct{}, 1)}
	r.ending, r.end = context.WithCancel(context.Background())
	r.current.Store(p)
	r.mu.Lock()
	return r
}

// Pipeline returns the pipeline that runs now.
func (r *Runner) Pipeline() *Pipeline { return r.current.Load() }

// Reloads counts the reloads so far.
func (r *Runner) Reloads() uint64 { return r.reloads.Load() }

// Run moves records until ctx ends or a plugin asks for the end, then shuts down within the grace period.
// It returns the exit code.
func (r *Runner) Run(ctx context.Context) int {
	p := r.Pipeline()
	for _, line := range p.guarantees() {
		p.log.Debug(line)
	}
	p.launch()
	r.mu.Unlock()
	code := r.loop(ctx)
	p.stops.Store(true)
	r.end()
	r.Pipeline().leaveSources()                // a filter that hangs lets a reload go on with that
	if within(r.mu.Lock, after(p.set.Grace)) { // a reload may wait so long for inputs that are gone
		defer r.mu.Unlock()
	} else {
		p.log.Warn("a reload does not end; going on without it")
	}
	p = r.Pipeline()
	within(r.draining.Wait, time.After(2*closeTimeout)) // what is left comes to p
	p.shutdown()
	within(r.draining.Wait, after(p.set.Grace))
	return code
}

// loop sends off the open chunks at every flush interval until it is time to stop.
func (r *Runner) loop(ctx context.Context) (code int) {
	p := r.Pipeline()
	every := p.set.Flush
	tick := time.NewTicker(every)
	defer tick.Stop()
	pace := newPace()
	for {
		select {
		case <-ctx.Done():
			return 0
		case code := <-p.stop:
			return code
		case <-tick.C:
			p := r.Pipeline()
			p.tick()
			if next := pace.next(p.set.Flush, p.set.Adaptive, p.fill()); next != every {
				every = next
				tick.Reset(every)
			}
		case <-r.changed:
			every = r.Pipeline().set.Flush
			tick.Reset(every)
		}
	}
}

// Reload has next take the place of the running pipeline. What is described by the same words in both goes
// on undisturbed, with its queues, open files and connections; what is new is started, and after a failure of
// that nothing has changed. Then the inputs that are gone end, the new ones begin, and the outputs that are
// gone deliver what they have, within the grace period; drained is called after that.
func (r *Runner) Reload(ctx context.Context, next *Pipeline, drained func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending.Err() != nil {
		return errStops
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(r.ending, stop)()
	old := r.Pipeline()
	next.books = old.books
	gone := next.adopt(old)
	if err := next.Start(ctx); err != nil {
		return err
	}
	for _, in := range append(slices.Clone(next.inputs), next.emitter) {
		in.move(next)
	}
	if r.ending.Err() != nil { // old is on its way to its end
		next.undo(len(next.parts()))
		return errStops
	}
	for _, o := range next.outputs {
		o.home.Store(next)
	}
	next.madeRoom() // for inputs that wait for an output that is gone
	if !gone.stopInputs(after(next.set.Grace / 2)) {
		next.log.Warn("an input that was removed does not end; going on without it")
	}
	gone.giveOut(after(next.set.Grace / 2))
	gone.flush()
	next.launch()
	r.current.Store(next)
	r.reloads.Add(1)
	select {
	case r.changed <- struct{}{}:
	default:
	}
	r.draining.Go(func() {
		gone.retire(r, next)
		drained()
	})
	return nil
}

var errStops = errors.New("the agent stops")

// adopt replaces what p and old have in common by the instances of old, which run. It returns the rest of
// those.
func (p *Pipeline) adopt(old *Pipeline) (gone group) {
	p.emitter = old.emitter
	gone.inputs = take(p.inputs, old.inputs, func(x *input) *instance { return &x.instance })
	gone.filters = take(p.filters, old.filters, func(x *step) *instance { return &x.instance })
	gone.outputs = take(p.outputs, old.outputs, func(x *output) *instance { return &x.instance })
	gone.customs = take(p.customs, old.customs, func(x *custom) *instance { return &x.instance })
	return gone
}

// take puts the instances of old into list that are the same there, and returns the others.
func take[T any](list, old []T, of func(T) *instance) (rest []T) {
	for _, o := range old {
		i := slices.IndexFunc(list, func(n T) bool { return of(n).print == of(o).print && of(n).name == of(o).name })
		if i < 0 {
			rest = append(rest, o)
			continue
		}
		list[i] = o
	}
	return rest
}

// move makes an input a part of p: its open chunks go the old ways, what comes from now on the new ones.
func (in *input) move(p *Pipeline) {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.flush()
	in.home.Store(p)
}

// retire ends instances that next has no more. What an output cannot deliver in time goes to its heir, if
// there is one.
func (g *group) retire(r *Runner, next *Pipeline) {
	ending := r.ending.Done()
	g.stopInputs(unless(ending, after(next.set.Grace))) // those that the reload did not wait for
	g.flush()
	g.deliver(unless(ending, after(next.set.Grace)))
	if !g.kill() {
		next.log.Warn("a plugin that was removed did not end in time")
	}
	for _, o := range g.outputs {
		o.handOver(r)
	}
	closeAll(g.parts(), time.Now().Add(closeTimeout))
}

// unless returns a deadline that is over at once when the agent ends.
func unless(ending <-chan struct{}, deadline <-chan time.Time) <-chan time.Time {
	first := make(chan time.Time, 1)
	go func() {
		select {
		case t := <-deadline:
			first <- t
		case <-ending:
			first <- time.Now()
		}
	}()
	return first
}

// handOver gives what is left to the output that has taken o's place, in whatever pipeline runs by then: a heir
// that was remembered would be one more thing that leads from each old pipeline to the next and keeps all of them.
func (o *output) handOver(r *Runner) {
	if n := o.pending.count(); n > 0 && o.heir(r.Pipeline()) == nil {
		o.log.Error(fmt.Sprintf("%d chunks could not be delivered before the output was removed: those in files stay there, others are lost; raise grace, or keep the output until it has delivered", n))
	}
	o.end(func(d *delivery) {
		heir := o.heir(r.Pipeline())
		if heir == nil {
			o.keep(d)
			return
		}
		if d.over.Swap(true) {
			return
		}
		d.in.busy.retries.Add(-d.retries)
		o.pipe().memory.discard(d)
		heir.accept(d.stored)
		o.counters.Queued.Add(-uint64(d.size))
		o.pending.Done()
	})
}

// heir is the output of next that takes the place of o: the one that the same words describe, under whatever
// number, or the one of its name, unless that is another's by these words.
func (o *output) heir(next *Pipeline) *output {
	var named *output
	for _, n := range next.outputs {
		switch {
		case n.words == o.words:
			return n
		case n.shown() == o.shown() && !slices.ContainsFunc(o.pipe().outputs, func(old *output) bool { return old.words == n.words }):
			named = n
		}
	}
	return named
}

// fingerprint says everything that makes an instance what it is.
func (b *builder) fingerprint(kind string, sec config.Section) string {
	s := fmt.Sprint(kind, b.set.JSON, config.Fingerprint(sec))
	if b.set.Identity != nil {
		s += b.set.Identity(kind, strings.ToLower(sec.Name))
	}
	if v, ok := option.Lookup(sec.Props, "upstream"); ok {
		u, _ := b.tree.Upstream(v.Text)
		s += config.Fingerprint(u)
	}
	if strings.Contains(s, "parser") {
		s += b.parsers
	}
	return s
}
