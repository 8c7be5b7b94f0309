// Package opentelemetry_envelope is the processor opentelemetry_envelope: it gives logs the OpenTelemetry
// resource and scope that other processors then fill, and metrics the places for them.
package opentelemetry_envelope

import (
	"context"
	"fmt"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor opentelemetry_envelope.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "opentelemetry_envelope",
	Summary: "Put records into an OpenTelemetry group, with a resource and a scope",
	Kinds:   event.Logs | event.Metrics,
	Config:  func() plugin.Config[plugin.Filter] { return config{} },
}

type config struct{}

func (config) Options() []option.Option { return nil }

func (config) New(plugin.Env) (plugin.Filter, error) {
	return &filter{
		meta:       parse(`{"schema":"otlp","resource_id":0,"scope_id":0}`),
		attributes: parse(`{"resource":{},"scope":{}}`),
		metrics: parse(`{"meta":{"cmetrics":{"producer":"fluent-bit"},"external":{
			"scope":{"metadata":{},"attributes":{}},"scope_metrics":{"metadata":{}},
			"resource":{"metadata":{},"attributes":{}},"resource_metrics":{"metadata":{}}}}}`),
	}, nil
}

func parse(json string) event.Value {
	v, _, err := event.ParseJSON(nil, []byte(json))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return v
}

type filter struct {
	meta, attributes event.Value // of a group of logs
	metrics          event.Value // what a context of metrics has at least
}

// Filter implements [plugin.Filter].
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	if b.Kind.Has(event.Logs) {
		b.Wrap(f.meta, f.attributes)
		return nil
	}
	var out []byte
	for rest := b.Bytes(); len(rest) > 0; {
		v, after, err := event.CheckValue(rest)
		if err != nil {
			return fmt.Errorf("the metrics are left as they are: %w", err)
		}
		out, rest = appendComplete(out, v, f.metrics), after
	}
	b.SetPayload(out)
	return nil
}

// appendComplete appends v with all that least has and v lacks, in maps within maps too.
func appendComplete(dst []byte, v, least event.Value) []byte {
	if v.Type() != event.TypeMap || least.Type() != event.TypeMap {
		return append(dst, v...)
	}
	missing := 0
	for k := range least.Pairs() {
		if v.Get(string(k.Str())) == nil {
			missing++
		}
	}
	dst = event.AppendMap(dst, v.Len()+missing)
	for k, val := range v.Pairs() {
		dst = appendComplete(append(dst, k...), val, least.Get(string(k.Str())))
	}
	for k, val := range least.Pairs() {
		if v.Get(string(k.Str())) == nil {
			dst = append(append(dst, k...), val...)
		}
	}
	return dst
}
