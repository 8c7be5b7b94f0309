// Package sampling is the processor sampling: of traces it keeps a part, so that what is kept is whole.
package sampling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor sampling.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "sampling",
	Summary: "Keep a part of the traces",
	Kinds:   event.Traces,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	kind       option.Value
	debug      bool
	settings   option.Value
	conditions option.Value
}

func (c *config) Options() []option.Option {
	keep := func(to *option.Value) func(option.Value) error {
		return func(v option.Value) error { *to = v; return nil }
	}
	return []option.Option{
		option.Nested("type", "string", keep(&c.kind)).Required().
			Help("How traces are chosen: probabilistic, by a share of all trace ids, or tail, by what the spans of a trace say once they are there."),
		option.Switch("debug", &c.debug).Default("false").Help("Log how many spans of each batch are kept."),
		option.Nested("sampling_settings", "variant", keep(&c.settings)).
			Help("Settings of the type. For probabilistic: sampling_percentage, from 0 to 100, by default 10. For tail: decision_wait, how long a trace waits for its spans, by default 30s, and max_traces, how many wait at a time, by default 50000."),
		option.Nested("conditions", "variant", keep(&c.conditions)).
			Help("For tail: a trace is kept when one of its spans meets one of these. Without conditions all are kept."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	switch c.kind.Text {
	case "probabilistic":
		return c.probabilistic(env)
	case "tail":
		return c.tail(env)
	}
	return nil, &option.Error{Pos: c.kind.Pos, Msg: fmt.Sprintf("unknown type '%s'", c.kind.Text), Cure: "use probabilistic or tail"}
}

func (c *config) probabilistic(env plugin.Env) (plugin.Filter, error) {
	f := &probabilistic{percentage: 10, debug: c.debug, log: env.Log}
	err := decode("sampling_settings", c.settings,
		option.Var("sampling_percentage", "double", &f.percentage, option.Between(option.ParseFloat, 0, 100)))
	if c.conditions.Kind != option.KindText {
		err = errors.Join(err, &option.Error{Pos: c.conditions.Pos, Msg: "conditions belong to the type tail", Cure: "take them out, or use the type tail"})
	}
	return f, err
}

func (c *config) tail(env plugin.Env) (plugin.Filter, error) {
	f := &tail{debug: c.debug, log: env.Log, traces: map[traceKey]*trace{}, wake: make(chan struct{}, 1), wait: 30 * time.Second, most: 50_000}
	errs := []error{decode("sampling_settings", c.settings,
		option.Duration("decision_wait", &f.wait),
		option.Var("max_traces", "integer", &f.most, option.AtLeast(option.ParseInt, 1)),
		option.Switch("legacy_reconcile", new(bool)))}
	if c.conditions.Kind == option.KindMap || c.conditions.Text != "" && c.conditions.Kind != option.KindList {
		errs = append(errs, &option.Error{Pos: c.conditions.Pos, Msg: "conditions are no list", Cure: "begin each with '- type: …'"})
	}
	for _, v := range c.conditions.List {
		one, err := parseCondition(v)
		f.conditions = append(f.conditions, one)
		errs = append(errs, err)
	}
	return f, errors.Join(errs...)
}

// decode reads the keys of a map; a value that was not given has none.
func decode(what string, v option.Value, opts ...option.Option) error {
	if v.Kind != option.KindMap && v.Text != "" {
		return &option.Error{Pos: v.Pos, Msg: what + " is no map", Cure: "write 'key: value' lines below it"}
	}
	return option.Decode(opts, v.Map, v.Pos)
}

type probabilistic struct {
	percentage float64
	debug      bool
	log        *slog.Logger
}

// Filter implements [plugin.Filter].
func (f *probabilistic) Filter(_ context.Context, b *event.Batch) error {
	spans, err := read(b.Bytes())
	if err != nil {
		return fmt.Errorf("the traces are left as they are: %w", err)
	}
	var kept []span
	for _, s := range spans {
		if f.keeps(s.body) {
			kept = append(kept, s)
		}
	}
	if len(kept) < len(spans) {
		b.SetPayload(write(kept))
	}
	note(f.debug, f.log, b.Tag, len(kept), len(spans))
	return nil
}

func note(debug bool, log *slog.Logger, tag string, kept, all int) {
	if debug {
		log.Info(fmt.Sprintf("%d of %d spans with tag '%s' are kept", kept, all, tag))
	}
}
