package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// rateSettings are what an input says about its rate gate.
type rateSettings struct {
	on           bool
	maxBytes     int64
	maxRecords   int
	backpressure bool
	resume       float64
	window       time.Duration
}

func (s *rateSettings) options() []option.Option {
	return []option.Option{
		option.Switch("rate_gate", &s.on).Default("false").Help("Pause the input while it brings more than rate_gate.max_bytes or rate_gate.max_records."),
		option.Var("rate_gate.max_bytes", "size", &s.maxBytes, option.AtLeast(option.ParseSize, 0)).Default("0").Help("Bytes per second; 0 for no limit."),
		option.Var("rate_gate.max_records", "integer", &s.maxRecords, option.AtLeast(option.ParseInt, 0)).Default("0").Help("Records per second; 0 for no limit."),
		option.Switch("rate_gate.backpressure", &s.backpressure).Default("true").Help("Divide the limits by the number of chunks that wait for outputs and of their retries, and one."),
		option.Var("rate_gate.resume_ratio", "double", &s.resume, func(t string) (float64, error) {
			f, err := option.ParseFloat(t)
			if err == nil && (f <= 0 || f >= 1) {
				err = errors.New("is not between 0 and 1")
			}
			return f, err
		}).Default("0.80").Help("The gate opens again when the rate has fallen below this part of the limit."),
		option.Var("rate_window", "time", &s.window, option.AtLeast(option.ParseDuration, time.Second)).Default("1s").Help("The span over which rates are measured."),
	}
}

// rateGate holds an input back that brings too much in a window of time. The rate falls while nothing comes,
// so the larger the excess the longer the pause.
type rateGate struct {
	mu             sync.Mutex
	start          time.Time // of the window
	records, bytes float64   // in it
	closed         bool
}

// wait blocks while the rate is too high.
func (g *rateGate) wait(ctx context.Context, in *input) error {
	for {
		pause, change := g.look(in)
		if pause <= 0 {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-change: // an output has taken something
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return errPaused
		}
	}
}

// look returns how long to wait, and what may make that shorter.
func (g *rateGate) look(in *input) (time.Duration, <-chan struct{}) {
	set := &in.settings.rate
	room := in.pipe().room()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	share := 1.0
	if set.backpressure {
		share = 1 / float64(in.busy.chunks.Load()+in.busy.retries.Load()+1)
	}
	if !g.closed {
		if g.start.IsZero() || now.Sub(g.start) >= set.window {
			g.start, g.records, g.bytes = now, 0, 0
		}
		if g.needs(set, share, set.window) <= 0 {
			return 0, nil
		}
		g.closed = true
		in.log.Warn(fmt.Sprintf("%s paused (rate gate: %.0f records and %.0f bytes in %v)", in.shown(), g.records, g.bytes, set.window))
	}
	if left := g.needs(set, share*set.resume, now.Sub(g.start)); left > 0 {
		return left, room
	}
	g.closed, g.start, g.records, g.bytes = false, now, 0, 0
	in.log.Info("resume (" + in.shown() + ", rate gate)")
	return 0, nil
}

// needs returns how much longer than so long the window would have to be for its rates to be within the
// limits.
func (g *rateGate) needs(set *rateSettings, share float64, long time.Duration) time.Duration {
	var seconds float64
	if set.maxRecords > 0 {
		seconds = g.records / (float64(set.maxRecords) * share)
	}
	if set.maxBytes > 0 {
		seconds = max(seconds, g.bytes/(float64(set.maxBytes)*share))
	}
	seconds = min(seconds, (long + time.Hour).Seconds()) // more may be too much for a duration
	return time.Duration(seconds*float64(time.Second)) - long
}

func (g *rateGate) count(b *event.Batch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.records += float64(b.Len())
	g.bytes += float64(len(b.Bytes()))
}

func (g *rateGate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}
