// Package proc is the input proc: whether a process runs, and the memory and open files that it uses.
//
// A record holds alive (boolean), proc_name and pid, which is -1 when there is none; with mem the numbers
// mem.VmPeak to mem.VmSwap; with fd the number of open files. A process that does not run uses 0 of all.
package proc

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input proc.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "proc",
	Summary: "Whether a process runs, its memory and open files",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return &config{root: "/proc"} },
}

type config struct {
	name           string
	alert, mem, fd bool
	interval       ticker.Interval
	root           string // where procfs is mounted
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.String("proc_name", &c.name).Required().
			Help("Name of the program to look for: the last part of the path that it was started with."),
		option.Switch("alert", &c.alert).Default("false").
			Help("Makes records only while the process does not run."),
		option.Switch("mem", &c.mem).Default("true").
			Help("Adds the process's memory to the records."),
		option.Switch("fd", &c.fd).Default("true").
			Help("Adds the number of open files to the records."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.name == "" {
		v, _ := option.Lookup(env.Properties, "proc_name")
		return nil, &option.Error{Pos: v.Pos, Msg: "proc_name: the name is empty", Cure: "give the name of a program"}
	}
	return &input{
		env: env, name: c.name, alert: c.alert, mem: c.mem, fd: c.fd,
		proc: procfs(c.root), period: c.interval.Period(time.Second),
	}, nil
}

type input struct {
	env            plugin.Env
	name           string
	alert, mem, fd bool
	proc           procfs
	period         time.Duration
	denied         bool // the open files could not be counted the last time
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{Tag: in.env.Tag, Log: in.env.Log, Period: in.period, Sample: in.sample}.Run(ctx, to)
}

// status is what is known about the process. A pid below 0 means that it does not run.
type status struct {
	pid   int
	mem   memory
	files int // below 0: not known
}

func (in *input) sample(b *event.Batch) error {
	st, err := in.look()
	if err != nil {
		return err
	}
	if in.alert && st.pid >= 0 {
		return nil
	}
	n := 3
	if in.mem {
		n += len(memoryKeys)
	}
	if in.fd && st.files >= 0 {
		n++
	}
	dst := event.AppendMap(b.Begin(event.Now()), n)
	dst = event.AppendBool(event.AppendStr(dst, "alive"), st.pid >= 0)
	dst = event.AppendStr(event.AppendStr(dst, "proc_name"), in.name)
	dst = event.AppendInt(event.AppendStr(dst, "pid"), int64(st.pid))
	if in.mem {
		for i, key := range memoryKeys {
			dst = event.AppendUint(event.AppendStr(dst, "mem.Vm"+key), st.mem[i])
		}
	}
	if in.fd && st.files >= 0 {
		dst = event.AppendUint(event.AppendStr(dst, "fd"), uint64(st.files))
	}
	b.Commit(dst)
	return nil
}

var down = status{pid: -1}

// look finds the process and measures it. One that ends meanwhile does not run.
func (in *input) look() (status, error) {
	pid, err := in.proc.find(in.name)
	if err != nil || pid < 0 {
		return down, err
	}
	st := status{pid: pid}
	if in.mem {
		if st.mem, err = in.proc.memory(pid); err != nil {
			return gone(err)
		}
	}
	if in.fd {
		if st.files, err = in.files(pid); err != nil {
			return gone(err)
		}
	}
	return st, nil
}

func gone(err error) (status, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return down, nil
	}
	return down, err
}

// files counts the open files; -1 when another user's process does not let us.
func (in *input) files(pid int) (int, error) {
	n, err := in.proc.files(pid)
	if !errors.Is(err, fs.ErrPermission) {
		in.denied = false
		return n, err
	}
	if !in.denied {
		in.env.Log.Warn("may not count the open files of the process; the records go on without fd", "error", err)
	}
	in.denied = true
	return -1, nil
}
