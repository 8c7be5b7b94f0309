// Package disk is the input disk: how many bytes were read from and written to disks since the last sample.
//
// A record is {"read_size": N, "write_size": N}: sums over all block devices or over those whose name
// contains dev_name. As in Fluent Bit a disk and its partitions all count, so one byte may count twice
// unless dev_name tells them apart.
package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input disk.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "disk",
	Summary: "Bytes read from and written to disks",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return &config{root: "/proc"} },
}

type config struct {
	device   string
	interval ticker.Interval
	root     string // where procfs is mounted
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.String("dev_name", &c.device).
			Help("Counts only block devices whose name contains this, such as sda; unset counts all, partitions as well."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	return &input{
		env:    env,
		device: c.device,
		file:   filepath.Join(c.root, "diskstats"),
		period: c.interval.Period(time.Second),
	}, nil
}

type input struct {
	env    plugin.Env
	device string
	file   string
	period time.Duration
	last   map[string]sectors
}

// sectors counts what one device read and wrote since the system started. A sector has 512 bytes here,
// whatever the device's own are.
type sectors struct{ read, written uint64 }

const sectorSize = 512

// Start takes the first sample, which only serves to be compared with.
func (in *input) Start(context.Context) (err error) {
	in.last, err = in.read()
	return err
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{Tag: in.env.Tag, Log: in.env.Log, Period: in.period, Sample: in.sample}.Run(ctx, to)
}

func (in *input) read() (map[string]sectors, error) {
	data, err := os.ReadFile(in.file)
	if err != nil {
		return nil, fmt.Errorf("reading the disks' counters: %w", err)
	}
	all, err := parseDiskstats(data, in.device)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.file, err)
	}
	return all, nil
}

func (in *input) sample(b *event.Batch) error {
	now, err := in.read()
	if err != nil {
		return err
	}
	var sum sectors
	for name, n := range now {
		old, known := in.last[name]
		if !known {
			continue // nobody knows since when it has counted
		}
		sum.read += grown(old.read, n.read)
		sum.written += grown(old.written, n.written)
	}
	in.last = now

	dst := event.AppendMap(b.Begin(event.Now()), 2)
	dst = event.AppendUint(event.AppendStr(dst, "read_size"), sum.read*sectorSize)
	b.Commit(event.AppendUint(event.AppendStr(dst, "write_size"), sum.written*sectorSize))
	return nil
}

// grown returns what a counter gained. One that fell has started anew, with another device of that name.
func grown(old, now uint64) uint64 {
	if now < old {
		return now
	}
	return now - old
}

// parseDiskstats reads /proc/diskstats (Documentation/admin-guide/iostats.rst of the kernel): lines "major
// minor name reads merged SECTORS ms writes merged SECTORS …".
func parseDiskstats(data []byte, device string) (map[string]sectors, error) {
	all := map[string]sectors{}
	for line := range bytes.Lines(data) {
		f := bytes.Fields(line)
		if len(f) < 10 {
			return nil, errors.New("has lines that describe no block device")
		}
		name := string(f[2])
		if !strings.Contains(name, device) {
			continue
		}
		read, err1 := strconv.ParseUint(string(f[5]), 10, 64)
		written, err2 := strconv.ParseUint(string(f[9]), 10, 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("counts no sectors for %s", name)
		}
		all[name] = sectors{read, written}
	}
	return all, nil
}
