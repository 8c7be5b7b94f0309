// Package null is the output null: it takes everything and keeps nothing.
package null

import (
	"context"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output null.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "null",
	Summary: "Throw records away",
	Kinds:   event.Logs | event.Metrics | event.Traces | event.Profiles | event.Blobs,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type config struct{ records format.Records }

func (c *config) Options() []option.Option { return c.records.Options() }

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.records.Style = env.JSON
	return &output{records: c.records}, nil
}

type output struct{ records format.Records }

// Flush formats the records when a format is set, so that the cost of formatting can be measured alone.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	if o.records.Format != "" && o.records.Format != format.MsgPack {
		o.records.AppendChunk(nil, c)
	}
	return nil
}
