// Package filtertest drives a filter or log processor from JSON lines, for tests and benchmarks.
package filtertest

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Tag is the tag of the batches that this package makes.
const Tag = "app.web.1"

// Properties makes properties of lines "KEY VALUE", at line 1, 2, … of a file test.conf.
func Properties(lines ...string) []option.Property {
	var props []option.Property
	for i, l := range lines {
		key, value, _ := strings.Cut(l, " ")
		pos := option.Pos{File: "test.conf", Line: i + 1, Col: len(key) + 2}
		props = append(props, option.Property{
			Key:   strings.ToLower(key),
			Value: option.Value{Text: value, Pos: pos},
			Pos:   option.Pos{File: "test.conf", Line: i + 1, Col: 1},
		})
	}
	return props
}

// Build configures a filter, or returns the configuration's faults.
func Build(spec plugin.Spec[plugin.Filter], props []option.Property) (plugin.Filter, error) {
	c := spec.Config()
	if err := option.Decode(c.Options(), props, option.Pos{File: "test.conf", Line: 1}); err != nil {
		return nil, err
	}
	return c.New(plugin.Env{
		Name:       spec.Name + ".0",
		Log:        slog.New(slog.NewTextHandler(io.Discard, nil)),
		Properties: props,
		Multiline:  multiline.NewSet(0).Use,
	})
}

// With returns the plugin, of any kind, with an Env to which lend has added what the plugin needs besides a name
// and a logger.
func With[P any](spec plugin.Spec[P], lend func(*plugin.Env)) plugin.Spec[P] {
	inner := spec.Config
	spec.Config = func() plugin.Config[P] { return lent[P]{inner(), lend} }
	return spec
}

type lent[P any] struct {
	plugin.Config[P]
	lend func(*plugin.Env)
}

func (l lent[P]) New(env plugin.Env) (P, error) {
	l.lend(&env)
	return l.Config.New(env)
}

// Batch makes a batch of one record per JSON line, all at second 1700000000.
func Batch(tb testing.TB, lines ...string) *event.Batch {
	tb.Helper()
	b := event.New(Tag)
	for _, l := range lines {
		body, _, err := event.ParseJSON(nil, []byte(l))
		if err != nil {
			tb.Fatalf("%s: %v", l, err)
		}
		b.Append(event.Time{Sec: 1700000000}, nil, body)
	}
	return b
}

// Lines renders the bodies of a batch as JSON.
func Lines(b *event.Batch) []string {
	var out []string
	for r := range b.Records() {
		out = append(out, string(event.AppendJSON(nil, r.Body(), event.JSONStyle{})))
	}
	return out
}

// Run sends the JSON lines through a filter and returns what is left of them, a line each. A filter that keeps
// views of records for too long is left with rubbish: see [event.Poison].
func Run(tb testing.TB, spec plugin.Spec[plugin.Filter], props []option.Property, lines ...string) string {
	tb.Helper()
	f, err := Build(spec, props)
	if err != nil {
		tb.Fatal(err)
	}
	defer event.Poison(event.Poison(true))
	b := Batch(tb, lines...)
	if err := f.Filter(context.Background(), b); err != nil {
		tb.Fatal(err)
	}
	return strings.Join(Lines(b), "\n")
}

// ten is a record of ten keys, about 200 bytes.
const ten = `{"time":"2026-11-22T19:47:12.123456789Z","stream":"stdout","level":"info","msg":"request completed in good time","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17","ok":true}`

// Bench measures a filter over a batch of 2 MB of records with ten keys: time, stream, level, msg, method,
// path, status, duration, host, ok. The copy that each round needs is not counted.
func Bench(b *testing.B, spec plugin.Spec[plugin.Filter], lines ...string) {
	f, err := Build(spec, Properties(lines...))
	if err != nil {
		b.Fatal(err)
	}
	proto := event.New(Tag)
	body, _, err := event.ParseJSON(nil, []byte(ten))
	if err != nil {
		b.Fatal(err)
	}
	for len(proto.Bytes()) < 2e6 {
		proto.Append(event.Time{Sec: 1700000000}, nil, body)
	}
	batch := event.New(Tag)
	b.SetBytes(int64(len(proto.Bytes())))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		batch.Reset()
		for r := range proto.Records() {
			batch.Append(r.Time(), nil, r.Body())
		}
		b.StartTimer()
		if err := f.Filter(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// Allocs returns the allocations per record that filtering the JSON line makes in a large batch: less than
// 0.1 counts as none, for what grows once per batch.
func Allocs(tb testing.TB, spec plugin.Spec[plugin.Filter], props []option.Property, line string) float64 {
	tb.Helper()
	f, err := Build(spec, props)
	if err != nil {
		tb.Fatal(err)
	}
	const n = 1000
	proto, batch := Batch(tb, line), event.New(Tag)
	var body event.Value
	for r := range proto.Records() {
		body = append(body, r.Body()...)
	}
	round := func(filtered bool) float64 {
		return testing.AllocsPerRun(5, func() {
			batch.Reset()
			for range n {
				batch.Append(event.Time{Sec: 1700000000}, nil, body)
			}
			if !filtered {
				return
			}
			if err := f.Filter(context.Background(), batch); err != nil {
				tb.Fatal(err)
			}
		})
	}
	round(true)
	return (round(true) - round(false)) / n
}
