package dummy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// emitter keeps every record as "time metadata body", with the time since the beginning in front.
type emitter struct {
	began time.Time
	got   []string
}

func (e *emitter) Emit(_ context.Context, b *event.Batch) error {
	for r := range b.Records() {
		e.got = append(e.got, fmt.Sprintf("%v %d.%d %s %s", time.Since(e.began), r.Time().Sec, r.Time().Nsec,
			inputtest.Text(r.Meta()), inputtest.Text(r.Body())))
	}
	return nil
}

func TestSettingsShapeTheRecords(t *testing.T) {
	const day = 946684800 // a synctest bubble begins on 2000-01-01
	check := func(name string, span time.Duration, settings []string, want ...string) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, err := inputtest.New().Build(new(config), settings...)
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithTimeout(t.Context(), span)
				defer stop()
				to := &emitter{began: time.Now()}
				if err := in.Run(ctx, to); err != nil {
					t.Error(err)
				}
				if !slices.Equal(to.got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(to.got, "\n"), strings.Join(want, "\n"))
				}
			})
		})
	}
	at := func(after string, sec, nsec int, rest string) string {
		return fmt.Sprintf("%s %d.%d %s", after, sec, nsec, rest)
	}
	check("one second and the default text", 2*time.Second, nil,
		at("500ms", day, 5e8, `{} {"message":"dummy"}`),
		at("1.5s", day+1, 5e8, `{} {"message":"dummy"}`))
	check("samples end it", time.Hour, []string{"samples", "1", "copies", "2", "dummy", `{"a":[1,2.5,null]}`, "metadata", `{"m":"n"}`},
		at("500ms", day, 5e8, `{"m":"n"} {"a":[1,2.5,null]}`),
		at("500ms", day, 5e8, `{"m":"n"} {"a":[1,2.5,null]}`))
	check("rate", 700*time.Millisecond, []string{"rate", "2", "dummy", `{}`},
		at("250ms", day, 25e7, `{} {}`))
	check("interval beats rate", 500*time.Millisecond, []string{"rate", "2", "interval_nsec", "400000000", "dummy", `{}`},
		at("200ms", day, 2e8, `{} {}`))
	check("flush on startup counts as a sample", time.Hour, []string{"flush_on_startup", "on", "samples", "2", "dummy", `{}`},
		at("0s", day, 0, `{} {}`),
		at("500ms", day, 5e8, `{} {}`))
	check("only the sample on startup", time.Hour, []string{"flush_on_startup", "on", "samples", "1", "dummy", `{}`},
		at("0s", day, 0, `{} {}`))
	check("start time moves on", 2*time.Second, []string{"start_time_sec", "1700000000", "start_time_nsec", "7", "dummy", `{}`},
		at("500ms", 1700000000, 500000007, `{} {}`),
		at("1.5s", 1700000001, 500000007, `{} {}`))
	check("fixed start time", 2*time.Second, []string{"start_time_sec", "1700000000", "fixed_timestamp", "on", "dummy", `{}`},
		at("500ms", 1700000000, 0, `{} {}`),
		at("1.5s", 1700000000, 0, `{} {}`))
	check("fixed without a start time", 1200*time.Millisecond, []string{"fixed_timestamp", "on", "dummy", `{}`},
		at("500ms", day, 0, `{} {}`))
	check("nanoseconds alone", 1200*time.Millisecond, []string{"start_time_nsec", "1500000000", "fixed_timestamp", "on", "dummy", `{}`},
		at("500ms", 1, 5e8, `{} {}`))
	check("array of maps", 1200*time.Millisecond, []string{"dummy", ` [{"a":1},{"b":2}] {"c":3} `},
		at("500ms", day, 5e8, `{} {"a":1}`),
		at("500ms", day, 5e8, `{} {"b":2}`),
		at("500ms", day, 5e8, `{} {"c":3}`))
	for _, tail := range []string{` x`, `,{"b":2}`, `{"b":`, ` 5`} {
		check("a map and "+tail, 1200*time.Millisecond, []string{"dummy", `{"a":1}` + tail},
			at("500ms", day, 5e8, `{} {"a":1}`))
	}
	for _, bad := range []string{`just words`, `{"a":`, `[1]`, `5`, ``, `[]`} {
		check("no map: "+bad, 1200*time.Millisecond, []string{"dummy", bad, "metadata", `[{},{}]`},
			at("500ms", day, 5e8, `{} {"message":"dummy"}`))
	}
}

func TestHighRatesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := inputtest.New()
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer stop()
		if err := k.Start(t, ctx, new(config), "rate", "20000", "samples", "1030")(); err != nil {
			t.Error(err)
		}
		if got := len(k.Records()); got != 1030 {
			t.Errorf("%d records", got)
		}
		if ctx.Err() != nil {
			t.Error("1030 records at 20000 a second took longer than 100 ms")
		}
	})
}

func TestManyCopiesAreSpreadOverBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := inputtest.New()
		if err := k.Start(t, t.Context(), new(config), "samples", "1", "copies", "50000")(); err != nil {
			t.Error(err)
		}
		if len(k.Records()) != 50000 || k.Batches() < 2 {
			t.Errorf("%d records in %d batches", len(k.Records()), k.Batches())
		}
	})
}

func TestFallbackIsReported(t *testing.T) {
	k := inputtest.New()
	if _, err := k.Build(new(config), "dummy", "just words", "metadata", "7"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"just words", "the option dummy", "the option metadata"} {
		if !strings.Contains(k.Log(), want) {
			t.Errorf("%q is missing in the log:\n%s", want, k.Log())
		}
	}
}

func TestWhatIsBehindTheMapsIsReported(t *testing.T) {
	k := inputtest.New()
	if _, err := k.Build(new(config), "dummy", `{"a":1} # one`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(k.Log(), "behind its JSON maps") {
		t.Errorf("the log does not say it:\n%s", k.Log())
	}
}

func TestNoCopiesAreRefused(t *testing.T) {
	_, err := inputtest.New().Build(new(config), "samples", "1", "copies", "0")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:2:1: copies: 0") {
		t.Errorf("got %v", err)
	}
}

func TestRefusedBatchEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := inputtest.New()
		k.Refuse(context.DeadlineExceeded)
		if err := k.Start(t, t.Context(), new(config), "flush_on_startup", "on")(); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
	})
}

func TestHangOnExitOutlastsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		if err := inputtest.New().Start(t, ctx, new(config), "test_hang_on_exit", "on", "samples", "1", "flush_on_startup", "on")(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 1001*time.Second {
			t.Errorf("stopped after %v", took)
		}
	})
}

func FuzzParseMaps(f *testing.F) {
	f.Add(`[{"a":1},{"b":2}] {"c":3}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseMaps(text)
		if err == nil && len(list) == 0 {
			t.Error("neither maps nor an error")
		}
		for _, v := range list {
			if _, rest, err := event.CheckValue(v); err != nil || len(rest) > 0 || v.Type() != event.TypeMap {
				t.Errorf("%q yields %x: %v", text, []byte(v), err)
			}
		}
	})
}

func BenchmarkSample(b *testing.B) {
	in, err := inputtest.New().Build(new(config), "copies", "1000", "dummy", `{"message":"a line of some length","n":12,"deep":{"a":[1,2,3]}}`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := in.(*input).sample(b.Context(), discard{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "records/s")
}

type discard struct{}

func (discard) Emit(context.Context, *event.Batch) error { return nil }

var _ plugin.Emitter = discard{}
