// Package cpu is the input cpu: how busy the processors, or one process, were since the last sample.
//
// A record holds percentages as floats. For the whole system: cpu_p, user_p and system_p, averaged over all
// processors and so at most 100, followed by cpu0.p_cpu, cpu0.p_user and cpu0.p_system for each processor.
// For one process only the first three. cpu_p is user_p plus system_p; nice time counts as user time.
package cpu

import (
	"context"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input cpu.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "cpu",
	Summary: "CPU usage of the system or of one process",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return &config{root: "/proc"} },
}

type config struct {
	pid      int
	interval ticker.Interval
	root     string // where procfs is mounted
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.Int("pid", &c.pid).Default("-1").
			Help("ID of the one process to measure; -1 measures the whole system."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.pid == 0 || c.pid < -1 {
		v, _ := option.Lookup(env.Properties, "pid")
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("pid: %d is no process", c.pid), Cure: "give the ID of a process, or -1 for the whole system"}
	}
	return &input{env: env, pid: c.pid, proc: procfs(c.root), period: c.interval.Period(time.Second)}, nil
}

type input struct {
	env    plugin.Env
	pid    int
	proc   procfs
	period time.Duration

	last usage // the sample that the next one is compared with
	keys []coreKeys
}

// usage is the processor time used up to a moment.
type usage struct {
	at    time.Time
	total spent   // of the system, or of the process
	cores []spent // empty when a process is measured
	n     int     // processors
}

// Start takes the first sample, which only serves to be compared with.
func (in *input) Start(context.Context) error {
	var err error
	in.last, err = in.measure()
	return err
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{Tag: in.env.Tag, Log: in.env.Log, Period: in.period, Sample: in.sample}.Run(ctx, to)
}

func (in *input) measure() (usage, error) {
	total, cores, err := in.proc.system()
	if err != nil {
		return usage{}, fmt.Errorf("reading the CPU usage: %w", err)
	}
	u := usage{at: time.Now(), total: total, cores: cores, n: max(1, len(cores))}
	if in.pid > 0 {
		u.cores = nil
		if u.total, err = in.proc.process(in.pid); err != nil {
			return usage{}, fmt.Errorf("reading the CPU usage of process %d: %w", in.pid, err)
		}
	}
	return u, nil
}

func (in *input) sample(b *event.Batch) error {
	now, err := in.measure()
	if err != nil {
		return err
	}
	last := in.last
	in.last = now
	// The kernel counts in ticks, so a finer measure of the time between would only feign precision.
	elapsed := now.at.Sub(last.at)
	if elapsed >= tick {
		elapsed = elapsed.Round(tick)
	}
	percent := 100 / max(elapsed.Seconds(), 1e-9) / ticksPerSecond

	dst := b.Begin(event.At(now.at))
	dst = event.AppendMap(dst, 3+3*len(now.cores))
	dst = appendUsage(dst, totalKeys, now.total.since(last.total), percent/float64(now.n))
	for i, core := range now.cores {
		dst = appendUsage(dst, in.coreKeys(i, core.name), core.since(find(last.cores, i, core.name)), percent)
	}
	b.Commit(dst)
	return nil
}

// find returns the processor called name, which stands at i unless processors came or went. One that was
// not there before is compared with nothing it did.
func find(cores []spent, i int, name string) spent {
	if i < len(cores) && cores[i].name == name {
		return cores[i] // fast path
	}
	for _, c := range cores {
		if c.name == name {
			return c
		}
	}
	return spent{user: 1<<64 - 1, system: 1<<64 - 1}
}

type coreKeys struct {
	name              string
	cpu, user, system string
}

var totalKeys = coreKeys{"", "cpu_p", "user_p", "system_p"}

func (in *input) coreKeys(i int, name string) coreKeys {
	for len(in.keys) <= i {
		in.keys = append(in.keys, coreKeys{})
	}
	if in.keys[i].name != name {
		in.keys[i] = coreKeys{name, name + ".p_cpu", name + ".p_user", name + ".p_system"}
	}
	return in.keys[i]
}

func appendUsage(dst []byte, k coreKeys, s spent, percent float64) []byte {
	dst = event.AppendFloat(event.AppendStr(dst, k.cpu), float64(s.user+s.system)*percent)
	dst = event.AppendFloat(event.AppendStr(dst, k.user), float64(s.user)*percent)
	return event.AppendFloat(event.AppendStr(dst, k.system), float64(s.system)*percent)
}
