package ticker_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

func TestIntervalIsTheSumOfBothSettings(t *testing.T) {
	for _, c := range []struct {
		sec, nsec int
		want      time.Duration
	}{
		{1, 0, time.Second},
		{0, 100_000_000, 100 * time.Millisecond},
		{2, 500_000_000, 2500 * time.Millisecond},
		{0, 0, time.Minute},
		{-1, -1, time.Minute},
		{-1, 5, 5},
		{math.MaxInt64, 0, math.MaxInt64},
		{math.MaxInt64/1_000_000_000 - 2, math.MaxInt64, math.MaxInt64},
	} {
		if got := (ticker.Interval{Sec: c.sec, Nsec: c.nsec}).Period(time.Minute); got != c.want {
			t.Errorf("%d s + %d ns = %v, want %v", c.sec, c.nsec, got, c.want)
		}
	}
}

func TestOptionsFillTheInterval(t *testing.T) {
	var i ticker.Interval
	err := option.Decode(i.Options("7"), []option.Property{{Key: "interval_nsec", Value: option.Value{Text: "3"}}}, option.Pos{})
	if err != nil || i != (ticker.Interval{Sec: 7, Nsec: 3}) {
		t.Errorf("got %+v, %v", i, err)
	}
}

type emitter func(b *event.Batch) error

func (f emitter) Emit(_ context.Context, b *event.Batch) error { return f(b) }

func TestFirstSampleComesAfterOnePeriodAndFailuresAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		start := time.Now()
		var at []time.Duration
		ctx, stop := context.WithTimeout(context.Background(), 6500*time.Millisecond)
		defer stop()
		n := 0
		err := ticker.Sampler{
			Tag:    "x",
			Log:    slog.New(slog.NewTextHandler(&log, nil)),
			Period: time.Second,
			Sample: func(b *event.Batch) error {
				switch n++; n {
				case 2, 3:
					b.Append(event.Now(), nil, event.Value{0x80})
					return errors.New("cannot read it")
				case 5:
					return nil // nothing to say
				}
				b.Append(event.Now(), nil, event.Value{0x80})
				return nil
			},
		}.Run(ctx, emitter(func(b *event.Batch) error {
			if b.Tag != "x" || b.Len() != 1 {
				t.Errorf("emitted %d records under %q", b.Len(), b.Tag)
			}
			at = append(at, time.Since(start))
			return nil
		}))
		if err != nil {
			t.Error(err)
		}
		if len(at) != 3 || at[0] != time.Second || at[1] != 4*time.Second || at[2] != 6*time.Second {
			t.Errorf("batches came at %v", at)
		}
		if strings.Count(log.String(), "cannot read it") != 1 || !strings.Contains(log.String(), "missed=2") {
			t.Errorf("the log says:\n%s", &log)
		}
	})
}

func TestRefusedBatchEndsTheRunWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		err := ticker.Sampler{Period: time.Second, Sample: func(b *event.Batch) error {
			b.Append(event.Now(), nil, event.Value{0x80})
			return nil
		}}.Run(t.Context(), emitter(func(*event.Batch) error { return refused }))
		if err != refused {
			t.Errorf("got %v", err)
		}
	})
}

func TestCountEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, emitted := time.Now(), 0
		err := ticker.Sampler{Period: time.Second, Count: 3, Sample: func(b *event.Batch) error {
			b.Append(event.Now(), nil, event.Value{0x80})
			return nil
		}}.Run(t.Context(), emitter(func(*event.Batch) error { emitted++; return nil }))
		if err != nil || emitted != 3 || time.Since(start) != 3*time.Second {
			t.Errorf("%d batches after %v, %v", emitted, time.Since(start), err)
		}
	})
}
