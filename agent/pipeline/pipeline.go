// Package pipeline builds inputs, filters and outputs out of a configuration and moves records between
// them: route, flush, retry, shutdown.
//
// Records wait in chunks, in memory or in files, from an input's Emit to the moment when every output that
// their tag is routed to has delivered them or given them up. Each output has its own queue over the shared
// chunks, so a dead one delays nobody.
package pipeline

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Settings are what the service section says to the pipeline.
type Settings struct {
	Flush          time.Duration
	Adaptive       config.FlushAdaptive
	Grace          time.Duration // negative: wait until everything is delivered
	RetryBase      time.Duration // the shortest wait before a retry
	RetryCap       time.Duration // the longest
	MemoryBudget   int64         // bytes of records in memory; 0 for no limit
	Storage        Storage
	MultilineLimit int64 // bytes of a joined record's text; 0 for no limit
	JSON           event.JSONStyle
	Sink           *logger.Sink
	Level          slog.Level
	TagRecords     config.TagRecords
	// StreamNumbers has aggregates of the stream processor read texts that are numbers as numbers.
	StreamNumbers bool
	// Planned tells whether a plugin is known but not built yet, for the error message.
	Planned func(kind, name string) bool
	// Metrics are those of the whole agent, for plugins that pass them on.
	Metrics func() metric.Set
	// Identity tells what a plugin of that name is, beyond the name: for one from a file, what the file holds.
	Identity func(kind, name string) string
}

// Pipeline is one built configuration.
type Pipeline struct {
	*books
	group
	set        Settings
	log        *slog.Logger
	parsers    map[string]plugin.Parser
	multilines *multiline.Set
	emitter    *input // what filters and outputs emit enters here
	Warnings   []*option.Error
	// BadTasks are faults in the stream processor's tasks. The agent runs without these tasks.
	BadTasks []*option.Error

	routing sync.Map // openKey → []*output
	routed  atomic.Int64
	noRoute sync.Map // openKeys that were warned about

	noRoutes atomic.Int64 // how many
}

// group is a number of instances: all of a pipeline, or those that leave it.
type group struct {
	inputs  []*input
	filters []*step
	outputs []*output
	customs []*custom
}

// books are what is counted across reloads.
type books struct {
	ids       atomic.Uint64
	open      atomic.Int64 // bytes in chunks that still grow
	memory    *memory
	disk      *disk
	roomMu    sync.Mutex
	roomFreed chan struct{}
	lost      losses
	meter     *metric.Registry // what is counted between instances
	series    tagSeries
	saved     amount // for another run
	reread    amount // lost here, but the source still has them
	stop      chan int
	stops     atomic.Bool // the agent stops
}

type custom struct {
	instance
	plugin plugin.Custom
}

// newBooks opens nothing.
func newBooks(set Settings) *books {
	b := &books{stop: make(chan int, 1), meter: metric.NewRegistry("fluentbit", "")}
	log := logger.New(set.Sink, "storage", logger.Options{Level: set.Level})
	b.disk = &disk{log: log, room: b.madeRoom}
	b.memory = &memory{log: log, changed: b.madeRoom, spill: storage.NewSpill(set.Storage.SpillLimit, set.Storage.spillDirs()...)}
	return b
}

// adjust has the books follow the settings of p.
func (p *Pipeline) adjust() {
	p.disk.mu.Lock()
	p.disk.maxUp = p.set.Storage.MaxUp
	p.disk.mu.Unlock()
	m := p.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit, m.maxUp, m.backlog, m.full = p.set.MemoryBudget/2, max(1, p.set.Storage.MaxUp), p.set.Storage.BacklogMemory, p.evict
}

// evict has an output give up its oldest chunk that waits for it alone and is in no file: the output that
// holds most.
func (p *Pipeline) evict() bool {
	outs := slices.Clone(p.outputs)
	slices.SortFunc(outs, func(a, b *output) int { return cmp.Compare(b.counters.Queued.Load(), a.counters.Queued.Load()) })
	for _, o := range outs {
		if o.settings.block {
			continue
		}
		if d := o.remove(func(d *delivery) bool { return d.claimed.Load() && !d.inFile() }); d != nil {
			o.giveUp(d, StorageFull, nil)
			return true
		}
	}
	return false
}

// unblocked lets inputs look again that may have waited for o.
func (p *Pipeline) unblocked(o *output) {
	if o.settings.block {
		p.madeRoom()
	}
}

// amount counts chunks and their records.
type amount struct{ chunks, records atomic.Uint64 }

func (t *amount) count(records uint64) {
	t.chunks.Add(1)
	t.records.Add(records)
}

// routingCap bounds the routing cache: an input that makes a tag per client must not eat the memory.
const routingCap = 10_000

// routes returns the outputs that take this signal under this tag, or by this route of an input.
func (p *Pipeline) routes(key openKey) []*output {
	if r, ok := p.routing.Load(key); ok {
		return r.([]*output)
	}
	var outs []*output
	for _, o := range p.outputs {
		if key.route == nil && o.kinds.Has(key.kind) && o.matcher.match(key.tag) {
			outs = append(outs, o)
		}
	}
	if key.route != nil {
		outs = p.ends(key.route, key.kind)
	}
	if p.routed.Add(1) > routingCap {
		p.routing.Clear()
		p.routed.Store(1)
	}
	p.routing.Store(key, outs)
	return outs
}

// namedTags bounds how many tags without a route are told one by one: there may be one for each client.
const namedTags = 1000

// lose counts records without a route and warns once per tag.
func (p *Pipeline) lose(why Reason, in *input, b *event.Batch) {
	p.lost[why].Add(uint64(b.Len()))
	p.noteDrop(in, "unmatched", b.Kind, b.Len(), len(b.Bytes()))
	key := openKey{tag: b.Tag, kind: b.Kind}
	if p.noRoutes.Load() >= namedTags {
		return
	}
	if _, said := p.noRoute.LoadOrStore(key, true); said {
		return
	}
	if p.noRoutes.Add(1) == namedTags {
		p.log.Warn(fmt.Sprintf("records with %d tags match no output and are dropped; from here on such tags are not named any more, the counter of the reason no_route goes on", namedTags))
	}
	if key.kind == event.Logs {
		p.log.Warn(fmt.Sprintf("records with tag '%s' match no output and are dropped; give an output a match for it", plain(key.tag)))
		return
	}
	p.log.Warn(fmt.Sprintf("%v with tag '%s' match no output that takes %[1]v and are dropped; give one a match for it", key.kind, plain(key.tag)))
}

// room returns a channel that is closed when memory was freed.
func (b *books) room() <-chan struct{} {
	b.roomMu.Lock()
	defer b.roomMu.Unlock()
	if b.roomFreed == nil {
		b.roomFreed = make(chan struct{})
	}
	return b.roomFreed
}

func (b *books) madeRoom() {
	b.roomMu.Lock()
	defer b.roomMu.Unlock()
	if b.roomFreed != nil {
		close(b.roomFreed)
		b.roomFreed = nil
	}
}

// pending counts the deliveries of one output that are not settled.
type pending struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n falls to 0
}

func (c *pending) Add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *pending) Done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

func (c *pending) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// wait returns a channel that is closed once nothing is pending.
func (c *pending) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if c.none == nil {
		c.none = make(chan struct{})
	}
	return c.none
}

// Stop asks the running pipeline to end in an orderly manner with an exit code. Only the first call counts.
func (b *books) Stop(code int) {
	select {
	case b.stop <- code:
	default:
	}
}
