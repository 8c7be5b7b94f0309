// Package stdout is the output stdout: it prints records on standard output.
package stdout

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output stdout.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "stdout",
	Summary: "Print records on standard output",
	Kinds:   event.Logs | event.Metrics,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type config struct{ records format.Records }

func (c *config) Options() []option.Option {
	return c.records.Options(format.OTLPJSON, format.OTLPJSONPretty)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.records.Style = env.JSON
	return &output{records: c.records, w: os.Stdout}, nil
}

type output struct {
	records format.Records
	w       io.Writer
}

// Flush prints the chunk with one Write, so that chunks of several outputs do not mix.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	text := make([]byte, 0, 2*len(c.Bytes()))
	var bad error
	if c.Kind == event.Metrics {
		text, bad = o.records.AppendMetricsAs(text, c)
	} else {
		text = o.appendChunk(text, c)
	}
	if _, err := o.w.Write(text); err != nil {
		return fmt.Errorf("print chunk of %d records: %w", c.Len(), err)
	}
	return bad
}

func (o *output) appendChunk(dst []byte, c *event.Chunk) []byte {
	switch o.records.Format {
	case format.JSONLines:
		return o.records.AppendChunk(dst, c)
	case format.JSON, format.JSONStream, format.OTLPJSON, format.OTLPJSONPretty:
		return append(o.records.AppendChunk(dst, c), '\n')
	}
	i := 0
	for r := range c.Records() {
		dst = format.AppendRecordText(dst, i, c.Tag, r)
		i++
	}
	return dst
}
