package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const (
	collectInterval = time.Second
	pauseAfter      = time.Second // an Emit that blocks for so long pauses the plugin
)

// InputSpec shows the file as an input. Its options take every key.
func (m *Module) InputSpec() plugin.Spec[plugin.Input] {
	return plugin.Spec[plugin.Input]{
		Name:    m.info.Name,
		Summary: m.info.Description,
		Kinds:   m.info.Kinds(),
		Retags:  m.info.Typed != nil && m.info.Typed.Retags,
		Rereads: m.info.Typed != nil && m.info.Typed.Rereads,
		Config:  func() plugin.Config[plugin.Input] { return &inputConfig{m: m} },
	}
}

type inputConfig struct {
	m   *Module
	set settings
}

func (c *inputConfig) Options() []option.Option { return c.set.options(c.m.info) }

func (c *inputConfig) New(env plugin.Env) (plugin.Input, error) {
	i, err := c.m.newInstance(env, c.set)
	if err != nil {
		return nil, err
	}
	if c.m.info.Typed != nil {
		return newTypedInput(i), nil
	}
	return &input{instance: i, interval: collectInterval, pauseAfter: pauseAfter}, nil
}

// input is an instance that gives records.
type input struct {
	*instance
	interval   time.Duration
	pauseAfter time.Duration
	failing    int // collects in a row that failed
}

// Start calls FLBPluginInit.
func (n *input) Start(ctx context.Context) error { return n.m.start(ctx, n.instance) }

// Close calls the plugin's PreExit and Exit.
func (n *input) Close() error { return n.m.end(n.instance) }

// Run asks the plugin for records every second, or as soon as it returns when it takes longer. The plugin
// may block for as long as it likes.
func (n *input) Run(ctx context.Context, to plugin.Emitter) error {
	if err := n.preRun(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	err := plugin.Every(ctx, n.interval, func() error { return n.collect(ctx, to) })
	if errors.Is(err, errClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

func (n *input) collect(ctx context.Context, to plugin.Emitter) error {
	k, err := n.m.linkOf(ctx, n.instance)
	if err != nil {
		return err
	}
	l, err := k.pool.get(ctx)
	if err != nil {
		return ctx.Err() // nil when the worker ended: the next one is asked
	}
	f := flight{instance: n.env.Name, tag: n.env.Tag}
	k.p.depart(f)
	data, err := n.fetch(ctx, l)
	k.p.arrive(f)
	if s := (*stoppedError)(nil); errors.As(err, &s) {
		go k.pool.abandon(l)
		return err
	}
	k.pool.put(l)
	if err != nil {
		if k.p.alive() {
			n.fail(err)
		}
		return nil
	}
	if len(data) == 0 {
		return nil
	}
	return n.emit(ctx, to, data)
}

// fetch runs the plugin's callback and returns a copy of its data.
func (n *input) fetch(ctx context.Context, l *lane) ([]byte, error) {
	f, err := l.call(ctx, wire.Frame{Op: wire.OpCollect, Inst: n.id}, "", patience{})
	if err != nil {
		return nil, err
	}
	if f.Flags&wire.FlagHeld != 0 {
		if f, err = l.fetch(ctx, n.id, f.Len); err != nil {
			return nil, err
		}
	}
	if f.Len == 0 && f.RC < 0 {
		return nil, fmt.Errorf("the plugin's collect callback returned %d", f.RC)
	}
	if f.RC < 0 {
		return nil, fmt.Errorf("the plugin's collect callback returned %d; its %d bytes of data are left out", f.RC, f.Len)
	}
	if n.failing > 1 {
		n.env.Log.Info(fmt.Sprintf("the plugin collects again after %d failures", n.failing))
	}
	n.failing = 0
	return bytes.Clone(l.region[:f.Len]), nil
}

// fail logs the first of several failures in a row.
func (n *input) fail(err error) {
	if n.failing++; n.failing == 1 {
		n.env.Log.Error(err.Error())
	}
}

// emit brings data to the pipeline, and has the plugin pause while the pipeline does not take it.
func (n *input) emit(ctx context.Context, to plugin.Emitter, data []byte) error {
	b, err := n.batch(data)
	if err != nil {
		n.env.Log.Error("the plugin gave what are no records: " + err.Error())
	}
	if b.Len() == 0 {
		return nil
	}
	paused := make(chan struct{})
	t := time.AfterFunc(n.pauseAfter, func() {
		defer close(paused)
		n.tell(ctx, wire.OpPause)
	})
	err = to.Emit(ctx, b)
	if !t.Stop() {
		<-paused
		n.tell(ctx, wire.OpResume)
	}
	if err != nil && ctx.Err() == nil {
		n.env.Log.Error("records were not taken: " + err.Error())
	}
	return ctx.Err()
}

func (n *input) batch(data []byte) (*event.Batch, error) {
	if k := n.m.info.Kinds(); k != event.Logs {
		return event.Payload(n.env.Tag, k, data), nil
	}
	return event.Parse(n.env.Tag, data)
}

// tell calls the plugin's pause or resume function.
func (n *input) tell(ctx context.Context, op wire.Op) {
	n.m.mu.Lock()
	k := n.link
	n.m.mu.Unlock()
	if k == nil || !k.p.alive() {
		return // a new worker is not paused
	}
	ctx = context.WithoutCancel(ctx) // its end must not cost the worker
	if _, _, err := k.p.call(ctx, wire.Frame{Op: op, Inst: n.id}, "", controlTimeout); err != nil {
		n.env.Log.Warn(err.Error())
	}
}

// abandon closes a lane whose plugin function may never return. The thread behind it ends when it does.
func (q *pool) abandon(l *lane) { l.close() }
