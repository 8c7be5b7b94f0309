// Package ticker is what inputs share that take a sample every so often: the two settings that make an
// interval, and the loop that turns samples into batches.
package ticker

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Interval is a period as Fluent Bit's settings spell it: interval_sec seconds and interval_nsec
// nanoseconds, added.
type Interval struct{ Sec, Nsec int }

// Options returns interval_sec and interval_nsec bound to i. sec is interval_sec's default.
func (i *Interval) Options(sec string) []option.Option {
	return []option.Option{
		option.Int("interval_sec", &i.Sec).Default(sec).
			Help("Seconds between two samples; interval_nsec is added."),
		option.Int("interval_nsec", &i.Nsec).Default("0").
			Help("Nanoseconds between two samples, on top of interval_sec; set interval_sec to 0 to sample more often than every second."),
	}
}

// Period returns the interval, or fallback when none is set: neither number is positive.
func (i Interval) Period(fallback time.Duration) time.Duration {
	sec, nsec := max(i.Sec, 0), max(i.Nsec, 0)
	if sec == 0 && nsec == 0 {
		return fallback
	}
	if sec >= math.MaxInt64/int(time.Second)-1 {
		return math.MaxInt64 // 292 years
	}
	d := time.Duration(sec)*time.Second + time.Duration(nsec)
	if d < 0 {
		return math.MaxInt64
	}
	return d
}

// Sampler takes one sample each Period.
type Sampler struct {
	Tag    string
	Log    *slog.Logger
	Period time.Duration
	Count  int // how many batches to emit; 0 never ends

	// Sample appends the records of one sample to b; none is fine. After an error nothing of the sample
	// is emitted: the error is logged, once until a sample succeeds again.
	Sample func(b *event.Batch) error
}

var errEnough = errors.New("as many batches as asked for")

// Run emits a batch per sample, the first after one Period, until ctx ends or Count is reached. A period that ends while the
// last batch still waits to be taken is left out.
func (s Sampler) Run(ctx context.Context, to plugin.Emitter) error {
	failed, emitted := 0, 0
	err := plugin.Every(ctx, s.Period, func() error {
		b := event.New(s.Tag)
		if err := s.Sample(b); err != nil {
			if failed++; failed == 1 {
				s.Log.Warn("no sample taken; trying again each interval", "error", err)
			}
			return nil
		}
		if failed > 0 {
			s.Log.Info("samples can be taken again", "missed", failed)
			failed = 0
		}
		if b.Len() == 0 {
			return nil
		}
		if err := to.Emit(ctx, b); err != nil {
			return err
		}
		if emitted++; emitted == s.Count {
			return errEnough
		}
		return nil
	})
	if ctx.Err() != nil || err == errEnough {
		return nil
	}
	return err
}
