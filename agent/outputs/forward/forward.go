// Package forward is the output forward: records to Fluentd or Fluent Bit, over TCP, TLS or a unix socket.
//
// With require_ack_response a chunk counts as delivered when the server has acknowledged it; without, when it
// was written.
package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output forward.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "forward",
	Summary: "Send records to Fluentd or Fluent Bit",
	Kinds:   event.Logs | event.Metrics | event.Traces,
	Workers: 2,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

// server is one that chunks may go to.
type server struct {
	where *upstream.Settings
	proto protocol
}

type output struct {
	env      plugin.Env
	servers  []server
	patience time.Duration // for a handshake
	group    upstream.Group[*protocol]
}

func (o *output) Start(context.Context) error {
	for i := range o.servers {
		s := &o.servers[i]
		if err := o.group.Add(s.where, &s.proto, o.env.Log); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) Close() error {
	o.group.Close()
	return nil
}

// Flush sends the chunk to the server whose turn it is, or to the next one that can be reached. Once a server
// has got anything, the chunk is its affair: another attempt is one for the agent to make.
func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	if _, ok := forward.Signal(c.Kind); !ok {
		return plugin.Drop(fmt.Errorf("the protocol knows no %s", c.Kind))
	}
	var failed []error
	for _, m := range o.group.Turn() {
		conn, err := o.reach(ctx, m)
		if err != nil {
			failed = append(failed, err)
			if ctx.Err() != nil {
				break
			}
			o.env.Log.Debug(fmt.Sprintf("%v; trying the next server", err))
			continue
		}
		if err := m.Data.send(conn, c); err != nil {
			conn.Close()
			return fmt.Errorf("%s: %w", m, err)
		}
		conn.Release()
		return nil
	}
	return errors.Join(failed...)
}

// reach returns a connection on which hands were shaken.
func (o *output) reach(ctx context.Context, m upstream.Member[*protocol]) (*upstream.Conn, error) {
	conn, err := m.Get(ctx)
	if err != nil || conn.Data != nil {
		return conn, err
	}
	conn.Data = bufio.NewReaderSize(conn, 512)
	if !m.Data.secure() {
		return conn, nil
	}
	if t := o.patience; t > 0 {
		_ = conn.SetDeadline(time.Now().Add(t))
	}
	if err := m.Data.keys.Connect(shaken{conn.Data.(*bufio.Reader), conn}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("handshake with %s: %w", m, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, nil
}

// shaken reads through a buffer and writes without one.
type shaken struct {
	*bufio.Reader
	conn *upstream.Conn
}

func (s shaken) Write(p []byte) (int, error) { return s.conn.Write(p) }

// send writes a chunk and waits for what should be acknowledged.
func (p *protocol) send(conn *upstream.Conn, c *event.Chunk) error {
	if p.eachRecord() && c.Kind == event.Logs {
		for r := range c.Records() {
			frame, token := p.message(c.Tag, r)
			if err := p.exchange(conn, token, frame); err != nil {
				return err
			}
		}
		return nil
	}
	head, body, tail, token := p.frame(c)
	return p.exchange(conn, token, head, body, tail)
}

// maxAck is more than any acknowledgement has.
const maxAck = 16 << 10

func (p *protocol) exchange(conn *upstream.Conn, token string, parts ...[]byte) error {
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		if _, err := conn.Write(part); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	if !p.ack {
		return nil
	}
	answer, err := forward.ReadMessage(conn.Data.(*bufio.Reader), maxAck)
	if err != nil {
		return fmt.Errorf("no acknowledgement: %w", err)
	}
	got, err := forward.ParseAck(answer)
	if err == nil && got != token {
		err = fmt.Errorf("the server acknowledges '%s' instead of '%s'", got, token)
	}
	return err
}
