package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// OutputSpec shows the file as an output. Its options take every key.
func (m *Module) OutputSpec() plugin.Spec[plugin.Output] {
	return plugin.Spec[plugin.Output]{
		Name:    m.info.Name,
		Summary: m.info.Description,
		Kinds:   m.info.Kinds(),
		Workers: m.workers(),
		Config:  func() plugin.Config[plugin.Output] { return &outputConfig{m: m} },
	}
}

type outputConfig struct {
	m   *Module
	set settings
}

func (c *outputConfig) Options() []option.Option { return c.set.options(c.m.info) }

func (c *outputConfig) New(env plugin.Env) (plugin.Output, error) {
	i, err := c.m.newInstance(env, c.set)
	if err != nil {
		return nil, err
	}
	format := c.set.format
	if format == Auto || format == "" {
		format = c.m.info.EventFormat
	}
	return &output{instance: i, v1: format == V1, raw: c.set.format == V2 || c.m.info.Typed != nil}, nil
}

// output is an instance that takes chunks.
type output struct {
	*instance
	v1  bool // records as [time, body]
	raw bool // the chunk's bytes as they are, group markers included
}

// Start calls FLBPluginInit.
func (o *output) Start(ctx context.Context) error { return o.m.start(ctx, o.instance) }

// Background calls FLBPluginOutputPreRun.
func (o *output) Background(ctx context.Context) error { return o.preRun(ctx) }

// Close calls the plugin's PreExit and Exit.
func (o *output) Close() error { return o.m.end(o.instance) }

// preRun calls the plugin's PreRun, once for all callers. In later workers it follows Init by itself.
func (i *instance) preRun(ctx context.Context) (err error) {
	i.run.Do(func() {
		l, lost := i.m.linkOf(ctx, i)
		i.m.mu.Lock()
		i.ran = true
		i.m.mu.Unlock()
		if lost == nil {
			err = i.m.preRun(ctx, l.p, i)
		}
	})
	if end := (*endError)(nil); errors.As(err, &end) {
		return nil // the next worker does it
	}
	return err
}

// Flush hands a chunk to the plugin.
func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	if err := o.preRun(ctx); err != nil {
		o.env.Log.Error(err.Error())
	}
	alone := o.m.suspects.has(c.ID)
	if err := o.m.gate.enter(ctx, alone); err != nil {
		return err
	}
	defer o.m.gate.leave()
	q, l, err := o.lane(ctx)
	if err != nil {
		return err
	}
	f := flight{o.env.Name, c.Tag, c.ID}
	q.p.depart(f)
	rc, words, err := o.send(ctx, q, l, c)
	q.p.arrive(f)
	if err != nil {
		return o.failed(q.p, c, alone, err)
	}
	o.m.suspects.cleared(c.ID, rc == abi.OK)
	if o.m.info.Typed != nil {
		return verdict(rc, words)
	}
	switch rc {
	case abi.OK:
		return nil
	case abi.Retry:
		return errRetry
	}
	return plugin.Drop(fmt.Errorf("the plugin returned %s for the chunk", codeName(rc)))
}

var errRetry = errors.New("the plugin asks to try the chunk again (FLB_RETRY)")

func codeName(rc int32) string {
	if rc == abi.Error {
		return "FLB_ERROR"
	}
	return fmt.Sprintf("%d, which counts as FLB_ERROR,", rc)
}

// lane waits for a lane in a living worker.
func (o *output) lane(ctx context.Context) (*pool, *lane, error) {
	for {
		k, err := o.m.linkOf(ctx, o.instance)
		if err != nil {
			return nil, nil, err
		}
		l, err := k.pool.get(ctx)
		if err == nil {
			return k.pool, l, nil
		}
		if ctx.Err() != nil {
			return nil, nil, err
		}
	}
}

// send does one flush on a lane and gives the lane back.
func (o *output) send(ctx context.Context, q *pool, l *lane, c *event.Chunk) (rc int32, words []byte, _ error) {
	if err := l.reserve(len(c.Bytes()) + c.Len()*growth); err != nil {
		q.put(l)
		return 0, nil, err
	}
	f := wire.Frame{Op: wire.OpFlush, Inst: o.id, Flags: uint32(c.Kind), Off: c.ID, Len: uint64(o.encode(l.region, c))}
	if o.m.info.Typed != nil && c.Kind == event.Logs {
		f.RC = l.putIndex(c.AppendIndex, int(f.Len))
	}
	f, err := l.call(ctx, f, c.Tag, o.patience(c))
	if s := (*stoppedError)(nil); errors.As(err, &s) {
		go q.await(l, f, o.set.flushTimeout)
		return 0, nil, err
	}
	if h := (*hangError)(nil); errors.As(err, &h) {
		q.p.convict(c.ID, h.Error())
		err = q.p.failure()
	}
	if err == nil {
		words = bytes.Clone(l.answer)
	}
	q.put(l)
	return f.RC, words, err
}

func (o *output) patience(c *event.Chunk) patience {
	return patience{limit: o.set.flushTimeout, warn: slowFlush, slow: func() {
		o.env.Log.Warn(fmt.Sprintf("a flush takes longer than %v; the worker is started anew after plugin.flush_timeout, %v", slowFlush, o.set.flushTimeout), "tag", c.Tag)
	}}
}

// await takes the answer that nobody waits for any more, so that the lane can be used again.
func (q *pool) await(l *lane, f wire.Frame, limit time.Duration) {
	if _, err := l.receive(context.Background(), f, patience{limit: limit}); err != nil {
		q.p.kill(err.Error())
	}
	q.put(l)
}

// failed turns the end of a worker into what the pipeline should do with the chunk.
func (o *output) failed(p *process, c *event.Chunk, alone bool, err error) error {
	end := (*endError)(nil)
	if !errors.As(err, &end) {
		if errors.Is(err, wire.ErrTooLong) {
			return plugin.Drop(fmt.Errorf("a tag of %d bytes is too long for a Go plugin", len(c.Tag)))
		}
		return err
	}
	err = fmt.Errorf("plugin '%s' has not delivered the chunk: %w", o.m.info.Name, err)
	if p.culprit != 0 && p.culprit != c.ID {
		return err
	}
	if o.m.suspects.crashed(c.ID, alone) {
		return plugin.Poison(err)
	}
	return err
}

// growth is by how much a record can become longer, in bytes: an EventTime for a fixint.
const growth = 9

// marker begins the time of an OTLP group's border: an EventTime before 1970.
var marker = []byte{0xd7, 0x00, 0xff, 0xff, 0xff}

// encode writes the chunk's records into dst as the plugin wants them and returns their length. Borders of
// OTLP groups are left out: to a Go plugin they would be records of the year 2106.
func (o *output) encode(dst []byte, c *event.Chunk) int {
	data := c.Bytes()
	if c.Kind != event.Logs || !o.v1 && (o.raw || !bytes.Contains(data, marker)) {
		return copy(dst, data) // fast path
	}
	out := dst[:0]
	for r := range c.Records() {
		if !o.v1 {
			out = append(out, r.Raw()...)
			continue
		}
		out = event.AppendTime(event.AppendArray(out, 2), r.Time())
		out = append(out, r.Body()...)
	}
	if len(out) > len(dst) {
		panic("BUG: records outgrew their region")
	}
	return len(out)
}
