package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/sql"
	"github.com/fluent/fluent-bit-go/agent/internal/stream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// task is the source of an input that no section has made: the results of a stream processor's query. It
// reads what all inputs bring, after the filters.
type task struct {
	*stream.Task
	in    *input
	loops atomic.Uint64 // batches that were its own results
}

// task builds a stream processor's task. One that is faulty is reported and left out: the other records are
// worth more than none.
func (b *builder) task(s config.Section) {
	query, ok := option.Lookup(s.Props, "exec")
	if !ok {
		b.badTask(&option.Error{Pos: s.Pos, Msg: fmt.Sprintf("task '%s' has no query", s.Name), Cure: "add exec with a query such as SELECT * FROM TAG:'app.*';"})
		return
	}
	fault := func(format string, args ...any) *option.Error {
		return &option.Error{Pos: query.Pos, Msg: fmt.Sprintf("task '%s': ", s.Name) + fmt.Sprintf(format, args...)}
	}
	q, err := sql.Parse(query.Text)
	if e := (*sql.Error)(nil); errors.As(err, &e) {
		bad := e.At(query.Pos)
		bad.Msg = fmt.Sprintf("task '%s': %s", s.Name, bad.Msg)
		b.badTask(bad)
		return
	}
	name := q.Name
	if q.Kind == sql.FlushSnapshot {
		name = "__flush_" + name
	}
	if name != "" && b.p.named(name) != nil {
		bad := fault("there is an input or a stream '%s' already", name)
		bad.Cure = "give the stream another name"
		b.badTask(bad)
		return
	}
	if q.FromRef != "" && b.p.named(q.FromRef) == nil && !declares(b.tree.StreamTasks, q.FromRef) {
		bad := fault("there is no input or stream '%s' to read from", q.FromRef)
		var names []string
		for _, in := range b.p.inputs {
			names = append(names, in.shown())
		}
		if bad.Cure = option.Suggest(q.FromRef, names); bad.Cure == "" {
			bad.Cure = "there are " + strings.Join(names, ", ")
		}
		b.badTask(bad)
		return
	}
	if q.Kind == sql.FlushSnapshot && !declares(b.tree.StreamTasks, q.Name) {
		bad := fault("there is no snapshot '%s' to flush", q.Name)
		bad.Cure = fmt.Sprintf("add a task CREATE SNAPSHOT %s AS SELECT * …", q.Name)
		b.badTask(bad)
		return
	}
	if q.With["storage.type"] == "filesystem" && b.set.Storage.Path == "" {
		bad := fault("storage.type='filesystem' needs a folder for the chunks")
		bad.Cure = "set storage.path in the service section"
		b.badTask(bad)
		return
	}
	b.p.inputs = append(b.p.inputs, b.taskInput(s, q, name))
}

func (b *builder) badTask(e *option.Error) { b.p.BadTasks = append(b.p.BadTasks, e) }

// taskInput makes the input that brings a task's results.
func (b *builder) taskInput(s config.Section, q *sql.Query, name string) *input {
	in := &input{open: map[openKey]*filling{}}
	in.home.Store(b.p)
	in.instance = instance{name: b.number("input", "stream_processor"), alias: name, pos: s.Pos,
		print: fmt.Sprintf("stream %v %s", b.set.StreamNumbers, config.Fingerprint(s))}
	in.settings.routable = q.Kind != sql.Select
	if r, ok := q.With["routable"]; ok {
		in.settings.routable, _ = option.ParseBool(r) // Parse has checked it
	}
	// Records of an input with file storage should not lose that on their way through a query.
	switch q.With["storage.type"] {
	case "memrb":
		in.storage = memrb
	case "", "filesystem":
		if b.set.Storage.Path != "" {
			in.storage = filesystem
		}
	}
	in.tag = q.With["tag"]
	if in.tag == "" {
		in.tag = in.shown()
	}
	in.log = b.logger("input:stream_processor:"+in.shown(), &in.settings.common, nil)
	in.task = &task{Task: stream.New(q, in.tag, b.set.StreamNumbers, in.log), in: in}
	in.plugin = in.task
	b.p.log.Info("registered task: "+s.Name, logger.Component, "sp")
	return in
}

// named finds an input by its alias or name.
func (p *Pipeline) named(name string) *input {
	i := slices.IndexFunc(p.inputs, func(in *input) bool {
		return strings.EqualFold(in.alias, name) || strings.EqualFold(in.name, name)
	})
	if i < 0 {
		return nil
	}
	return p.inputs[i]
}

