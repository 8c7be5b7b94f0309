// Package forward is the input forward: records from Fluentd and Fluent Bit, over TCP, TLS or a unix socket.
//
// A client that asks for an acknowledgement gets it when its records are settled: stored in files, or, with
// memory storage, delivered by every output.
package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input forward.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "forward",
	Summary: "Records from Fluentd and Fluent Bit",
	Kinds:   event.Logs | event.Metrics | event.Traces,
	Retags:  true,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type input struct {
	config
	env    plugin.Env
	tagged bool // the configured tag replaces those of messages
	l      *listen.Listener
	bad    burst.Log // messages with records that are none

	malformed *metric.Counter
	large     sync.Pool // *[]byte: buffers for messages beyond the first read

	mu   sync.Mutex
	open map[*conn]bool // connections that still owe acknowledgements, or may come to
	acks sync.WaitGroup
}

func (in *input) Start(context.Context) (err error) {
	in.l, err = in.where.Open(in.env.Log)
	return err
}

// Replays implements [plugin.Replayer]: a client that asks for acknowledgements sends again what got none.
func (in *input) Replays() bool { return true }

// Close ends the connections on which acknowledgements were still owed. The agent calls it after the last
// batch was settled or given up.
func (in *input) Close() error {
	if in.l != nil {
		in.l.Close()
	}
	in.mu.Lock()
	for c := range in.open {
		c.abandon()
	}
	in.mu.Unlock()
	in.acks.Wait()
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return in.l.Serve(ctx, func(ctx context.Context, raw net.Conn) listen.After {
		if err := in.admit(raw); err != nil {
			if ctx.Err() == nil {
				in.l.Refuse(raw, err)
			}
			return listen.Close
		}
		c := in.enter(raw)
		err := c.read(ctx, to)
		if ctx.Err() != nil {
			c.finish() // the client waits for what it has sent
			return listen.Keep
		}
		if err != nil {
			in.l.Refuse(raw, err)
		}
		c.abandon()
		return listen.Keep
	})
}

// admit shakes hands with a client, if that is asked for.
func (in *input) admit(c net.Conn) error {
	if !in.secure() {
		return nil
	}
	if t := in.where.AcceptTimeout; t > 0 {
		_ = c.SetDeadline(time.Now().Add(t))
		defer func() { _ = c.SetDeadline(time.Time{}) }()
	}
	var password func(string) (string, bool)
	if len(in.users) > 0 {
		password = func(user string) (string, bool) { p, ok := in.users[user]; return p, ok }
	}
	if err := in.keys.Accept(c, password); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return nil
}

// tag is the tag that a message's records get.
func (in *input) tag(own string) string {
	switch {
	case in.prefix != "":
		return in.prefix + own
	case in.tagged:
		return in.env.Tag
	}
	return own
}

// firstRead is enough for most messages; the buffer grows with what comes.
const firstRead = 32 << 10

// read takes messages until the connection ends. While the input is paused nothing is read, so the client
// waits as well.
func (c *conn) read(ctx context.Context, to plugin.Emitter) error {
	limit := int(c.in.maxSize)
	scan := event.Scanner{Limit: limit}
	first := make([]byte, 0, min(firstRead, limit))
	buf := first
	for {
		used := 0
		for used < len(buf) {
			size, err := scan.Next(buf[used:])
			if err != nil {
				return c.explain(err)
			}
			if size == 0 {
				break
			}
			if err := c.take(ctx, to, buf[used:used+size]); err != nil {
				return err
			}
			used += size
		}
		buf = c.in.room(buf, buf[used:], first)
		n, err := c.raw.Read(buf[len(buf):min(cap(buf), len(buf)+int(c.in.chunkSize))])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF) && len(buf) == 0:
			return nil
		case err != nil && n == 0:
			return fmt.Errorf("in the middle of a message: %w", err)
		}
	}
}

// room returns a buffer that begins with rest, which lies in buf, and has room behind it. Between large messages a
// connection has its first buffer only: the larger ones are for all, since most clients wait most of the time.
func (in *input) room(buf, rest, first []byte) []byte {
	switch {
	case len(rest) < cap(first) && cap(buf) > cap(first):
		first = append(first[:0], rest...)
		in.large.Put(&buf)
		return first
	case len(rest) < cap(buf): // fast path
		return buf[:copy(buf, rest)]
	}
	if p, ok := in.large.Get().(*[]byte); ok && cap(*p) > len(rest) {
		return append((*p)[:0], rest...)
	}
	return append(make([]byte, 0, min(2*cap(buf), len(rest)+int(in.chunkSize))), rest...)
}

func (c *conn) explain(err error) error {
	return fmt.Errorf("%w (buffer_max_size is %d bytes)", err, c.in.maxSize)
}

// take brings one message to the pipeline.
func (c *conn) take(ctx context.Context, to plugin.Emitter, raw []byte) error {
	frame, _, err := event.CheckValue(raw)
	if err != nil {
		return err
	}
	m, err := forward.Decode(frame, c.in.maxSize)
	if err != nil {
		return err
	}
	m.Tag = c.in.tag(m.Tag)
	b, err := m.Batch()
	if bad := (*event.BadRecords)(nil); errors.As(err, &bad) {
		c.in.malformed.Add(uint64(bad.Count))
		c.in.bad.Warn(c.in.env.Log, fmt.Sprintf("left out of a message: %s: %v", c.raw.RemoteAddr(), bad))
	} else if err != nil {
		return err
	}
	if m.Chunk != nil {
		c.owe(b, string(m.Chunk))
	}
	return to.Emit(ctx, b)
}
