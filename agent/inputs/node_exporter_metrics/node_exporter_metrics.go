// Package node_exporter_metrics is the input node_exporter_metrics: metrics of the machine under the names of
// Prometheus' node_exporter.
package node_exporter_metrics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input node_exporter_metrics.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "node_exporter_metrics",
	Summary: "Metrics of the machine, as those of Prometheus' node_exporter",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	interval  time.Duration
	intervals map[string]*time.Duration // of single collectors; 0 for the common one
	names     []string
	text      string
	paths     paths

	mounts, types, devices *regex.Regexp // what is left out
	chips, sensors         chosen

	ignored struct {
		text string
		on   bool
	}
}

// paths are where the kernel shows what it knows; in containers they are mounted elsewhere.
type paths struct{ root, proc, sys string }

// timed are the collectors with an interval of their own.
var timed = []string{"cpu", "cpufreq", "meminfo", "diskstats", "filesystem", "uname", "stat", "time", "timex", "loadavg",
	"vmstat", "netdev", "netstat", "sockstat", "filefd", "textfile", "systemd", "processes", "thermalzone", "nvme", "hwmon"}

// missing are collectors that this build does not have.
var missing = []string{"systemd"}

const usual = "cpu,cpufreq,meminfo,diskstats,filesystem,uname,stat,time,timex,loadavg,vmstat,netdev,netstat,sockstat,filefd," +
	"systemd,nvme,thermal_zone,hwmon,powersupplyclass"

func (c *config) Options() []option.Option {
	opts := []option.Option{
		option.Duration("scrape_interval", &c.interval).Default("5").Help("How long to wait between two collections."),
	}
	c.intervals = map[string]*time.Duration{}
	for _, name := range timed {
		c.intervals[name] = new(time.Duration)
		opts = append(opts, option.Duration("collector."+name+".scrape_interval", c.intervals[name]).Default("0").
			Help("The same for this collector alone; 0 for scrape_interval."))
	}
	opts = append(opts,
		option.CSV("metrics", &c.names).Default(usual).Help("Which collectors work, separated by commas; textfile and processes are more. Of these, "+strings.Join(missing, ", ")+" is not in this build yet."),
		option.String("collector.textfile.path", &c.text).Help("Files in Prometheus' text format for the collector textfile: a pattern, or a directory of *.prom."),
		option.String("path.rootfs", &c.paths.root).Default("/").Help("Where the root of the file systems is mounted."),
		option.String("path.procfs", &c.paths.proc).Default("/proc").Help("Where proc is mounted."),
		option.String("path.sysfs", &c.paths.sys).Default("/sys").Help("Where sysfs is mounted."),
	)
	for _, name := range []string{"systemd_service_restart_metrics", "systemd_unit_start_time_metrics", "systemd_include_service_task_metrics"} {
		opts = append(opts, option.Switch(name, &c.ignored.on).Default("false").Help("For the collector systemd."))
	}
	ignore := func(name, fallback, help string, re **regex.Regexp) option.Option {
		return option.Var(name, "string", re, regex.Compile).Default(fallback).Help(help)
	}
	opts = append(opts,
		option.String("systemd_include_pattern", &c.ignored.text).Help("For the collector systemd."),
		option.String("systemd_exclude_pattern", &c.ignored.text).Default(`.+\.(automount|device|mount|scope|slice)`).Help("For the collector systemd."),
		ignore("filesystem.ignore_mount_point_regex", `^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)`,
			"File systems that are mounted at such places are left out.", &c.mounts),
		ignore("filesystem.ignore_filesystem_type_regex", `^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$`,
			"File systems of such types are left out.", &c.types),
		ignore("diskstats.ignore_device_regex", `^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`, "Such devices are left out.", &c.devices),
	)
	only := func(name, help string, re **regex.Regexp) option.Option {
		return option.Var("collector.hwmon."+name, "string", re, regex.Compile).Help(help)
	}
	return append(opts,
		only("chip-include", "Only chips whose names match.", &c.chips.include),
		only("chip-exclude", "Not the chips whose names match.", &c.chips.exclude),
		only("sensor-include", "Only sensors whose names match, such as temp1.", &c.sensors.include),
		only("sensor-exclude", "Not the sensors whose names match.", &c.sensors.exclude),
	)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.interval <= 0 {
		c.interval = 5 * time.Second
	}
	in := &input{env: env, asking: map[string]chan struct{}{}, config: *c}
	_, chosen := option.Lookup(env.Properties, "metrics")
	known := in.collectors()
	for _, name := range c.names {
		name = strings.ToLower(name)
		collect, ok := known[name]
		switch {
		case ok:
			every := c.interval
			if own := c.intervals[strings.ReplaceAll(name, "_", "")]; own != nil && *own > 0 {
				every = *own
			}
			in.work = append(in.work, &job{name: name, every: every, collect: collect})
		case isMissing(name):
			if chosen {
				env.Log.Warn(fmt.Sprintf("the collector %s is not in this build yet and does nothing", name))
			}
		default:
			v, _ := option.Lookup(env.Properties, "metrics")
			return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("metrics: there is no collector '%s'", name), Cure: option.Suggest(name, keys(known))}
		}
	}
	return in, nil
}

