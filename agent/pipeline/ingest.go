package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/condition"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// chunkLimit is when a chunk is closed: the append that passes it is the last one.
const chunkLimit = 2_048_000

// input is an input instance with the chunks that it fills.
type input struct {
	instance
	home       atomic.Pointer[Pipeline] // whose part it is; a reload may move it
	plugin     plugin.Input
	settings   inputSettings
	task       *task // of an input that is the results of a stream processor's task; nil otherwise
	rereads    bool  // the source keeps what is not read
	replays    bool  // what is not settled at the end comes again
	tag        string
	processors []*step
	routes     []*route
	counters   InputCounters
	gate       gate
	rate       rate
	tags       tagCounters
	busy       struct{ chunks, bytes, up, retries atomic.Int64 } // that outputs have not settled; up are those in memory

	storage storageType
	rated   rateGate
	ring    ring
	feeds   sync.Map // *output → true: where its records have gone

	turn    sync.RWMutex // held for reading while a batch is on its way to the chunks
	mu      sync.Mutex   // held while the disk takes a batch, which may last
	open    map[openKey]*filling
	growing struct{ chunks, bytes atomic.Int64 } // what these are
}

func (in *input) pipe() *Pipeline { return in.home.Load() }

// openKey is what all records of a chunk have in common.
type openKey struct {
	tag   string
	kind  event.Kinds
	route *route // of the input's own; nil when the tag decides
}

// filling is a chunk that still grows.
type filling struct {
	*stored
	chunk  *event.Chunk
	routes []*output
}

// step is one filter or processor at work.
type step struct {
	instance
	plugin    plugin.Filter
	kinds     event.Kinds
	matcher   *matcher             // nil for processors
	condition *condition.Condition // of a processor; nil for all records
	copies    bool                 // of an output, whose records were stored already, or of a route: none is held back
	counters  FilterCounters
	endless   atomic.Uint64 // batches that were taken out of a loop

	mu sync.Mutex
}

// derived collects what a filter emits while it filters: it enters the pipeline after the filter is done,
// since it passes all filters again, that one included. What a processor emits passes the processors behind
// it first.
type derived struct{ batches []*event.Batch }

type derivedKey struct{}

// maxLaps is how often records may come back to the pipeline's start. More is a loop: a filter that gives
// its own output another tag, for instance.
const maxLaps = 10

type lapKey struct{}

// retaggedKey marks records that a filter has given another tag: they are the input's no more.
type retaggedKey struct{}

func retagged(ctx context.Context) bool { return ctx.Value(retaggedKey{}) != nil }

// Emit implements [plugin.Emitter].
func (in *input) Emit(ctx context.Context, b *event.Batch) error {
	if err := in.wait(ctx); err != nil {
		switch {
		case in.begun() && in.quit.Err() == nil: // the plugin itself gave up waiting, and knows
			return err
		case in.replays:
			in.pipe().reread.count(uint64(b.Len()))
			return err // never settled: the source will bring it again
		}
		// The agent stops. What an input has in hand then will not come again, and it is not much.
	}
	if b.Source == "" {
		b.Source = in.shown()
	}
	in.turn.RLock()
	defer in.turn.RUnlock()
	in.counters.Records.Add(uint64(b.Len()))
	in.counters.Bytes.Add(uint64(len(b.Bytes())))
	in.countTag(b)
	if in.log.Enabled(ctx, logger.LevelTrace) {
		in.log.Log(ctx, logger.LevelTrace, fmt.Sprintf("brought %d records with tag '%s'", b.Len(), b.Tag))
	}
	if in.settings.rate.on {
		in.rated.count(b)
	}
	in.process(ctx, b, 0)
	return nil
}

// wait blocks while the input is to bring nothing.
func (in *input) wait(ctx context.Context) error {
	if in.settings.rate.on {
		if err := in.rated.wait(ctx, in); err != nil {
			return err
		}
	}
	return in.gate.wait(ctx, in)
}

// process passes b through the processors, of which the first from are behind it, and the filters.
func (in *input) process(ctx context.Context, b *event.Batch, from int) {
	in.follow(ctx, b, from)
	in.filter(ctx, b, 0)
}

// follow passes b through the processors, of which the first from are behind it.
func (in *input) follow(ctx context.Context, b *event.Batch, from int) {
	for i := from; i < len(in.processors); i++ {
		in.processors[i].apply(ctx, in, b, i+1)
	}
}

// filter passes b through the filters, of which the first from are behind it, and stores what is left.
func (in *input) filter(ctx context.Context, b *event.Batch, from int) {
	if b.Kind == event.Logs {
		for _, f := range in.pipe().filters[from:] {
			if b.Len() == 0 {
				break
			}
			if f.matcher.match(b.Tag) {
				f.apply(ctx, in, b, len(in.processors))
			}
		}
	}
	in.feed(ctx, b)
	in.keep(ctx, b)
}

// keep stores b for the outputs that the input's routes name, or that its tag is routed to.
func (in *input) keep(ctx context.Context, b *event.Batch) {
	if b.Len() == 0 || !in.settings.routable {
		b.Settle(event.Filtered)
		b.Release()
		return
	}
	if in.directs(ctx, b.Kind) {
		in.direct(ctx, b)
		return
	}
	routes := in.pipe().routes(openKey{tag: b.Tag, kind: b.Kind})
	if len(routes) == 0 {
		in.pipe().lose(NoRoute, in, b)
		b.Settle(event.GivenUp)
		b.Release()
		return
	}
	in.store(b, nil, routes)
}