// declares reports whether one of the tasks makes a stream of that name.
func declares(tasks []config.Section, name string) bool {
	return slices.ContainsFunc(tasks, func(s config.Section) bool {
		query, _ := option.Lookup(s.Props, "exec")
		q, err := sql.Parse(query.Text)
		return err == nil && q.Kind != sql.FlushSnapshot && strings.EqualFold(q.Name, name)
	})
}

// Run implements [plugin.Input]: it brings the results of windows when they end.
func (t *task) Run(ctx context.Context, to plugin.Emitter) error {
	var failed error
	t.Task.Run(ctx, func(b *event.Batch) {
		if t.prints() {
			t.print(b)
		} else if err := to.Emit(ctx, b); err != nil {
			failed = err
		}
	})
	return failed
}

// prints reports whether the query makes no stream: its results go to standard output.
func (t *task) prints() bool { return t.Query.Kind == sql.Select }

func (t *task) print(b *event.Batch) {
	var dst []byte
	n := 0
	for r := range b.Records() {
		dst = append(format.AppendSeconds(fmt.Appendf(dst, "[%d] [[", n), r.Time(), 9), ", "...)
		dst = append(format.AppendText(dst, r.Meta()), "], "...)
		dst = append(format.AppendText(dst, r.Body()), "]\n"...)
		n++
	}
	if _, err := os.Stdout.Write(dst); err != nil {
		t.in.log.Error(fmt.Sprintf("print %d results: %v", n, err))
	}
	b.Settle(event.Delivered)
	b.Release()
}

// reads reports whether the task takes batches of the tag that in has brought.
func (t *task) reads(ctx context.Context, in *input, tag string) bool {
	if t.Query.FromTag != "" {
		return wildcard(t.Query.FromTag, tag)
	}
	from := t.Query.FromRef
	return !retagged(ctx) && (strings.EqualFold(from, in.alias) || strings.EqualFold(from, in.name))
}

// passed are the inputs whose batches a batch was made of, the latest first.
type passed struct {
	in     *input
	before *passed
}

type passedKey struct{}

func (p *passed) has(in *input) bool {
	for ; p != nil; p = p.before {
		if p.in == in {
			return true
		}
	}
	return false
}

// feed shows b, which has passed the filters, to the stream processor's tasks. What they make of it at once
// enters the pipeline as a batch of their own input, and b's settlement waits for it; windows end later, and
// nothing waits for these.
func (in *input) feed(ctx context.Context, b *event.Batch) {
	if b.Kind != event.Logs || b.Len() == 0 {
		return
	}
	for _, to := range in.pipe().inputs {
		if to.task == nil || !to.task.reads(ctx, in, b.Tag) {
			continue
		}
		before, _ := ctx.Value(passedKey{}).(*passed)
		way := &passed{in, before}
		if way.has(to) {
			if n := to.task.loops.Add(1); n&(n-1) == 0 {
				to.log.Error(fmt.Sprintf("the query reads its own results, tagged '%s'; it does not read them again (batches so far: %d). Give the stream another tag, or name the input: FROM STREAM:name", plain(b.Tag), n))
			}
			continue
		}
		next := context.WithValue(ctx, passedKey{}, way)
		next = context.WithValue(context.WithValue(next, lapKey{}, 0), retaggedKey{}, nil) // it begins anew
		to.advance(next, b)
	}
}

// advance runs a task on b and sends the results on their way.
func (in *input) advance(ctx context.Context, b *event.Batch) {
	out := b.Derive(in.tag)
	err := guard(func() error { in.task.Take(b, out, in.snapshot); return nil })
	if err != nil {
		in.log.Error(fmt.Sprintf("the query failed on %d records with tag '%s': %v", b.Len(), plain(b.Tag), err))
	}
	switch {
	case out.Len() == 0:
		out.Settle(event.Filtered)
		out.Release()
	case in.task.prints():
		in.task.print(out)
	default:
		in.turn.RLock()
		defer in.turn.RUnlock()
		in.counters.Records.Add(uint64(out.Len()))
		in.counters.Bytes.Add(uint64(len(out.Bytes())))
		in.process(ctx, out, 0)
	}
}

// snapshot finds the task that keeps a snapshot.
func (in *input) snapshot(name string) *stream.Task {
	for _, other := range in.pipe().inputs {
		if t := other.task; t != nil && t.Query.Kind == sql.CreateSnapshot && strings.EqualFold(t.Query.Name, name) {
			return t.Task
		}
	}
	return nil // its task was faulty
}
