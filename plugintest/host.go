// Package plugintest tests plugins that were written with package plugin, without an agent.
//
// A [Host] is an agent in the test's own process: it configures an instance from lines as a configuration file
// has them, starts it, gives it records and shows what came of it. Records are written as JSON: the body alone,
// or [time, body], or [[time, metadata], body], with the time in seconds since 1970.
//
//	h := plugintest.New(t)
//	out := h.Output(mine.Plugin, "url "+server.URL)
//	if err := out.Flush(`{"msg":"hello"}`); err != nil {
//		t.Fatal(err)
//	}
//
// [Conform] asks of a plugin what every agent relies on, [Golden] compares a filter with files, and [Agent]
// runs the real program.
//
// What a plugin keeps although it may not, such as views of records after its Flush has returned, is overwritten
// (see [event.Poison]); goroutines that are left at the end fail the test.
package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Tag is the tag of inputs, and of the records that are given to filters and outputs.
const Tag = "test"

// waits is how long anything may take before the test fails.
const waits = 10 * time.Second

// Host is an agent around the plugins of one test. Its methods fail the test rather than return an error of
// their own. They may be called from several goroutines.
type Host struct {
	tb      testing.TB
	parsers map[string]plugin.Parser

	mu      sync.Mutex
	log     bytes.Buffer
	metrics []*metric.Registry
	stops   []int
	emitted []*event.Batch
	count   int // instances
	chunks  uint64
}

// New returns a host whose plugins are closed when the test ends.
func New(tb testing.TB) *Host {
	tb.Helper()
	h := &Host{tb: tb, parsers: map[string]plugin.Parser{}}
	before := runtime.NumGoroutine()
	was := event.Poison(true)
	tb.Cleanup(func() { // after those of the instances
		event.Poison(was)
		h.noGoroutines(before)
	})
	return h
}

// noGoroutines fails when more goroutines run than before, and goes on doing so.
func (h *Host) noGoroutines(before int) {
	for end := time.Now().Add(waits); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 64<<10)
			h.tb.Errorf("%d goroutines are left behind:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}

// Parser lends plugins a parser of that name.
func (h *Host) Parser(name string, p plugin.Parser) { h.parsers[name] = p }

// Log returns what the plugins logged, down to debug, one line each, as slog's TextHandler writes it without
// the time.
func (h *Host) Log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// Metrics returns what the plugins count, in Prometheus' text format.
func (h *Host) Metrics() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var set metric.Set
	for _, r := range h.metrics {
		r.Collect(&set, time.Time{})
	}
	return string(metric.AppendPrometheus(nil, &set, false))
}

// Stops returns the exit codes with which plugins asked the agent to stop.
func (h *Host) Stops() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.stops)
}

// Emitted returns the records that plugins gave to Env.Emit so far, as "TAG BODY".
func (h *Host) Emitted() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.emitted {
		for r := range b.Records() {
			list = append(list, b.Tag+" "+JSON(r.Body()))
		}
	}
	return list
}

// JSON writes a value as JSON.
func JSON(v event.Value) string {
	return string(event.AppendJSON(nil, v, event.JSONStyle{RawUTF8: true}))
}

// Err returns what is wrong with a configuration, as its user would see it; nil when the plugin can be made.
func Err[P any](h *Host, spec plugin.Spec[P], lines ...string) error {
	h.tb.Helper()
	_, err := build(h, spec, lines)
	return err
}

// properties makes properties of lines "KEY VALUE", at line 1, 2, … of a file test.conf.
func properties(lines []string) []option.Property {
	var props []option.Property
	for i, l := range lines {
		key, value, _ := strings.Cut(l, " ")
		value = strings.TrimSpace(value)
		props = append(props, option.Property{
			Key:   strings.ToLower(key),
			Value: option.Value{Text: value, Pos: option.Pos{File: "test.conf", Line: i + 1, Col: len(key) + 2}},
			Pos:   option.Pos{File: "test.conf", Line: i + 1, Col: 1},
		})
	}
	return props
}

