// Package random is the input random: records {"rand_value": N}, where N is any whole number of 64 bits
// without a sign.
package random

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input random.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "random",
	Summary: "Random numbers",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	samples  int
	interval ticker.Interval
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.Int("samples", &c.samples).Default("-1").
			Help("How many numbers there are; -1 never ends, 0 gives none."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	return &input{env: env, samples: c.samples, period: c.interval.Period(time.Second)}, nil
}

type input struct {
	env     plugin.Env
	samples int // < 0: no end
	period  time.Duration
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	if in.samples == 0 {
		return nil
	}
	return ticker.Sampler{
		Tag: in.env.Tag, Log: in.env.Log, Period: in.period, Count: max(in.samples, 0), Sample: in.sample,
	}.Run(ctx, to)
}

func (in *input) sample(b *event.Batch) error {
	dst := event.AppendMap(b.Begin(event.Now()), 1)
	b.Commit(event.AppendUint(event.AppendStr(dst, "rand_value"), rand.Uint64()))
	return nil
}
