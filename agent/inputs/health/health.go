// Package health is the input health: whether a TCP port can be reached.
package health

import (
	"context"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input health.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "health",
	Summary: "Whether a TCP port can be reached",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	where                   upstream.Settings
	listen                  string
	alert, addHost, addPort bool
	interval                ticker.Interval
}

func (c *config) Options() []option.Option {
	opts := append([]option.Option{
		option.String("listen", &c.listen).Default("0.0.0.0").Help("Taken for compatibility: nothing is listened on."),
		option.String("host", &c.where.Host).Default("localhost").Help("Name or address of the server."),
		option.Var("port", "integer", &c.where.Port, option.Between(option.ParseInt, 0, 65535)).Default("0").Help("Port of the server; 0 for 80."),
		option.Switch("alert", &c.alert).Default("false").Help("Tell only of a port that cannot be reached."),
		option.Switch("add_host", &c.addHost).Default("false").Help("Add the host to each record, as hostname."),
		option.Switch("add_port", &c.addPort).Default("false").Help("Add the port to each record, as port."),
	}, c.interval.Options("1")...)
	return append(append(opts, c.where.TLS.Options()...), c.where.Net.Options()...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(80)
	c.where.Net.Keepalive = false // it is asked anew each time
	c.where.Net.CountIn(env.Metrics)
	return &input{config: *c, env: env}, c.where.Check()
}

type input struct {
	config
	env plugin.Env
	up  *upstream.Upstream
}

func (in *input) Start(context.Context) (err error) {
	in.up, err = in.where.New(in.env.Log)
	return err
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{
		Tag: in.env.Tag, Log: in.env.Log, Period: in.interval.Period(time.Second),
		Sample: func(b *event.Batch) error { in.sample(ctx, b); return nil },
	}.Run(ctx, to)
}

func (in *input) sample(ctx context.Context, b *event.Batch) {
	c, err := in.up.Dial(ctx)
	if err == nil {
		c.Close()
	} else {
		in.env.Log.Debug(err.Error())
	}
	if ctx.Err() != nil || err == nil && in.alert {
		return
	}
	fields := 1
	for _, more := range []bool{in.addHost, in.addPort} {
		if more {
			fields++
		}
	}
	dst := event.AppendMap(b.Begin(event.Now()), fields)
	dst = event.AppendBool(event.AppendStr(dst, "alive"), err == nil)
	if in.addHost {
		dst = event.AppendStr(event.AppendStr(dst, "hostname"), in.where.Host)
	}
	if in.addPort {
		dst = event.AppendInt(event.AppendStr(dst, "port"), int64(in.where.Port))
	}
	b.Commit(dst)
}
