// Package dummy is the input dummy: it repeats one text as records, to try a configuration out or to put
// load on a pipeline.
package dummy

import (
	"context"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input dummy.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "dummy",
	Summary: "Makes records of a given text",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const (
	defaultBody = `{"message":"dummy"}`
	defaultMeta = `{}`
)

type config struct {
	samples, copies, rate int
	body, meta            string
	interval              ticker.Interval
	startSec, startNsec   int
	fixed, atStart, hang  bool
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.Int("samples", &c.samples).Default("0").
			Help("How many times records are made before the input falls silent; 0 never ends."),
		option.String("dummy", &c.body).Default(defaultBody).
			Help("The record: a JSON map. An array of maps, or several maps, make a record each."),
		option.String("metadata", &c.meta).Default(defaultMeta).
			Help("The metadata of every record: a JSON map."),
		option.Int("rate", &c.rate).Default("1").
			Help("How many times a second records are made, unless an interval is set."),
		option.Int("copies", &c.copies).Default("1").
			Help("How often the record is repeated each time."),
		option.Int("start_time_sec", &c.startSec).Default("-1").
			Help("Seconds since 1970 at which the records' clock starts; -1 takes the time of day."),
		option.Int("start_time_nsec", &c.startNsec).Default("-1").
			Help("Nanoseconds to go with start_time_sec."),
		option.Switch("fixed_timestamp", &c.fixed).Default("off").
			Help("Stops the records' clock: all carry the time at which it started."),
		option.Switch("flush_on_startup", &c.atStart).Default("false").
			Help("Makes the first records at once instead of after the first interval."),
		option.Switch("test_hang_on_exit", &c.hang).Default("false").
			Help("For tests of the agent: takes 1000 seconds to stop."),
	}, c.interval.Options("0")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.copies < 1 {
		v, _ := option.Lookup(env.Properties, "copies")
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("copies: %d would never make a record", c.copies), Cure: "give 1 or more"}
	}
	in := &input{
		env:     env,
		bodies:  bodies(env, c.body),
		meta:    metadata(env, c.meta),
		copies:  c.copies,
		samples: c.samples,
		atStart: c.atStart,
		hang:    c.hang,
		clock:   newClock(c.startSec, c.startNsec, c.fixed),
	}
	in.period, in.burst = c.pace()
	return in, nil
}

// finest is the shortest period that is waited for. A higher rate makes several samples each time.
const finest = time.Millisecond

// pace returns how long to wait between bursts of samples.
func (c *config) pace() (period time.Duration, burst int) {
	period = c.interval.Period(time.Second / time.Duration(max(1, min(c.rate, 1e9))))
	if period >= finest {
		return period, 1
	}
	burst = int((finest + period/2) / period)
	return period * time.Duration(burst), burst
}

type input struct {
	env           plugin.Env
	bodies        []event.Value
	meta          event.Value
	copies        int
	samples       int // <= 0: no end
	period        time.Duration
	burst         int
	atStart, hang bool
	clock         clock
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	in.clock.begin(time.Now())
	err := in.emit(ctx, to)
	if in.hang {
		<-ctx.Done()
		time.Sleep(1000 * time.Second)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (in *input) emit(ctx context.Context, to plugin.Emitter) error {
	made := 0
	left := func() int {
		if in.samples <= 0 {
			return in.burst
		}
		return min(in.samples-made, in.burst)
	}
	if in.atStart {
		if err := in.sample(ctx, to); err != nil {
			return err
		}
		made++
	}
	// Fluent Bit's timers go off somewhere within the first period, so that the first record is of the second
	// at which the clock starts, the next one of the second after it. The middle keeps that true on a busy machine.
	tick := time.NewTicker(in.period / 2)
	defer tick.Stop()
	for first := true; left() > 0; first = false {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if first {
			tick.Reset(in.period)
		}
		for range left() {
			if err := in.sample(ctx, to); err != nil {
				return err
			}
			made++
		}
	}
	return nil
}

// batchBytes is where a sample of very many copies goes on in another batch.
const batchBytes = 1 << 20

func (in *input) sample(ctx context.Context, to plugin.Emitter) error {
	b, t := event.New(in.env.Tag), in.clock.at(time.Now())
	for range in.copies {
		if len(b.Bytes()) >= batchBytes {
			if err := to.Emit(ctx, b); err != nil {
				return err
			}
			b = event.New(in.env.Tag)
		}
		for _, body := range in.bodies {
			b.Append(t, in.meta, body)
		}
	}
	return to.Emit(ctx, b)
}
