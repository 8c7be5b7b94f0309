// Out_typed is out_count of agent/testdata/upstream, written with package plugin.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/cshared"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

type config struct{ path string }

func (c *config) Options() []option.Option {
	return []option.Option{option.String("path", &c.path).Help("The file to which the number of records is written at the end.")}
}

func (c *config) New(plugin.Env) (plugin.Output, error) { return &output{path: c.path}, nil }

type output struct {
	path           string
	records, bytes atomic.Int64
}

func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	for r := range c.Records() {
		o.records.Add(1)
		for _, v := range r.Body().Pairs() {
			o.bytes.Add(int64(len(v.Str())))
		}
	}
	return nil
}

func (o *output) Close() error {
	return os.WriteFile(o.path, fmt.Appendln(nil, o.records.Load()), 0o644)
}

func init() {
	cshared.Output(plugin.Spec[plugin.Output]{
		Name: "count", Summary: "Counts records", Kinds: event.Logs,
		Config: func() plugin.Config[plugin.Output] { return new(config) },
	})
}

func main() {}