func isMissing(name string) bool {
	for _, m := range missing {
		if m == name {
			return true
		}
	}
	return false
}

func keys(m map[string]func(*gather) error) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

type input struct {
	config
	env    plugin.Env
	work   []*job
	asking map[string]chan struct{} // file systems that have not answered yet
}

// job is one collector at work.
type job struct {
	name    string
	every   time.Duration
	due     time.Time
	collect func(*gather) error
	said    string // its last complaint
}

// Run collects what is due each second or more seldom, into one batch.
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	tick := in.interval
	start := time.Now()
	for _, j := range in.work {
		tick = min(tick, j.every)
		j.due = start.Add(j.every)
	}
	return plugin.Every(ctx, tick, func() error {
		now := time.Now()
		g := &gather{now: now.UnixNano(), paths: in.paths}
		for _, j := range in.work {
			if now.Before(j.due.Add(-tick / 2)) { // ticks are not exact
				continue
			}
			j.due = now.Add(j.every)
			in.complain(j, j.collect(g))
		}
		if g.set.Len() == 0 {
			return nil
		}
		return to.Emit(ctx, event.Payload(in.env.Tag, event.Metrics, metric.Append(nil, &g.set)))
	})
}

// complain logs what is wrong with a collector, once until something else is.
func (in *input) complain(j *job, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == j.said {
		return
	}
	j.said = text
	if err == nil {
		in.env.Log.Info("the collector " + j.name + " is in order again")
		return
	}
	in.env.Log.Warn(fmt.Sprintf("the collector %s does not find all: %v", j.name, err))
}

func (in *input) collectors() map[string]func(*gather) error {
	thermal := collectThermal
	return map[string]func(*gather) error{
		"cpu": collectCPU, "cpufreq": collectFrequencies, "stat": collectStat, "loadavg": collectLoad, "time": collectTime, "timex": collectClock,
		"uname": collectUname, "filefd": collectFiles, "thermal_zone": thermal, "thermalzone": thermal,
		"processes": collectProcesses, "nvme": collectNVMe, "powersupplyclass": collectSupplies,
		"hwmon":   func(g *gather) error { return collectSensors(g, &in.chips, &in.sensors) },
		"meminfo": collectMemory, "vmstat": collectVM,
		"diskstats":  func(g *gather) error { return collectDisks(g, in.devices) },
		"filesystem": in.collectFilesystems,
		"netdev":     collectDevices, "netstat": collectNetwork, "sockstat": collectSockets,
		"textfile": func(g *gather) error { return collectTexts(g, in.text) },
	}
}
