// Package mem is the input mem: how much memory the system, and one process, use.
//
// A record holds, in units of 1024 bytes, Mem.total, Mem.used, Mem.free, Swap.total, Swap.used and
// Swap.free. Memory that serves as cache counts as used. With a process there are two more: proc_bytes, its
// resident memory in bytes, and proc_hr, the same for people, such as "12.34M".
package mem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input mem.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "mem",
	Summary: "Memory usage of the system and of one process",
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
		option.Int("pid", &c.pid).Default("0").
			Help("ID of a process whose memory is added to the records; 0 adds none."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.pid < 0 {
		v, _ := option.Lookup(env.Properties, "pid")
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("pid: %d is no process", c.pid), Cure: "give the ID of a process, or 0 for none"}
	}
	return &input{env: env, pid: c.pid, root: c.root, period: c.interval.Period(time.Second)}, nil
}

type input struct {
	env    plugin.Env
	pid    int
	root   string
	period time.Duration
	gone   bool // the process could not be measured the last time
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{Tag: in.env.Tag, Log: in.env.Log, Period: in.period, Sample: in.sample}.Run(ctx, to)
}

func (in *input) sample(b *event.Batch) error {
	name := filepath.Join(in.root, "meminfo")
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the memory usage: %w", err)
	}
	m, err := parseMeminfo(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	rss, measured := in.process()

	dst := b.Begin(event.Now())
	if measured {
		dst = event.AppendMap(dst, 8)
	} else {
		dst = event.AppendMap(dst, 6)
	}
	dst = appendUsage(dst, "Mem", m.total, m.free)
	dst = appendUsage(dst, "Swap", m.swapTotal, m.swapFree)
	if measured {
		dst = event.AppendUint(event.AppendStr(dst, "proc_bytes"), rss)
		dst = event.AppendStr(event.AppendStr(dst, "proc_hr"), readable(rss))
	}
	b.Commit(dst)
	return nil
}

func appendUsage(dst []byte, what string, total, free uint64) []byte {
	dst = event.AppendUint(event.AppendStr(dst, what+".total"), total)
	dst = event.AppendUint(event.AppendStr(dst, what+".used"), total-min(free, total))
	return event.AppendUint(event.AppendStr(dst, what+".free"), free)
}

// process returns the resident memory of the process, unless none is asked for or it is not there. The
// system's memory is worth a record all the same.
func (in *input) process() (rss uint64, ok bool) {
	if in.pid == 0 {
		return 0, false
	}
	data, err := os.ReadFile(filepath.Join(in.root, strconv.Itoa(in.pid), "stat"))
	if err == nil {
		rss, err = parseResident(data)
	}
	if err != nil && !in.gone {
		in.env.Log.Warn("cannot measure the process; the records go on without it", "pid", in.pid, "error", err)
	}
	in.gone = err != nil
	return rss, err == nil
}

// meminfo holds what proc_meminfo(5) says, in units of 1024 bytes.
type meminfo struct{ total, free, swapTotal, swapFree uint64 }

func parseMeminfo(data []byte) (m meminfo, err error) {
	want := map[string]*uint64{"MemTotal": &m.total, "MemFree": &m.free, "SwapTotal": &m.swapTotal, "SwapFree": &m.swapFree}
	for line := range bytes.Lines(data) {
		key, value, _ := bytes.Cut(line, []byte{':'})
		p := want[string(key)]
		f := bytes.Fields(value)
		if p == nil || len(f) == 0 {
			continue
		}
		if *p, err = strconv.ParseUint(string(f[0]), 10, 64); err != nil {
			return m, fmt.Errorf("%s is no number", key)
		}
		delete(want, string(key))
	}
	for key := range want {
		return m, fmt.Errorf("has no %s", key)
	}
	return m, nil
}

// parseResident reads field 24 of proc_pid_stat(5), in pages, and returns bytes.
func parseResident(data []byte) (uint64, error) {
	f := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // the process's name may hold blanks
	const rss = 24 - 3
	if len(f) <= rss {
		return 0, errors.New("has not the form of proc_pid_stat(5)")
	}
	pages, err := strconv.ParseUint(string(f[rss]), 10, 48)
	if err != nil {
		return 0, errors.New("its resident memory is no number of pages")
	}
	return pages * uint64(os.Getpagesize()), nil
}

// readable writes a number of bytes with two digits and the unit that suits it; units are powers of 1024.
func readable(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d b", n)
	}
	f, unit := float64(n), 0
	for f >= 1024 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.2f%c", f, "bKMGTPE"[unit])
}
