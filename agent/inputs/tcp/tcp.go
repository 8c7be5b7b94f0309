// Package tcp is the input tcp: records as JSON or text over connections.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/netinput"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input tcp.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "tcp",
	Summary: "Records as JSON or text over TCP",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	where listen.Settings
	set   netinput.Settings
}

func (c *config) Options() []option.Option { return append(c.where.Options(), c.set.Options()...) }

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(netinput.Port)
	c.where.CountIn(env.Metrics)
	if err := c.where.Check(); err != nil {
		return nil, err
	}
	src, err := c.set.New(env)
	if err != nil {
		return nil, err
	}
	return &input{config: *c, env: env, src: src}, nil
}

type input struct {
	config
	env plugin.Env
	src *netinput.Source
	l   *listen.Listener
}

func (in *input) Start(context.Context) (err error) {
	in.l, err = in.where.Open(in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.l != nil {
		in.l.Close()
	}
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return in.l.Serve(ctx, func(ctx context.Context, c net.Conn) listen.After {
		if err := in.read(ctx, c, to); err != nil && ctx.Err() == nil {
			in.l.Refuse(c, err)
		}
		return listen.Close
	})
}

// read takes records from a connection until its end. While the input is paused nothing is read, so the
// client waits as well.
func (in *input) read(ctx context.Context, c net.Conn, to plugin.Emitter) error {
	r := in.src.Reader("tcp://" + c.RemoteAddr().String())
	buf := make([]byte, 0, in.set.Chunk)
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= in.set.Buffer {
				return fmt.Errorf("a record is longer than buffer_size of %d KB", in.set.Buffer>>10)
			}
			buf = append(make([]byte, 0, min(in.set.Buffer, 2*cap(buf))), buf...)
		}
		n, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		b := event.New(in.env.Tag)
		used := r.Decode(b, buf, err != nil && ctx.Err() == nil) // a stop ends nobody's line
		if b.Len() > 0 {
			if err := to.Emit(ctx, b); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		buf = buf[:copy(buf, buf[used:])]
	}
}
