package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Conform checks what an agent relies on with any plugin, however it is configured: that it describes itself,
// that New only looks, that it survives records of every shape and leaves none behind broken, that it keeps no
// bytes that are not its own, and that it ends in time. lines configure it, as "KEY VALUE".
//
// An output is not asked to deliver: what it writes to may be missing, as long as it says so and returns.
func Conform[P any](t *testing.T, spec plugin.Spec[P], lines ...string) {
	t.Helper()
	t.Run("describes itself", func(t *testing.T) { describes(t, spec) })
	t.Run("New only looks", func(t *testing.T) { looks(t, spec, lines) })
	t.Run("refuses what it does not know", func(t *testing.T) { refuses(t, spec, lines) })
	t.Run("is let go unused", func(t *testing.T) { unused(t, spec, lines) })
	t.Run("works and ends", func(t *testing.T) { works(t, spec, lines) })
}

func describes[P any](t *testing.T, spec plugin.Spec[P]) {
	if spec.Name == "" || spec.Name != strings.ToLower(spec.Name) || strings.ContainsAny(spec.Name, " .") {
		t.Errorf("the name %q should be a word in lower case", spec.Name)
	}
	if spec.Summary == "" {
		t.Error("it has no summary")
	}
	seen := map[string]bool{}
	for _, o := range spec.Config().Options() {
		if seen[o.Name] && !o.Repeats {
			t.Errorf("two options are called %q", o.Name)
		}
		seen[o.Name] = true
		if o.About == "" {
			t.Errorf("the option %q has no help", o.Name)
		}
	}
}

// openFiles counts the descriptors of this process, -1 where nobody knows.
func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(list)
}

func looks[P any](t *testing.T, spec plugin.Spec[P], lines []string) {
	h := New(t)
	files, goroutines := openFiles(), runtime.NumGoroutine()
	for range 2 {
		if _, err := build(h, spec, lines); err != nil {
			t.Fatalf("its configuration is refused: %v", err)
		}
	}
	if n := openFiles(); n > files {
		t.Errorf("New has opened %d files or sockets; that is for Start", (n-files)/2)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("New has started %d goroutines; that is for Start, Background and Run", (n-goroutines)/2)
	}
}

func refuses[P any](t *testing.T, spec plugin.Spec[P], lines []string) {
	if option.Knows(spec.Config().Options(), "no_such_option_at_all") {
		return // it takes any key
	}
	h := New(t)
	if _, err := build(h, spec, append(lines[:len(lines):len(lines)], "no_such_option_at_all x")); err == nil || !strings.Contains(err.Error(), "no_such_option_at_all") {
		t.Errorf("an unknown option: %v", err)
	}
}

