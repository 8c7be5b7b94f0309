// Package plot is the output plot: it writes time and value pairs that gnuplot reads.
package plot

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/tagfile"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output plot.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "plot",
	Summary: "Write time and value of each record for gnuplot",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type config struct{ key, file string }

func (c *config) Options() []option.Option {
	return []option.Option{
		option.String("key", &c.key).Help("The key of the value; without it a record's first one."),
		option.String("file", &c.file).Help("The file that lines are appended to; the tag when there is none."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	return &output{config: *c, log: env.Log}, nil
}

type output struct {
	config
	log *slog.Logger
	mu  sync.Mutex
}

// Flush appends a line of time and value for each record. Records without a number are counted in a warning.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	var buf []byte
	bad := 0
	for r := range c.Records() {
		line := append(format.AppendFloat(buf, format.Seconds(r.Time())), ' ')
		if line = appendNumber(line, o.value(r)); line == nil {
			bad++
			continue
		}
		buf = append(line, '\n')
	}
	if bad > 0 {
		o.log.Warn("records have no number to plot", "tag", c.Tag, "key", o.key, "records", bad)
	}
	if len(buf) == 0 {
		return nil
	}
	return o.append(c.Tag, buf)
}

func (o *output) append(tag string, lines []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := o.file
	if name == "" {
		name = tagfile.Name(tag)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	_, err = f.Write(lines)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (o *output) value(r *event.Record) event.Value {
	if o.key != "" {
		return r.Get(o.key)
	}
	for _, v := range r.Body().Pairs() {
		return v
	}
	return nil
}

// appendNumber appends v, which may also be a number written as text, and returns nil when it is none.
func appendNumber(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeInt, event.TypeUint, event.TypeFloat32, event.TypeFloat64:
		return format.AppendText(dst, v)
	case event.TypeStr:
		if f, err := strconv.ParseFloat(strings.TrimSpace(string(v.Str())), 64); err == nil {
			return format.AppendFloat(dst, f)
		}
	}
	return nil
}
