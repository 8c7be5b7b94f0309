package worker

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

// collector takes what an input emits and settles it.
type collector struct {
	got   []string
	kinds []event.Kinds
	stop  context.CancelFunc // called after as many batches
	n     int
}

func (c *collector) Emit(_ context.Context, b *event.Batch) error {
	for r := range b.Records() {
		c.got = append(c.got, fmt.Sprintf("%s %s", b.Tag, event.AppendJSON(nil, r.Get("n"), event.JSONStyle{})))
	}
	c.kinds = append(c.kinds, b.Kind)
	b.Settle(event.Delivered)
	if c.n--; c.n == 0 && c.stop != nil {
		c.stop()
	}
	return nil
}

func (r *rig) typedInput(kv ...string) *typedInput {
	r.tb.Helper()
	i, err := build(r, r.mod.InputSpec(), "typed.0", kv...)
	if err == nil {
		err = i.(*typedInput).Start(r.tb.Context())
	}
	if err != nil {
		r.tb.Fatal(err)
	}
	return i.(*typedInput)
}

func TestTypedInputHandsOverItsBatchesAndLearnsOfTheirSettlement(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		i := r.typedInput("mode", "retag")
		c := &collector{}
		if err := i.Run(t.Context(), c); err != nil {
			t.Error(err)
		}
		if want := []string{"t.0 0", "t.1 1", "t.2 2"}; !slices.Equal(c.got, want) {
			t.Errorf("%q, want %q", c.got, want)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		for k := range 3 {
			if r.count(fmt.Sprintf("settled %d delivered", k)) != 1 {
				t.Errorf("settlement %d was not told: %q", k, r.lines())
			}
		}
	})
}

func TestTypedInputHandsOverLargeBatches(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		c := &collector{}
		if err := r.typedInput("mode", "grow", "n", "2").Run(t.Context(), c); err != nil || len(c.got) != 122 {
			t.Errorf("%d records: %v", len(c.got), err)
		}
	})
}

func TestTypedInputThatFailsSaysWhy(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		err := r.typedInput("mode", "fail").Run(t.Context(), &collector{})
		if err == nil || err.Error() != "the source dried up" {
			t.Error(err)
		}
	})
}

func TestTypedInputStopsWhenItIsTold(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		i := r.typedInput("mode", "wait")
		ctx, stop := context.WithCancel(t.Context())
		if err := i.Run(ctx, &collector{n: 3, stop: stop}); err != nil {
			t.Error(err)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if r.count("close") != 1 {
			t.Errorf("%q", r.lines())
		}
	})
}

// A batch that the agent has no room for is not to be forgotten: the next worker reads it again.
func TestBatchThatCannotBeTakenIsReadAgain(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		n := r.typedInput("mode", "grow", "n", "1")
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		none := limit
		none.Cur = 0
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
			t.Fatal(err)
		}
		more, err := n.next(t.Context(), &collector{})
		if bad := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); bad != nil {
			t.Fatal(bad)
		}
		if !more || err != nil {
			t.Fatal(more, err)
		}
		c := &collector{}
		if err := n.Run(t.Context(), c); err != nil || len(c.got) != 61 {
			t.Errorf("%d records: %v", len(c.got), err)
		}
	})
}

func TestTypedInputMayGiveSeveralSignals(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		c := &collector{}
		if err := r.typedInput("mode", "mixed", "n", "1").Run(t.Context(), c); err != nil {
			t.Error(err)
		}
		if want := []event.Kinds{event.Logs, event.Metrics}; !slices.Equal(c.kinds, want) {
			t.Errorf("%v, want %v:\n%s", c.kinds, want, r.log)
		}
	})
}

func TestPanicsInWhatThePluginRegisteredCostNoWorker(t *testing.T) {
	alive := func(t *testing.T, r *rig, words string) {
		t.Helper()
		waitFor(t, "the panic in the log", func() bool { return r.log.has(words) })
		if r.log.has("ended") {
			t.Errorf("the worker has ended:\n%s", r.log)
		}
	}
	eachForm(t, "output", func(t *testing.T, r *rig) {
		r.output("typed.0", "mode", "bad-gauge")
		r.mod.Collect(new(metric.Set))
		alive(t, r, "panic: in a gauge")
	})
	eachForm(t, "input", func(t *testing.T, r *rig) {
		n := r.typedInput("mode", "bad-settle")
		if err := n.Run(t.Context(), &collector{}); err != nil {
			t.Error(err)
		}
		n.Close()
		alive(t, r, "panic: in a settlement")
	})
}

func TestInputThatHangsInASettlementIsClosedInTime(t *testing.T) {
	r := newRig(t, "typed-input")
	n := r.typedInput("mode", "hang-settle")
	if err := n.Run(t.Context(), &collector{}); err != nil {
		t.Error(err)
	}
	start := time.Now()
	n.Close()
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("it took %v", d)
	}
}