// unused: what was started for a configuration that then fails elsewhere is closed without having worked.
func unused[P any](t testing.TB, spec plugin.Spec[P], lines []string) {
	h := New(t)
	for range 2 { // the second finds nothing of the first in its way
		p, err := build(h, spec, lines)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := any(p).(plugin.Starter); ok {
			if err := s.Start(t.Context()); err != nil {
				t.Fatalf("start: %v\n%s", err, h.Log())
			}
		}
		if c, ok := any(p).(io.Closer); ok {
			h.within("Close", func() {
				if err := c.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
	}
}

func works[P any](t *testing.T, spec plugin.Spec[P], lines []string) {
	h := New(t)
	p, err := build(h, spec, lines)
	if err != nil {
		t.Fatal(err)
	}
	l := h.begin(p)
	switch p := any(p).(type) {
	case plugin.Filter:
		conformFilter(&Filter{l, p}, spec.Kinds)
	case plugin.Output:
		conformOutput(&Output{l, p}, spec.Kinds)
	case plugin.Input:
		conformInput(h, l, p)
	default:
		t.Fatalf("%T is neither an input nor a filter nor an output", p)
	}
	l.Close()
}

// Odd returns records of every shape that a plugin may meet, in one batch under [Tag]: all kinds of values,
// deep ones, none at all, keys twice, texts that are no UTF-8, metadata, and a group of OTLP logs.
func Odd() *event.Batch {
	b := event.New(Tag)
	str := func(dst []byte, s string) []byte { return event.AppendStr(dst, s) }
	body := func(key string, val []byte) event.Value {
		return append(str(event.AppendMap(nil, 1), key), val...)
	}
	add := func(meta, body event.Value) {
		b.Append(event.Time{Sec: 1700000000, Nsec: 5}, meta, body)
	}
	add(nil, event.AppendMap(nil, 0))
	for _, v := range [][]byte{
		event.AppendNil(nil), event.AppendBool(nil, true), event.AppendInt(nil, math.MinInt64), event.AppendUint(nil, math.MaxUint64),
		event.AppendFloat(nil, math.NaN()), event.AppendFloat(nil, math.Inf(-1)), event.AppendFloat(nil, 0.1),
		str(nil, ""), str(nil, "\xff\xfe no UTF-8"), str(nil, "\x00\n\"\\ 😀"), str(nil, strings.Repeat("x", 100_000)),
		event.AppendBin(nil, "\x00\xff"), event.AppendArray(nil, 0), event.AppendMap(nil, 0),
		{0xc7, 0x03, 0x05, 1, 2, 3}, // an extension
	} {
		add(nil, body("log", v))
		add(body("m", v), body("message", append(event.AppendArray(nil, 1), v...)))
	}
	add(nil, append(append(event.AppendMap(nil, 2), body("log", str(nil, "one"))[1:]...), body("log", str(nil, "two"))[1:]...))
	add(nil, append(event.AppendInt(event.AppendMap(nil, 1), 7), str(nil, "a key that is a number")...))
	deep := str(nil, "here")
	for range 100 {
		deep = body("d", deep)
	}
	add(nil, deep)
	group, _ := event.Parse(Tag, bytes.Join([][]byte{marker(-1, body("resource", str(nil, "r"))), record("in a group"), marker(-2, event.AppendMap(nil, 0))}, nil))
	all, err := event.Parse(Tag, append(bytes.Clone(b.Bytes()), group.Bytes()...))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return all
}

func record(text string) []byte {
	b := event.New(Tag)
	b.Append(event.Time{Sec: 1}, nil, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "log"), text))
	return b.Bytes()
}

// marker is the border of a group: an event whose seconds are -1 or -2.
func marker(sec int32, body []byte) []byte {
	u := uint32(sec)
	head := []byte{0x92, 0x92, 0xd7, 0x00, byte(u >> 24), byte(u >> 16), byte(u >> 8), byte(u), 0, 0, 0, 0, 0x80}
	return append(head, body...)
}

// oddMetrics is a payload of metrics, the second of whose sets is empty, with a value that JSON does not know.
func oddMetrics() *event.Batch {
	r := metric.NewRegistry("odd", "test")
	r.Counter("things_total", "Things.").Inc()
	r.Gauge("level", "A level.").Set(math.NaN())
	var full metric.Set
	r.Collect(&full, time.Unix(1700000000, 5))
	return event.Payload(Tag, event.Metrics, metric.Append(metric.Append(nil, &full), &metric.Set{}))
}

func conformFilter(f *Filter, kinds event.Kinds) {
	f.h.tb.Helper()
	if kinds.Has(event.Metrics) {
		b := oddMetrics()
		_ = f.Batch(b)
		for _, err := range metric.All(b.Bytes()) {
			if err != nil {
				f.h.tb.Errorf("the filter has left what are no metrics: %v", err)
			}
		}
	}
	if !kinds.Has(event.Logs) {
		return
	}
	empty := event.New(Tag)
	_ = f.Batch(empty) // an error is the filter's right
	for range 3 {      // again and again: state must not break either
		b := Odd()
		_ = f.Batch(b)
		f.balanced(b)
	}
}

// balanced fails when the borders of groups do not come in pairs any more.
func (f *Filter) balanced(b *event.Batch) {
	f.h.tb.Helper()
	opens := bytes.Count(b.Bytes(), []byte{0x92, 0x92, 0xd7, 0x00, 0xff, 0xff, 0xff, 0xff})
	ends := bytes.Count(b.Bytes(), []byte{0x92, 0x92, 0xd7, 0x00, 0xff, 0xff, 0xff, 0xfe})
	if opens != ends {
		f.h.tb.Errorf("of groups %d begin and %d end", opens, ends)
	}
}

func conformOutput(o *Output, kinds event.Kinds) {
	o.h.tb.Helper()
	var chunks []*event.Chunk
	if kinds.Has(event.Logs) {
		b := Odd()
		chunks = append(chunks, event.NewChunk(1, Tag, event.Logs, b.Bytes(), b.Len()))
	}
	if kinds.Has(event.Metrics) {
		b := oddMetrics()
		chunks = append(chunks, event.NewChunk(2, Tag, event.Metrics, b.Bytes(), b.Len()))
	}
	for _, c := range chunks {
		_ = o.FlushChunk(c) // what it writes to may be missing
		ctx, stop := context.WithCancel(context.Background())
		stop()
		o.h.within("Flush without time", func() { _ = o.plugin.Flush(ctx, c) })
	}
}

func conformInput(h *Host, l *life, p plugin.Input) {
	h.tb.Helper()
	in := &Input{life: l, ended: make(chan struct{})}
	ctx, stop := context.WithCancel(l.ctx)
	defer stop()
	time.AfterFunc(50*time.Millisecond, stop)
	h.within("Run", func() { in.err = p.Run(ctx, pausing{in, time.Now().Add(25 * time.Millisecond)}) })
}

// pausing takes what comes until a time, and is paused from then on, as the agent is when it stops under load.
type pausing struct {
	in *Input
	at time.Time
}

// Emit implements [plugin.Emitter].
func (p pausing) Emit(ctx context.Context, b *event.Batch) error {
	if time.Now().Before(p.at) {
		return p.in.Emit(ctx, b)
	}
	<-ctx.Done()
	return fmt.Errorf("the agent stops: %w", ctx.Err())
}
