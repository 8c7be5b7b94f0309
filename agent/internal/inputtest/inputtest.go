// Package inputtest runs an input in a test: it is configured by name and value as in a file, and what it
// emits is kept as text.
package inputtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Kit is an agent around one input.
type Kit struct {
	Env     plugin.Env
	Parsers map[string]plugin.Parser
	AnyTag  bool // tags may differ from Env.Tag; a record is kept as "TAG BODY"

	mu      sync.Mutex
	log     bytes.Buffer
	records []string
	batches int
	stopped []int
	refuse  error
	hold    bool
	held    []*event.Batch
}

// New returns an agent without parsers whose input has the tag "in".
func New() *Kit {
	k := &Kit{Parsers: map[string]plugin.Parser{}}
	k.Env = plugin.Env{
		Name:  "in.0",
		Tag:   "in",
		Log:   slog.New(slog.NewTextHandler(locked{k}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Grace: 5 * time.Second,
		Parser: func(name string) (plugin.Parser, bool) {
			p, ok := k.Parsers[name]
			return p, ok
		},
		Multiline: multiline.NewSet(0).Use,
		Stop: func(code int) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.stopped = append(k.stopped, code)
		},
	}
	return k
}

// Build configures an input with pairs of key and value. Values stand on line 1, 2, … of "test.conf".
func (k *Kit) Build(c plugin.Config[plugin.Input], pairs ...string) (plugin.Input, error) {
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

// Start builds an input, starts it when it can be started, and returns what is left to do: running it.
func (k *Kit) Start(t testing.TB, ctx context.Context, c plugin.Config[plugin.Input], pairs ...string) func() error {
	t.Helper()
	in, err := k.Build(c, pairs...)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := in.(plugin.Starter); ok {
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return func() error { return in.Run(ctx, k) }
}

// Serve starts an input and runs it until the test ends, which fails when the input does.
func (k *Kit) Serve(t testing.TB, in interface {
	plugin.Input
	plugin.Starter
	io.Closer
}) {
	t.Helper()
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := in.Run(ctx, k); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Refuse has every later Emit return err.
func (k *Kit) Refuse(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuse = err
}

// Emit keeps the text of what an input emits, and overwrites the bytes, which are no longer the input's.
func (k *Kit) Emit(_ context.Context, b *event.Batch) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil {
		return k.refuse
	}
	if b.Tag != k.Env.Tag && !k.AnyTag {
		return fmt.Errorf("batch has the tag %q", b.Tag)
	}
	k.batches++
	if b.Kind == event.Metrics {
		lines, err := points(b.Bytes())
		k.records = append(k.records, lines...)
		b.Settle(event.Delivered)
		return err
	}
	if b.Kind != event.Logs {
		k.records = append(k.records, fmt.Sprintf("%s %v %x", b.Tag, b.Kind, b.Bytes()))
		b.Settle(event.Delivered)
		return nil
	}
	if _, err := event.Parse(b.Tag, bytes.Clone(b.Bytes())); err != nil {
		return err
	}
	for r := range b.Records() {
		text := Text(r.Body())
		if k.AnyTag {
			text = b.Tag + " " + text
		}
		k.records = append(k.records, text)
	}
	if k.hold {
		k.held = append(k.held, b)
		return nil
	}
	b.Settle(event.Delivered)
	defer event.Poison(event.Poison(true))
	b.Release()
	return nil
}

// Hold leaves every later batch unsettled until Settle.
func (k *Kit) Hold() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hold = true
}

// Settle settles the batches that were held, and later ones at once.
func (k *Kit) Settle(o event.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, b := range k.held {
		b.Settle(o)
	}
	k.held, k.hold = nil, false
}

// WaitFor polls until so many records were emitted, and fails the test when they do not come.
func (k *Kit) WaitFor(t testing.TB, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); len(k.Records()) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d records, waiting for %d\nlog:\n%s", len(k.Records()), n, k.Log())
		}
	}
}

// points renders a payload of metrics without its times: "name{label="value"} = 1".
func points(data []byte) (lines []string, err error) {
	for s, err := range metric.All(data) {
		if err != nil {
			return lines, err
		}
		for line := range strings.Lines(string(metric.AppendText(nil, s))) {
			_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Records returns what was emitted so far: bodies as [Text], points of metrics as lines without a time.
func (k *Kit) Records() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.records...)
}

// Batches returns how many batches were emitted.
func (k *Kit) Batches() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.batches
}

// Stops returns the exit codes that the input asked the agent to stop with.
func (k *Kit) Stops() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]int(nil), k.stopped...)
}

// Log returns what the input logged.
func (k *Kit) Log() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.String()
}

type locked struct{ k *Kit }

func (l locked) Write(p []byte) (int, error) {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	return l.k.log.Write(p)
}

// Want compares the emitted bodies with want and reports a difference.
func (k *Kit) Want(t testing.TB, want ...string) {
	t.Helper()
	got := strings.Join(k.Records(), "\n")
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("emitted:\n%s\nwant:\n%s\nlog:\n%s", got, w, k.Log())
	}
}

// Text renders a value like JSON: keys and texts quoted as in Go, floats always with a point or exponent.
func Text(v event.Value) string {
	switch v.Type() {
	case event.TypeNil:
		return "null"
	case event.TypeBool:
		b, _ := v.Bool()
		return strconv.FormatBool(b)
	case event.TypeInt:
		n, _ := v.Int()
		return strconv.FormatInt(n, 10)
	case event.TypeUint:
		n, _ := v.Uint()
		return strconv.FormatUint(n, 10)
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		s := strconv.FormatFloat(f, 'g', -1, 64)
		if !strings.ContainsAny(s, ".eEIN") {
			s += ".0"
		}
		return s
	case event.TypeStr:
		return strconv.Quote(string(v.Str()))
	case event.TypeMap:
		var parts []string
		for key, val := range v.Pairs() {
			parts = append(parts, Text(key)+":"+Text(val))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case event.TypeArray:
		var parts []string
		for e := range v.Elems() {
			parts = append(parts, Text(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprintf("%x", []byte(v))
}
