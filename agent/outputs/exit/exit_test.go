package exit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestTheFlushThatReachesALimitStopsTheAgentOnce(t *testing.T) {
	// check tells after which flush of two records the agent stops.
	check := func(want int, pairs ...string) {
		t.Helper()
		k := outputtest.New()
		o, err := k.Build(Plugin.Config(), pairs...)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for i := 1; i <= 5; i++ {
			if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{}]`, `[2,{}]`)); err != nil {
				t.Fatal(err)
			}
			if got == 0 && len(k.Stops()) > 0 {
				got = i
			}
		}
		if got != want || len(k.Stops()) > 1 {
			t.Errorf("%v: stopped after flush %d, want %d; stops %v", pairs, got, want, k.Stops())
		}
	}
	check(1) // without a limit
	check(3, "flush_count", "3")
	check(1, "flush_count", "0")
	check(1, "record_count", "2")
	check(2, "record_count", "3")
	check(2, "record_count", "9", "flush_count", "2")
}

func TestTimeRunsOutWithoutData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := outputtest.New()
		o, err := k.Build(Plugin.Config(), "time_count", "10")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := o.(plugin.Background).Background(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) != 10*time.Second || len(k.Stops()) != 1 {
			t.Errorf("stopped %v after %v", k.Stops(), time.Since(start))
		}
	})
}

func TestBackgroundEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, seconds := range []string{"-1", "1000"} {
		k := outputtest.New()
		o, err := k.Build(Plugin.Config(), "time_count", seconds)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.(plugin.Background).Background(ctx); err != nil || len(k.Stops()) > 0 {
			t.Error(err, k.Stops())
		}
	}
}