// build makes an instance and starts nothing.
func build[P any](h *Host, spec plugin.Spec[P], lines []string) (p P, err error) {
	c := spec.Config()
	props := properties(lines)
	if err := option.Decode(c.Options(), props, option.Pos{File: "test.conf", Line: 1}); err != nil {
		return p, err
	}
	h.mu.Lock()
	name := fmt.Sprintf("%s.%d", spec.Name, h.count)
	h.count++
	meter := metric.NewRegistry("fluentbit", kindOf[P](), metric.L("name", name))
	h.metrics = append(h.metrics, meter)
	h.mu.Unlock()
	return c.New(plugin.Env{
		Name: name, Tag: Tag, Properties: props, Grace: 5 * time.Second, Metrics: meter,
		Log: slog.New(slog.NewTextHandler(lockedLog{h}, &slog.HandlerOptions{Level: slog.LevelDebug - 4, ReplaceAttr: noTime})).With("plugin", name),
		Parser: func(name string) (plugin.Parser, bool) {
			p, ok := h.parsers[name]
			return p, ok
		},
		Multiline: func(plugin.Joining) (plugin.Multiline, error) {
			return nil, fmt.Errorf("a test has no multiline parsers")
		},
		Upstream: func(string) ([]plugin.Node, bool) { return nil, false },
		Emit: func(_ context.Context, b *event.Batch) error {
			h.mu.Lock()
			h.emitted = append(h.emitted, b)
			h.mu.Unlock()
			b.Settle(event.Delivered) // without the lock: whoever waits for it may log
			return nil
		},
		Stop: func(code int) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.stops = append(h.stops, code)
		},
	})
}

func kindOf[P any]() string {
	switch any((*P)(nil)).(type) {
	case *plugin.Input:
		return "input"
	case *plugin.Output:
		return "output"
	}
	return "filter"
}

func noTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

type lockedLog struct{ h *Host }

func (l lockedLog) Write(p []byte) (int, error) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	return l.h.log.Write(p)
}

// life is an instance between its Start and its Close.
type life struct {
	h     *Host
	value any
	ctx   context.Context
	stop  context.CancelFunc
	work  sync.WaitGroup
	once  sync.Once
}

// begin starts an instance and has it closed when the test ends.
func (h *Host) begin(value any) *life {
	h.tb.Helper()
	l := &life{h: h, value: value}
	l.ctx, l.stop = context.WithCancel(context.Background())
	h.tb.Cleanup(l.Close)
	if s, ok := value.(plugin.Starter); ok {
		if err := s.Start(l.ctx); err != nil {
			h.tb.Fatalf("start: %v\n%s", err, h.Log())
		}
	}
	if b, ok := value.(plugin.Background); ok {
		l.work.Go(func() {
			if err := b.Background(l.ctx); err != nil && l.ctx.Err() == nil {
				h.tb.Errorf("background: %v", err)
			}
		})
	}
	return l
}

// Close ends the instance as an agent does, and fails the test when it takes too long. Calling it again does
// nothing.
func (l *life) Close() { l.once.Do(l.close) }

func (l *life) close() {
	l.h.tb.Helper()
	l.stop()
	l.h.within("the instance's goroutines end", l.work.Wait)
	if c, ok := l.value.(io.Closer); ok {
		l.h.within("Close", func() {
			if err := c.Close(); err != nil {
				l.h.tb.Errorf("close: %v", err)
			}
		})
	}
}

// within fails the test when f does not return in time.
func (h *Host) within(what string, f func()) {
	h.tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(waits):
		h.tb.Fatalf("%s: has not returned within %v\n%s", what, waits, h.Log())
	}
}

// parseRecords appends the records, written as JSON, to b.
func (h *Host) parseRecords(b *event.Batch, records []string) {
	h.tb.Helper()
	for _, r := range records {
		v, used, err := event.ParseJSON(nil, []byte(r))
		if err != nil || strings.TrimSpace(r[used:]) != "" {
			h.tb.Fatalf("%s is no record: %v", r, err)
		}
		when, meta, body := event.Time{Sec: 1700000000}, event.Value(nil), event.Value(v)
		if body.Type() == event.TypeArray && body.Len() == 2 {
			head := body.Index(0)
			body = body.Index(1)
			if head.Type() == event.TypeArray && head.Len() == 2 {
				head, meta = head.Index(0), head.Index(1)
			}
			f, ok := head.Float()
			if !ok {
				n, isInt := head.Int()
				f, ok = float64(n), isInt
			}
			if !ok {
				h.tb.Fatalf("%s: the time is no number", r)
			}
			sec := int64(f)
			when = event.Time{Sec: sec, Nsec: uint32((f - float64(sec)) * 1e9)}
		}
		if body.Type() != event.TypeMap {
			h.tb.Fatalf("%s: a record's body is an object", r)
		}
		b.Append(when, meta, body)
	}
}