// apply runs one step and then sends what it emitted through the processors from next on and all filters.
func (s *step) apply(ctx context.Context, in *input, b *event.Batch, next int) {
	if !s.kinds.Has(b.Kind) {
		return
	}
	var more derived
	n, size := b.Len(), len(b.Bytes())
	inner := context.WithValue(ctx, derivedKey{}, &more)
	if _, holds := s.plugin.(plugin.Drainer); holds && !s.copies {
		inner = plugin.WithOrigin(inner, origin{in, s})
	}
	s.mu.Lock()
	err := guard(func() error { return s.filter(inner, b) })
	s.mu.Unlock()
	if err != nil {
		then := ", they go on unfiltered"
		if b.Len() == 0 {
			then = ", and none goes on"
		}
		s.log.Error(fmt.Sprintf("filtering of %d records with tag '%s' failed%s: %v", n, plain(b.Tag), then, err))
	}
	s.count(n, size, b)
	lap, _ := ctx.Value(lapKey{}).(int)
	for _, d := range more.batches {
		if lap == maxLaps {
			if n := s.endless.Add(1); n&(n-1) == 0 {
				s.log.Error(fmt.Sprintf("records come back here without end, by now with the tag '%s'; they go to the outputs as they are (batches so far: %d). Narrow the filter's match so that it does not take its own output", plain(d.Tag), n))
			}
			in.keep(ctx, d)
			continue
		}
		way := context.WithValue(ctx, lapKey{}, lap+1)
		if d.Tag != b.Tag {
			way = context.WithValue(way, retaggedKey{}, true)
		}
		in.process(way, d, next)
	}
}

// filter runs the plugin on the records that meet the condition.
func (s *step) filter(ctx context.Context, b *event.Batch) error {
	if s.condition == nil {
		return s.plugin.Filter(ctx, b)
	}
	b.Where(s.condition.Holds)
	defer b.Where(nil)
	return errors.Join(s.plugin.Filter(ctx, b), s.condition.Check())
}

func (s *step) count(n, size int, b *event.Batch) {
	s.counters.Records.Add(uint64(n))
	s.counters.Bytes.Add(uint64(size))
	if d := b.Len() - n; d > 0 {
		s.counters.Added.Add(uint64(d))
	} else if d < 0 {
		s.counters.Dropped.Add(uint64(-d))
		s.counters.DroppedBytes.Add(uint64(max(0, size-len(b.Bytes()))))
	}
}

// guard turns a panic of a plugin into an error with its stack.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}

// store appends b to the open chunk of its tag and route and sends the chunk off when it is full.
func (in *input) store(b *event.Batch, by *route, routes []*output) {
	key := openKey{b.Tag, b.Kind, by}
	in.charge(len(b.Bytes()))
	in.mu.Lock()
	f := in.open[key]
	if f == nil {
		f = in.begin(b, by, routes)
		in.open[key] = f
		in.growing.chunks.Add(1)
	}
	settled := in.put(f, b)
	full := len(f.chunk.Bytes()) > chunkLimit || b.Kind != event.Logs || f.partial.Load() || in.pipe().disk.crowded()
	if full {
		delete(in.open, key)
	}
	in.mu.Unlock()
	if settled {
		b.Settle(event.Delivered)
	}
	b.Release()
	if full {
		in.send(f)
	}
	in.wrap()
}

// begin makes a chunk for records like those of b.
func (in *input) begin(b *event.Batch, by *route, routes []*output) *filling {
	p := in.pipe()
	f := &filling{stored: &stored{id: p.ids.Add(1), tag: b.Tag, kind: b.Kind, in: in, born: time.Now()}, routes: routes}
	if by != nil {
		f.ways = ways(routes)
	}
	f.chunk = event.NewChunk(f.id, b.Tag, b.Kind, nil, 0)
	if b.Kind != event.Logs {
		f.source = b.Source
		f.chunk.Source = b.Source
	}
	if (in.storage == filesystem || in == p.emitter) && p.disk.store() != nil { // the emitter does not know whose records it has
		f.file = p.disk.store().Create(in.name, storage.Meta{Kind: b.Kind, Tag: b.Tag, Routes: f.ways})
	}
	return f
}

// put appends b. It reports whether b is durable with that.
func (in *input) put(f *filling, b *event.Batch) bool {
	f.chunk.Append(b)
	f.size += int64(len(b.Bytes()))
	in.growing.bytes.Add(int64(len(b.Bytes())))
	in.pipe().open.Add(int64(len(b.Bytes())))
	f.records.Add(int64(b.Len()))
	h := b.Own()
	if f.file == nil {
		if h.Watched() {
			f.hold(h)
		}
		return false
	}
	return in.pipe().disk.append(f.stored, b, h)
}

// flush sends off every chunk that holds something, in the order in which they were begun.
func (in *input) flush() {
	in.mu.Lock()
	in.flushLocked()
}

// flushLocked also unlocks.
func (in *input) flushLocked() {
	open := in.open
	in.open = map[openKey]*filling{}
	in.mu.Unlock()
	begun := slices.SortedFunc(maps.Values(open), func(a, b *filling) int { return cmp.Compare(a.id, b.id) })
	for _, f := range begun {
		in.send(f)
	}
}

func (in *input) send(f *filling) {
	s := f.stored
	in.growing.chunks.Add(-1)
	in.growing.bytes.Add(-s.size)
	if s.file != nil {
		s.file.Lock()
	}
	s.left.Store(int32(len(f.routes)))
	in.busy.chunks.Add(1)
	in.busy.bytes.Add(s.size)
	in.gate.mu.Lock()
	in.gate.queued += s.size
	in.gate.mu.Unlock()
	in.pipe().open.Add(-s.size)
	if in.storage == memrb {
		in.ring.add(s, f.routes)
	}
	in.pipe().memory.admit(s, f.chunk)
	for _, o := range f.routes {
		if o.settings.block {
			in.feeds.Store(o, true)
		}
		o.accept(s)
	}
}
