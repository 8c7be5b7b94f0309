// Package stream runs queries of the stream processor: a [Task] takes batches of records and makes new ones
// out of them, at once or when a window ends. Where batches come from and go to is the pipeline's affair.
package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/sql"
	"github.com/fluent/fluent-bit-go/event"
)

// Task is one query at work.
type Task struct {
	Query *sql.Query

	tag     string // of what windows emit
	numbers bool
	log     *slog.Logger

	mu       sync.Mutex
	row      *sql.Row
	taken    int // records that passed a query with LIMIT
	body     []byte
	open     *sql.Groups   // what came since the window's last step
	panes    []*sql.Groups // the steps before, of a hopping window; oldest first
	fresh    int           // records that no result has shown yet
	crowded  bool          // too many groups were warned about
	snapshot snapshot
}

// New returns a task whose windows emit batches with the tag. numbers has aggregates read texts that are
// numbers as such.
func New(q *sql.Query, tag string, numbers bool, log *slog.Logger) *Task {
	t := &Task{Query: q, tag: tag, numbers: numbers, log: log, row: sql.NewRow(q)}
	t.open = sql.NewGroups(q, numbers)
	t.snapshot.limit(q)
	return t
}

// waits reports whether results come at the end of windows.
func (t *Task) waits() bool { return t.Query.Window.Size > 0 && t.Query.Aggregates() }

// Take reads the records of b, and appends to out what can be said at once. snapshots finds the task of a
// snapshot by name. Calls may come from several goroutines.
func (t *Task) Take(b, out *event.Batch, snapshots func(name string) *Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.Query.Kind == sql.CreateSnapshot:
		t.snapshot.take(b, t.log)
	case t.Query.Kind == sql.FlushSnapshot:
		t.release(b, out, snapshots)
	case !t.Query.Aggregates():
		t.choose(b, out)
	default:
		t.count(b)
		if !t.waits() {
			t.emit(t.open, out)
			t.open = sql.NewGroups(t.Query, t.numbers)
		}
	}
}

func (t *Task) choose(b, out *event.Batch) {
	now := time.Now()
	for r := range b.Records() {
		if !t.row.Read(b.Tag, r.Time(), r.Body()) {
			continue
		}
		body, ok := t.row.AppendResult(t.body[:0], now)
		if t.body = body; !ok {
			continue
		}
		if t.taken++; t.Query.Limit > 0 && t.taken > t.Query.Limit {
			return
		}
		out.Append(r.Time(), r.Meta(), body)
	}
}

func (t *Task) count(b *event.Batch) {
	before := t.open.Len()
	for r := range b.Records() {
		if t.row.Read(b.Tag, r.Time(), r.Body()) {
			t.open.Add(t.row)
		}
	}
	t.fresh += t.open.Len() - before
	if t.open.Overflow() > 0 && !t.crowded {
		t.crowded = true
		t.log.Warn("GROUP BY has more groups than fit into memory; records of further groups are not counted. Group by a key with fewer values, or make the window smaller")
	}
}

// release lets the snapshot go when a record meets the condition.
func (t *Task) release(b, out *event.Batch, snapshots func(string) *Task) {
	for r := range b.Records() {
		if !t.row.Read(b.Tag, r.Time(), r.Body()) {
			continue
		}
		if s := snapshots(t.Query.Name); s != nil {
			s.mu.Lock()
			s.snapshot.flush(out)
			s.mu.Unlock()
		}
		return // it is empty now
	}
}

func (t *Task) emit(g *sql.Groups, out *event.Batch) {
	now := time.Now()
	g.Results(now, func(body event.Value) { out.Append(event.At(now), nil, body) })
}

// Run hands the result of each window that ends to emit. When ctx ends, a last window that holds records
// which no result has shown ends too.
func (t *Task) Run(ctx context.Context, emit func(*event.Batch)) {
	if !t.waits() {
		<-ctx.Done()
		return
	}
	w := t.Query.Window
	pane := w.Pane()
	tick := time.NewTicker(pane)
	defer tick.Stop()
	for elapsed := pane; ; elapsed += pane {
		select {
		case <-tick.C:
			due := elapsed >= w.Size && (w.Advance == 0 || (elapsed-w.Size)%w.Advance == 0)
			t.step(due, emit)
		case <-ctx.Done():
			t.mu.Lock()
			due := t.fresh > 0
			t.mu.Unlock()
			t.step(due, emit)
			return
		}
	}
}

// step ends a pane, and the window when it is due.
func (t *Task) step(due bool, emit func(*event.Batch)) {
	t.mu.Lock()
	out := event.New(t.tag)
	g := t.open
	t.open, t.crowded = sql.NewGroups(t.Query, t.numbers), false
	if t.Query.Window.Advance > 0 {
		t.panes = append(t.panes, g)
		if n := int(t.Query.Window.Size / t.Query.Window.Pane()); len(t.panes) > n {
			t.panes = t.panes[len(t.panes)-n:]
		}
		held := 0
		for _, p := range t.panes {
			held += p.Size()
		}
		t.open.Leave(held)
		if due {
			g = sql.NewGroups(t.Query, t.numbers)
			for _, p := range t.panes {
				g.Merge(p)
			}
		}
	}
	if due {
		t.emit(g, out)
		t.fresh = 0
	}
	t.mu.Unlock()
	if out.Len() > 0 {
		emit(out)
	}
}
