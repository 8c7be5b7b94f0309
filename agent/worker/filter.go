package worker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// FilterSpec shows the file, which must hold a typed plugin, as a filter.
func (m *Module) FilterSpec() plugin.Spec[plugin.Filter] {
	return plugin.Spec[plugin.Filter]{
		Name:    m.info.Name,
		Summary: m.info.Description,
		Kinds:   m.info.Kinds(),
		Retags:  m.info.Typed.Retags,
		Config:  func() plugin.Config[plugin.Filter] { return &filterConfig{m: m} },
	}
}

type filterConfig struct {
	m         *Module
	set       settings
	onFailure onFailure
}

// onFailure is what happens to a batch that the plugin cannot take.
type onFailure string

const (
	passOn onFailure = "pass"
	drop   onFailure = "drop"
)

func (c *filterConfig) Options() []option.Option {
	return append(c.set.options(c.m.info),
		option.Enum("plugin.on_failure", &c.onFailure, passOn, drop).Default(string(passOn)).
			Help("What becomes of records when the plugin panics, or its worker has ended twice over them: pass lets them through as they are, drop removes them, which is for filters that must not be passed by."))
}

func (c *filterConfig) New(env plugin.Env) (plugin.Filter, error) {
	i, err := c.m.newInstance(env, c.set)
	if err != nil {
		return nil, err
	}
	return &filter{instance: i, onFailure: c.onFailure}, nil
}

// filter is an instance that edits batches. A batch whose worker ends is tried again in the next one.
type filter struct {
	*instance
	onFailure onFailure
}

// Start starts the plugin.
func (f *filter) Start(ctx context.Context) error { return f.m.start(ctx, f.instance) }

// Close ends it.
func (f *filter) Close() error { return f.m.end(f.instance) }

// attempts is how many workers a batch may see.
const attempts = 2

// lastFilter is how long the plugin may work on a batch when ctx has ended: the input that brings it stops, and
// its last records are not to pass unfiltered for that.
const lastFilter = 2 * time.Second

// Filter has the plugin edit the batch, or the part of it that a condition shows.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	if !b.Narrowed() || b.Kind != event.Logs {
		return f.whole(ctx, b)
	}
	part := event.New(b.Tag)
	defer part.Release()
	for r := range b.Records() {
		part.Append(r.Time(), r.Meta(), r.Body())
	}
	shown := part.Len()
	if shown == 0 {
		return nil
	}
	err := f.whole(ctx, part)
	b.Tag = part.Tag
	replace(b, shown, part)
	return err
}

// replace puts the records of part into the places of the first n that b shows. What has no place of its own goes
// behind the last.
func replace(b *event.Batch, n int, part *event.Batch) {
	next, stop := iter.Pull(part.Records())
	defer stop()
	for e := range b.Edit() {
		r, ok := next()
		if !ok {
			e.Drop()
		} else {
			e.SetTime(r.Time())
			e.SetMeta(r.Meta())
			e.SetBody(r.Body())
		}
		if n--; n > 0 {
			continue
		}
		for r, ok = next(); ok; r, ok = next() {
			e.Insert(r.Time(), r.Meta(), r.Body())
		}
		return
	}
}

// whole has the plugin edit all records.
func (f *filter) whole(ctx context.Context, b *event.Batch) error {
	ctx, cancel := outlast(ctx, lastFilter)
	defer cancel()
	var err error
	for range attempts {
		err = f.try(ctx, b)
		if end := (*endError)(nil); !errors.As(err, &end) || ctx.Err() != nil {
			break
		}
	}
	if own := (*ownError)(nil); err == nil || errors.As(err, &own) {
		return err
	}
	if f.onFailure == drop {
		n := b.Len()
		for r := range b.Edit() {
			r.Drop()
		}
		return fmt.Errorf("%d records are dropped (plugin.on_failure): %w", n, err)
	}
	return fmt.Errorf("%d records pass unfiltered (plugin.on_failure): %w", b.Len(), err)
}

// outlast returns a context that ends when ctx has ended for a while.
func outlast(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(while, cancel) })
	return longer, func() { stop(); cancel() }
}

// ownError is what the plugin returned: the batch is as it left it.
type ownError struct{ error }

func (f *filter) try(ctx context.Context, b *event.Batch) error {
	k, err := f.m.linkOf(ctx, f.instance)
	if err != nil {
		return err
	}
	l, err := k.pool.get(ctx)
	if err != nil {
		return err
	}
	in := flight{instance: f.env.Name, tag: b.Tag}
	k.p.depart(in)
	err = f.send(ctx, l, b)
	k.p.arrive(in)
	if s := (*stoppedError)(nil); errors.As(err, &s) {
		go k.pool.abandon(l)
		return err
	}
	if h := (*hangError)(nil); errors.As(err, &h) {
		k.p.kill(h.Error())
		err = k.p.failure()
	}
	k.pool.put(l)
	return err
}

// send does one round on a lane.
func (f *filter) send(ctx context.Context, l *lane, b *event.Batch) error {
	data := b.Bytes()
	if err := l.reserve(len(data) + b.Len()*growth); err != nil {
		return err
	}
	req := wire.Frame{Op: wire.OpFilter, Inst: f.id, Flags: uint32(b.Kind), Len: uint64(copy(l.region, data))}
	if b.Kind == event.Logs {
		req.RC = l.putIndex(b.AppendIndex, len(data))
	}
	reply, err := l.call(ctx, req, b.Tag, patience{limit: f.set.flushTimeout})
	if err != nil {
		return err
	}
	words, rc := string(l.answer), reply.RC
	if reply.Flags&wire.FlagHeld != 0 {
		if reply, err = l.fetch(ctx, f.id, reply.Len); err != nil {
			return err
		}
	}
	if err := b.Load(l.region[:reply.Len]); err != nil {
		return fmt.Errorf("the plugin gave back what are no records: %w", err)
	}
	switch rc {
	case abi.OK:
		if words != "" {
			b.Tag = words
		}
		return nil
	case wire.RCPanic:
		return errors.New(words)
	}
	return &ownError{errors.New(words)}
}
