package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// output is an output instance with its own queue: what happens to it delays no other.
type output struct {
	instance
	home       atomic.Pointer[Pipeline] // whose part it is; a reload may move it
	plugin     plugin.Output
	settings   outputSettings
	kinds      event.Kinds // signals that it takes
	matcher    matcher
	processors []*step
	workers    int
	counters   OutputCounters
	pending    pending

	mu       sync.Mutex
	ready    []*delivery               // in order of arrival
	waiting  map[*delivery]*time.Timer // for their next attempt
	flying   map[*delivery]bool        // that a worker holds
	wake     chan struct{}             // one token per change that a worker should look at
	hurried  bool                      // the pipeline stops: no long waits any more
	failures int                       // in a row, over all chunks
}

// delivery is one chunk on its way to one output.
type delivery struct {
	*stored
	attempts  int
	processed *event.Chunk // after output processors; kept over retries
}

// accept queues a chunk.
func (o *output) accept(s *stored) {
	o.pending.Add(1)
	o.counters.Queued.Add(uint64(s.size))
	o.mu.Lock()
	o.ready = append(o.ready, &delivery{stored: s})
	o.mu.Unlock()
	o.signal()
	o.relieve()
}

func (o *output) pipe() *Pipeline { return o.home.Load() }

func (o *output) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// relieve gives up the oldest waiting chunks while the queue is over its limit. What no output has taken
// yet is charged to its input and makes that one wait instead, so only chunks that others delivered count
// against the agent's budget here.
func (o *output) relieve() {
	for {
		queued := int64(o.counters.Queued.Load())
		own, all := o.settings.totalLimit, o.pipe().set.MemoryBudget
		if (own <= 0 || queued <= own) && (all <= 0 || queued <= all) {
			return
		}
		d := o.oldest()
		if d == nil {
			return
		}
		o.giveUp(d, StorageFull)
	}
}

// oldest takes the oldest chunk that no worker holds out of the queue.
func (o *output) oldest() *delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first *delivery
	for d := range o.waiting {
		if first == nil || d.chunk.ID < first.chunk.ID {
			first = d
		}
	}
	if len(o.ready) > 0 && (first == nil || o.ready[0].chunk.ID < first.chunk.ID) {
		first = o.ready[0]
		o.ready = o.ready[1:]
		return first
	}
	if first != nil {
		o.waiting[first].Stop()
		delete(o.waiting, first)
	}
	return first
}

// deliver delivers chunks until ctx ends. Each output runs as many of these as it has workers.
func (o *output) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		d := o.next()
		if d == nil {
			select {
			case <-o.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		o.attempt(ctx, d)
	}
}

func (o *output) next() *delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ready) == 0 {
		return nil
	}
	d := o.ready[0]
	o.ready = o.ready[1:]
	o.flying[d] = true
	if len(o.ready) > 0 {
		o.signal() // another worker may be idle
	}
	return d
}

func (o *output) attempt(ctx context.Context, d *delivery) {
	d.attempts++
	err := guard(func() error { return o.flush(ctx, d) })
	o.mu.Lock()
	delete(o.flying, d)
	failures := o.failures
	rejection := plugin.Rejected(err)
	if o.failures++; err == nil || rejection != nil {
		o.failures = 0
	}
	o.mu.Unlock()
	switch {
	case err == nil:
		if failures > 0 {
			o.log.Info(fmt.Sprintf("delivers again, after %d failed attempt(s)", failures))
		}
		o.delivered(d, 0)
	case rejection != nil:
		o.counters.Errors.Add(1)
		n := min(len(rejection.Records), d.chunk.Len())
		o.log.Error(fmt.Sprintf("%d of %d records of chunk %d with tag '%s' were rejected for good: %v", n, d.chunk.Len(), d.chunk.ID, d.chunk.Tag, rejection.Err))
		o.counters.DroppedRecords.Add(uint64(n))
		o.pipe().lost[Rejected].Add(uint64(n))
		o.delivered(d, n)
	case plugin.Dropped(err):
		o.counters.Errors.Add(1)
		o.log.Error(fmt.Sprintf("chunk %d with tag '%s' (%d records) was rejected for good: %v", d.chunk.ID, d.chunk.Tag, d.chunk.Len(), err))
		o.giveUp(d, Rejected)
	case ctx.Err() != nil: // cut short: whoever ends the output sees to what is left
		o.mu.Lock()
		o.ready = append(o.ready, d)
		o.mu.Unlock()
	default:
		o.retry(d, err, failures > 0)
	}
}

// delivered ends a delivery that took all records but some.
func (o *output) delivered(d *delivery, but int) {
	o.counters.Records.Add(uint64(d.chunk.Len() - but))
	o.counters.Bytes.Add(uint64(d.size))
	o.noteDelivery(d)
	o.settle(d, event.Delivered)
}

func (o *output) flush(ctx context.Context, d *delivery) error {
	chunk := d.chunk
	if len(o.processors) > 0 {
		if d.processed == nil {
			d.processed = o.process(ctx, chunk)
		}
		if chunk = d.processed; chunk.Len() == 0 {
			return nil
		}
	}
	return chunk.Lend(func(c *event.Chunk) error { return o.plugin.Flush(ctx, c) })
}

