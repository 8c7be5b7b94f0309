// Package udp is the input udp: records as JSON or text in datagrams.
package udp

import (
	"context"
	"net"

	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/netinput"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input udp.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "udp",
	Summary: "Records as JSON or text over UDP",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	where listen.Settings
	set   netinput.Settings
}

func (c *config) Options() []option.Option {
	return append(append(c.where.Place(), c.where.Net()...), c.set.Options()...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(netinput.Port)
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
	c   *listen.Packets
}

func (in *input) Start(context.Context) (err error) {
	in.c, err = in.where.OpenPackets(in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.c != nil {
		in.c.Close()
	}
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return in.c.Run(ctx, to, func(packet []byte, from net.Addr) *event.Batch {
		b := event.New(in.env.Tag)
		in.src.Reader("udp://"+from.String()).Decode(b, packet, true)
		return b
	})
}
