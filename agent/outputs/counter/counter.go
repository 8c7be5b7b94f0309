// Package counter is the output counter: it prints how many records came.
package counter

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output counter.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "counter",
	Summary: "Print how many records each chunk holds",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Output] { return config{} },
}

type config struct{}

func (config) Options() []option.Option { return nil }

func (config) New(plugin.Env) (plugin.Output, error) {
	return &output{w: os.Stdout, now: event.Now}, nil
}

type output struct {
	w   io.Writer
	now func() event.Time

	mu sync.Mutex
}

// Flush prints {"ts":now,"serialized_events":n,"log_records":n,"total":n}. Serialized events are the records
// and the markers of OTLP groups; the total is theirs, too.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := format.AppendSeconds([]byte(`{"ts":`), o.now(), 6)
	events := int64(serialized(c))
	line = strconv.AppendInt(append(line, `,"serialized_events":`...), events, 10)
	line = strconv.AppendInt(append(line, `,"log_records":`...), int64(c.Len()), 10)
	line = strconv.AppendInt(append(line, `,"total":`...), events, 10)
	if _, err := o.w.Write(append(line, "}\n"...)); err != nil {
		return fmt.Errorf("print counters: %w", err)
	}
	return nil
}

func serialized(c *event.Chunk) int {
	n := 0
	for rest := c.Bytes(); len(rest) > 0; n++ {
		var err error
		if _, rest, err = event.CheckValue(rest); err != nil {
			panic("BUG: unchecked record in chunk: " + err.Error())
		}
	}
	return n
}