// process makes this output's own version of a chunk, once.
func (o *output) process(ctx context.Context, c *event.Chunk) *event.Chunk {
	b := event.Copy(c)
	emitter := o.pipe().emitter
	emitter.turn.RLock()
	defer emitter.turn.RUnlock()
	for _, s := range o.processors {
		s.apply(ctx, emitter, b, 0)
	}
	return event.NewChunk(c.ID, c.Tag, c.Kind, b.Bytes(), b.Len())
}

// retry queues d again, later, or gives it up when its limit is reached.
func (o *output) retry(d *delivery, err error, again bool) {
	limit := o.settings.retries
	if plugin.Poisoned(err) {
		limit = unlimited // the fault is the plugin's: such a chunk is never thrown away
	}
	if limit != unlimited && d.attempts > int(limit) {
		if limit > 0 {
			o.counters.RetriesFailed.Add(1)
		}
		o.counters.Errors.Add(1)
		o.log.Error(fmt.Sprintf("chunk %d with tag '%s' (%d records) cannot be retried: retry_limit of %d is reached; raise it or set no_limits. The last error: %v",
			d.chunk.ID, d.chunk.Tag, d.chunk.Len(), limit, err))
		o.giveUp(d, RetryLimit)
		return
	}
	o.counters.Retries.Add(1)
	o.counters.RetriedRecords.Add(uint64(d.chunk.Len()))
	o.mu.Lock()
	wait := o.pipe().backoff(d.attempts, plugin.Poisoned(err))
	if o.hurried {
		wait = time.Second
	}
	o.waiting[d] = time.AfterFunc(wait, func() { o.again(d) })
	o.mu.Unlock()
	o.noteWait(wait)
	level := slog.LevelWarn
	if again {
		level = slog.LevelDebug // the first failure was said; a success will say how many there were
	}
	o.log.Log(context.Background(), level, fmt.Sprintf("failed to flush chunk %d with tag '%s' (%d records), retry in %d seconds: %v",
		d.chunk.ID, d.chunk.Tag, d.chunk.Len(), int(wait.Seconds()), err))
}

// backoff is how long to wait after the n-th failure: Fluent Bit's exponential schedule with full jitter.
func (p *Pipeline) backoff(n int, poison bool) time.Duration {
	base, limit := p.set.RetryBase, p.set.RetryCap
	if poison {
		return limit
	}
	top := limit
	if n < 30 && base<<n > 0 {
		top = min(limit, base<<n)
	}
	steps := int64(max(0, top-base) / time.Second)
	return base + time.Duration(rand.Int64N(steps+1))*time.Second + time.Second
}

func (o *output) again(d *delivery) {
	o.mu.Lock()
	_, mine := o.waiting[d]
	if mine {
		delete(o.waiting, d)
		o.ready = append(o.ready, d)
	}
	o.mu.Unlock()
	o.signal()
}

// hurry has every waiting chunk tried now, and failures from here on after a second.
func (o *output) hurry() {
	o.mu.Lock()
	o.hurried = true
	for d, t := range o.waiting {
		t.Stop()
		o.ready = append(o.ready, d)
	}
	clear(o.waiting)
	o.mu.Unlock()
	o.signal()
}

// abandon gives up all that no worker holds.
func (o *output) abandon() {
	for d := o.oldest(); d != nil; d = o.oldest() {
		o.giveUp(d, Shutdown)
	}
}

func (o *output) giveUp(d *delivery, why Reason) {
	o.counters.DroppedRecords.Add(uint64(d.chunk.Len()))
	o.pipe().lost[why].Add(uint64(d.chunk.Len()))
	o.pipe().noteDrop(d.in, o.shown(), d.chunk.Kind, d.chunk.Len(), int(d.size))
	if why == StorageFull {
		o.log.Warn(fmt.Sprintf("chunk %d with tag '%s' (%d records) evicted from output queue: %d bytes wait; raise storage.total_limit_size or storage.memory_budget",
			d.chunk.ID, d.chunk.Tag, d.chunk.Len(), o.counters.Queued.Load()))
	}
	if why == Shutdown {
		d.undone.Store(true)
	}
	o.settle(d, event.GivenUp)
}

// settle ends this output's share in the chunk.
func (o *output) settle(d *delivery, how event.Outcome) {
	o.counters.Queued.Add(-uint64(d.size))
	d.finish(how)
	o.pending.Done()
}

// finish notes that one route is done with the chunk.
func (s *stored) finish(how event.Outcome) {
	for {
		w := s.worst.Load()
		if w >= int32(how) || s.worst.CompareAndSwap(w, int32(how)) {
			break
		}
	}
	last := s.left.Add(-1) == 0
	if (how == event.Delivered || last) && !s.claimed.Swap(true) {
		s.in.charge(-int(s.size))
	}
	if !last {
		return
	}
	defer s.chunk.Release()
	s.in.busy.chunks.Add(-1)
	s.in.busy.bytes.Add(-s.size)
	if s.undone.Load() {
		return
	}
	for _, h := range s.holds {
		h.Settle(event.Outcome(s.worst.Load()))
	}
}
