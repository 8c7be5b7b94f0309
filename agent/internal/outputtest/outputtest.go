// Package outputtest builds outputs in a test, configured by name and value as in a file, and the chunks to
// give them.
package outputtest

import (
	"bytes"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Kit is an agent around one output.
type Kit struct {
	Env plugin.Env

	mu      sync.Mutex
	log     bytes.Buffer
	stopped []int
}

// New returns an agent whose output is called "out.0".
func New() *Kit {
	k := new(Kit)
	k.Env = plugin.Env{
		Name:  "out.0",
		Log:   slog.New(slog.NewTextHandler(logWriter{k}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Grace: 5 * time.Second,
		Stop: func(code int) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.stopped = append(k.stopped, code)
		},
	}
	return k
}

// Build configures an output with pairs of key and value, which stand on line 1, 2, … of "test.conf".
func (k *Kit) Build(c plugin.Config[plugin.Output], pairs ...string) (plugin.Output, error) {
	k.Env.Properties = nil
	for i := 0; i < len(pairs); i += 2 {
		pos := option.Pos{File: "test.conf", Line: i/2 + 1, Col: 1}
		k.Env.Properties = append(k.Env.Properties, option.Property{
			Key: pairs[i], Value: option.Value{Text: pairs[i+1], Pos: pos}, Pos: pos,
		})
	}
	if err := option.Decode(c.Options(), k.Env.Properties, option.Pos{File: "test.conf"}); err != nil {
		return nil, err
	}
	return c.New(k.Env)
}

// Stops returns the exit codes that the output asked the agent to stop with.
func (k *Kit) Stops() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.stopped)
}

// Log returns what the output logged.
func (k *Kit) Log() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.String()
}

type logWriter struct{ k *Kit }

func (w logWriter) Write(p []byte) (int, error) {
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	return w.k.log.Write(p)
}

// Flush gives an output a chunk, and overwrites what it was given once Flush has returned: an output that
// keeps views of it is left with rubbish.
func Flush(t testing.TB, o plugin.Output, c *event.Chunk) error {
	t.Helper()
	defer event.Poison(event.Poison(true))
	return c.Lend(func(c *event.Chunk) error { return o.Flush(t.Context(), c) })
}

// Metrics makes a chunk of metrics.
func Metrics(tag string, sets ...metric.Set) *event.Chunk {
	var data []byte
	for i := range sets {
		data = metric.Append(data, &sets[i])
	}
	return event.NewChunk(1, tag, event.Metrics, data, 1)
}

// Chunk makes a chunk of logs from records written as JSON: [time, {body}] or [[time, {metadata}], {body}].
func Chunk(t testing.TB, tag string, records ...string) *event.Chunk {
	t.Helper()
	var data []byte
	for _, r := range records {
		out, used, err := event.ParseJSON(data, []byte(r))
		if err != nil || used != len(r) {
			t.Fatalf("%s: used %d bytes, %v", r, used, err)
		}
		data = out
	}
	b, err := event.Parse(tag, data)
	if err != nil {
		t.Fatal(err)
	}
	return event.NewChunk(1, tag, event.Logs, b.Bytes(), b.Len())
}
