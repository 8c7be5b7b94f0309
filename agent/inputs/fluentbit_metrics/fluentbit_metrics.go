// Package fluentbit_metrics is the input fluentbit_metrics: the agent's own metrics, as a payload that any
// output for metrics can take.
package fluentbit_metrics

import (
	"context"
	"errors"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input fluentbit_metrics.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "fluentbit_metrics",
	Summary: "The agent's own metrics",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	interval time.Duration
	atOnce   bool
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Duration("scrape_interval", &c.interval).Default("2").Help("How long to wait between two collections."),
		option.Switch("scrape_on_start", &c.atOnce).Default("false").Help("Collect at the start as well, instead of after the first interval."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if env.Agent == nil {
		return nil, errors.New("the agent does not tell its metrics")
	}
	if c.interval <= 0 {
		c.interval = 2 * time.Second
	}
	return &input{config: *c, env: env, scrapes: env.Metrics.Counter("metrics_scrapes_total", "Number of total metrics scrapes")}, nil
}

type input struct {
	config
	env     plugin.Env
	scrapes *metric.Counter
}

// Run implements [plugin.Input].
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	collect := func() error {
		in.scrapes.Inc()
		set := in.env.Agent()
		return to.Emit(ctx, event.Payload(in.env.Tag, event.Metrics, metric.Append(nil, &set)))
	}
	if in.atOnce {
		if err := collect(); err != nil {
			return err
		}
	}
	return plugin.Every(ctx, in.interval, collect)
}
