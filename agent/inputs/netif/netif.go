// Package netif is the input netif: the traffic of one network interface since the last sample.
//
// A record for eth0 holds whole numbers under eth0.rx.bytes, eth0.rx.packets, eth0.rx.errors, eth0.tx.bytes,
// eth0.tx.packets and eth0.tx.errors; with verbose every counter that the kernel keeps.
package netif

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

// Plugin is the input netif.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "netif",
	Summary: "Traffic of a network interface",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return &config{root: "/proc"} },
}

// columns are the counters in the order of /proc/net/dev under the names that records give them. The
// spelling of the last one is Fluent Bit's.
var columns = [...]struct {
	name   string
	always bool // not only when verbose
}{
	{"rx.bytes", true}, {"rx.packets", true}, {"rx.errors", true}, {"rx.drop", false},
	{"rx.fifo", false}, {"rx.frame", false}, {"rx.compressed", false}, {"rx.multicast", false},
	{"tx.bytes", true}, {"tx.packets", true}, {"tx.errors", true}, {"tx.drop", false},
	{"tx.fifo", false}, {"tx.collisions", false}, {"tx.carrier", false}, {"tx.compressepd", false},
}

type counters [len(columns)]uint64

type config struct {
	name              string
	verbose, mustBeUp bool
	interval          ticker.Interval
	root              string // where procfs is mounted
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.String("interface", &c.name).Required().
			Help("Name of the network interface, such as eth0."),
		option.Switch("verbose", &c.verbose).Default("false").
			Help("Records every counter instead of bytes, packets and errors only."),
		option.Switch("test_at_init", &c.mustBeUp).Default("false").
			Help("Refuses to start when the interface is not there."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.name == "" {
		v, _ := option.Lookup(env.Properties, "interface")
		return nil, &option.Error{Pos: v.Pos, Msg: "interface: the name is empty", Cure: "give the name of a network interface, such as eth0"}
	}
	in := &input{
		env:      env,
		name:     c.name,
		file:     filepath.Join(c.root, "net/dev"),
		mustBeUp: c.mustBeUp,
		period:   c.interval.Period(time.Second),
	}
	for i, col := range columns {
		if col.always || c.verbose {
			in.keys = append(in.keys, key{i, c.name + "." + col.name})
		}
	}
	return in, nil
}

// key is one counter that records hold.
type key struct {
	column int
	name   string
}

type input struct {
	env      plugin.Env
	name     string
	file     string
	mustBeUp bool
	period   time.Duration
	keys     []key

	last  counters
	known bool // last was read
}

// Start takes the first sample, which only serves to be compared with.
func (in *input) Start(context.Context) error {
	var err error
	in.last, err = in.read()
	in.known = err == nil
	if err != nil && in.mustBeUp {
		return err
	}
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{Tag: in.env.Tag, Log: in.env.Log, Period: in.period, Sample: in.sample}.Run(ctx, to)
}

func (in *input) read() (counters, error) {
	data, err := os.ReadFile(in.file)
	if err != nil {
		return counters{}, fmt.Errorf("reading the traffic of %s: %w", in.name, err)
	}
	c, err := parseDev(data, in.name)
	if err != nil {
		return c, fmt.Errorf("%s: %w", in.file, err)
	}
	return c, nil
}

func (in *input) sample(b *event.Batch) error {
	now, err := in.read()
	if err != nil {
		in.known = false // it counts anew when it comes back
		return err
	}
	last, known := in.last, in.known
	in.last, in.known = now, true
	if !known {
		return nil
	}
	dst := event.AppendMap(b.Begin(event.Now()), len(in.keys))
	for _, k := range in.keys {
		dst = event.AppendUint(event.AppendStr(dst, k.name), grown(last[k.column], now[k.column]))
	}
	b.Commit(dst)
	return nil
}

// grown returns what a counter gained. One that fell has started anew.
func grown(old, now uint64) uint64 {
	if now < old {
		return now
	}
	return now - old
}

// parseDev reads the counters of one interface from /proc/net/dev, see proc_pid_net(5): lines "name: 16
// numbers", the blank being optional.
func parseDev(data []byte, name string) (c counters, err error) {
	for line := range bytes.Lines(data) {
		i := bytes.LastIndexByte(line, ':') // names of aliases hold colons
		if i < 0 || string(bytes.TrimSpace(line[:i])) != name {
			continue
		}
		f := bytes.Fields(line[i+1:])
		if len(f) < len(c) {
			return c, fmt.Errorf("has only %d counters for %s", len(f), name)
		}
		for i := range c {
			if c[i], err = strconv.ParseUint(string(f[i]), 10, 64); err != nil {
				return c, fmt.Errorf("has %q as a counter for %s", f[i], name)
			}
		}
		return c, nil
	}
	return c, errors.New("there is no interface " + name)
}
