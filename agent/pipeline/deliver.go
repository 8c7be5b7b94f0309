package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
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
	unmatched  bool // its section has no match
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
	bursts   [reasons]burst
	after    func(*delivery) // takes what comes after the end; nil before that
}

// delivery is one chunk on its way to one output.
type delivery struct {
	*stored
	attempts int
	retries  int64
	own      own         // after output processors
	over     atomic.Bool // it was finished or kept
}

// accept queues a chunk.
func (o *output) accept(s *stored) {
	o.pending.Add(1)
	o.counters.Queued.Add(uint64(s.size))
	d := &delivery{stored: s}
	o.mu.Lock()
	after := o.after
	if after == nil {
		o.ready = append(o.ready, d)
	}
	o.mu.Unlock()
	if after != nil {
		after(d)
		return
	}
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

// relieve gives up the oldest waiting chunks while the queue is over its limit.
func (o *output) relieve() {
	for o.overlimit() && !o.settings.block {
		d := o.oldest()
		if d == nil {
			return
		}
		o.giveUp(d, StorageFull, nil)
	}
}

// overlimit reports whether more waits than storage.total_limit_size allows.
func (o *output) overlimit() bool {
	limit := o.settings.totalLimit
	return limit > 0 && int64(o.counters.Queued.Load()) > limit
}

// blocks reports whether inputs must wait for this output.
func (o *output) blocks() bool { return o.settings.block && o.overlimit() }

// oldest takes the oldest chunk that no worker holds out of the queue.
func (o *output) oldest() *delivery { return o.remove(func(*delivery) bool { return true }) }

// remove takes the oldest chunk that fits out of the queue.
func (o *output) remove(fits func(*delivery) bool) *delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first *delivery
	for d := range o.waiting {
		if (first == nil || d.id < first.id) && fits(d) {
			first = d
		}
	}
	at := -1 // in ready, where those that have come back stand behind younger ones
	for i, d := range o.ready {
		if (first == nil || d.id < first.id) && fits(d) {
			first, at = d, i
		}
	}
	switch {
	case at >= 0:
		o.ready = slices.Delete(o.ready, at, at+1)
	case first != nil:
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
	failures := o.failures
	rejection := plugin.Rejected(err)
	if o.failures++; err == nil || rejection != nil {
		o.failures = 0
	}
	o.mu.Unlock()
	switch {
	case d.over.Load(): // it took so long that the chunk was kept, or went to another output
	case err == nil:
		if failures > 0 {
			o.log.Info(fmt.Sprintf("delivers again, after %d failed attempt(s)", failures))
		}
		o.delivered(d, 0)
	case rejection != nil:
		o.counters.Errors.Add(1)
		o.reject(d, rejection)
	case storage.Damaged(err):
		o.giveUp(d, Damaged, err)
	case plugin.Dropped(err):
		o.counters.Errors.Add(1)
		o.giveUp(d, Rejected, err)
	case ctx.Err() != nil: // cut short: whoever ends the output sees to what is left, this one still among it
	default:
		o.retry(d, err, failures > 0)
	}
}

// delivered ends a delivery that took all records but some.
func (o *output) delivered(d *delivery, but int) {
	o.counters.Records.Add(d.count() - uint64(but))
	o.counters.Bytes.Add(uint64(d.size))
	o.noteDelivery(d, d.count()-uint64(but))
	if o.log.Enabled(context.Background(), slog.LevelDebug) {
		o.log.Debug(fmt.Sprintf("delivered %v", d.stored))
	}
	o.settle(d, event.Delivered)
}

func (o *output) flush(ctx context.Context, d *delivery) (err error) {
	m := o.pipe().memory
	chunk, err := m.take(d.stored)
	if err != nil {
		return err
	}
	defer func() { m.done(d.stored, err != nil) }()
	if len(o.processors) > 0 {
		mine := m.unstash(d)
		if mine == nil {
			mine = o.process(ctx, chunk)
		}
		if chunk = mine; chunk.Len() == 0 {
			return nil
		}
		defer func() {
			if plugin.Rejected(err) != nil {
				d.own.chunk = mine // somebody will look for the records
			} else if err != nil {
				m.stash(d, mine)
			}
		}()
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
	own := event.NewChunk(c.ID, c.Tag, c.Kind, b.Bytes(), b.Len())
	own.Source = c.Source
	return own
}

// retry queues d again, later, or gives it up when its limit is reached.
func (o *output) retry(d *delivery, err error, again bool) {
	limit, poison := o.settings.retries, plugin.Poisoned(err)
	if poison { // the fault is the plugin's: such a chunk is set aside where that is possible
		if o.giveUp(d, Poisoned, err) {
			o.counters.Errors.Add(1)
			return
		}
		limit = unlimited
	}
	o.mu.Lock()
	hurried := o.hurried
	o.mu.Unlock()
	if hurried && limit > 0 { // these attempts are not what the limit is about; what is left is saved
		limit = unlimited
	}
	if limit != unlimited && d.attempts > int(limit) {
		if limit > 0 {
			o.counters.RetriesFailed.Add(1)
		} else { // no retry has failed, and yet the health check should see it
			o.counters.Errors.Add(1)
		}
		o.giveUp(d, RetryLimit, err)
		return
	}
	o.counters.Retries.Add(1)
	o.counters.RetriedRecords.Add(d.count())
	d.retries++
	d.in.busy.retries.Add(1)
	wait := o.pipe().backoff(d.attempts, poison)
	o.mu.Lock()
	if o.hurried {
		wait = time.Second
	}
	o.waiting[d] = time.AfterFunc(wait, func() { o.again(d) })
	delete(o.flying, d)
	o.mu.Unlock()
	o.noteWait(wait)
	level := slog.LevelWarn
	if again {
		level = slog.LevelDebug // the first failure was said; a success will say how many there were
	}
	o.log.Log(context.Background(), level, fmt.Sprintf("failed to flush %v, retry in %d seconds: %v", d.stored, int(wait.Seconds()), err))
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

// spare leaves chunks of an earlier run that were not tried yet to the next one.
func (o *output) spare() {
	o.mu.Lock()
	var later []*delivery
	o.ready = slices.DeleteFunc(o.ready, func(d *delivery) bool {
		old := d.backlog && d.attempts == 0
		if old {
			later = append(later, d)
		}
		return old
	})
	o.mu.Unlock()
	for _, d := range later {
		o.keep(d)
	}
}

// abandon keeps what was not delivered for another run, as far as that can be done.
func (o *output) abandon() { o.end(o.keep) }

// end takes everything out of the queue and has see see to it: the oldest first, also what a plugin that does
// not return still has, and what comes later, since a chunk may be on its way here.
func (o *output) end(see func(*delivery)) {
	o.mu.Lock()
	for _, t := range o.waiting {
		t.Stop()
	}
	all := slices.Concat(o.ready, slices.Collect(maps.Keys(o.waiting)), slices.Collect(maps.Keys(o.flying)))
	o.ready = nil
	clear(o.waiting)
	o.after = see
	o.mu.Unlock()
	slices.SortFunc(all, func(a, b *delivery) int { return cmp.Compare(a.id, b.id) })
	for _, d := range all {
		see(d)
	}
}

func (o *output) keep(d *delivery) {
	if !d.over.Swap(true) {
		o.counters.Queued.Add(-uint64(d.size))
		d.in.busy.retries.Add(-d.retries)
		o.pipe().memory.discard(d)
		d.stored.keep(o.pipe(), o)
		o.pending.Done()
	}
}

// settle ends this output's share in the chunk.
func (o *output) settle(d *delivery, how event.Outcome) {
	if !d.over.Swap(true) {
		o.counters.Queued.Add(-uint64(d.size))
		d.in.busy.retries.Add(-d.retries)
		o.pipe().memory.discard(d)
		d.finish(o.pipe(), o.key(), how)
		o.mu.Lock()
		delete(o.flying, d)
		o.mu.Unlock()
		o.pending.Done()
		o.pipe().unblocked(o)
	}
}
