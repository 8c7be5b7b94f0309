package throttle

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/plugin"
)

func build(t *testing.T, conf ...string) plugin.Filter {
	t.Helper()
	f, err := filtertest.Build(Plugin, filtertest.Properties(conf...))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// send filters n records and returns how many are left.
func send(t *testing.T, f plugin.Filter, n int) int {
	t.Helper()
	lines := make([]string, n)
	for i := range lines {
		lines[i] = `{"a":1}`
	}
	b := filtertest.Batch(t, lines...)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

func TestTheAverageOverTheWindowIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := build(t, "rate 2", "window 3", "interval 10s")
		want := func(n, left int) {
			t.Helper()
			if got := send(t, f, n); got != left {
				t.Errorf("of %d records %d passed, want %d", n, got, left)
			}
		}
		want(4, 4)
		time.Sleep(10 * time.Second)
		want(4, 2)
		time.Sleep(9 * time.Second)
		want(1, 0)
		time.Sleep(time.Second)
		want(1, 0)
		time.Sleep(10 * time.Second) // the first pane leaves the window
		want(9, 4)
		time.Sleep(1000 * time.Hour)
		want(9, 6)
	})
}

func TestAWindowOfOneHoldsBackToo(t *testing.T) {
	if got := send(t, build(t, "rate 2", "window 1", "interval 1h"), 5); got != 2 {
		t.Errorf("%d passed", got)
	}
}

func TestALowRateCountsAsOne(t *testing.T) {
	if got := send(t, build(t, "rate 0.1", "interval 1h"), 10); got != 5 {
		t.Errorf("%d passed", got)
	}
}

func TestTheStatusIsLoggedWhenAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		spec := filtertest.With(Plugin, func(env *plugin.Env) { env.Log = slog.New(slog.NewTextHandler(&text, nil)) })
		f, err := filtertest.Build(spec, filtertest.Properties("rate 2", "window 1", "interval 1m", "print_status on"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		defer cancel()
		send(t, f, 5)
		if err := f.(plugin.Background).Background(ctx); err != nil {
			t.Fatal(err)
		}
		const start = "limit is 2.00 per 1m with a window of 1 intervals: 2 records passed within the window, "
		if at, later, _ := strings.Cut(text.String(), "\n"); !strings.Contains(at, start+"3 were dropped") || !strings.Contains(later, start+"0 were dropped") || strings.Count(later, "\n") != 1 {
			t.Error(&text)
		}
	})
	if err := build(t).(plugin.Background).Background(context.Background()); err != nil {
		t.Error(err) // it ends at once
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("window 0", "is not between 1 and")
	f("interval 0", "is less than 1ms")
	f("interval soon", "is not a time")
}

func TestCountingCostsNoAllocation(t *testing.T) {
	for _, rate := range []string{"rate 1", "rate 1000000"} {
		if n := filtertest.Allocs(t, Plugin, filtertest.Properties(rate, "interval 1h"), `{"a":1}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", rate, n)
		}
	}
}

func BenchmarkThrottle(b *testing.B) { filtertest.Bench(b, Plugin, "rate 100000", "interval 1m") }
