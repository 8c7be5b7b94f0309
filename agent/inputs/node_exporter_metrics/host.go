package node_exporter_metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/metric"
)

// ticks is USER_HZ, which is 100 on all that Linux runs on today.
const ticks = 100

func collectCPU(g *gather) error {
	lines, err := fields(g.paths.proc, "stat")
	if err != nil {
		return err
	}
	var n numbers
	modes := []string{"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"}
	for _, w := range lines {
		cpu, ok := strings.CutPrefix(w[0], "cpu")
		if !ok || cpu == "" || len(w) < 11 {
			continue
		}
		for i, mode := range modes {
			g.counter("cpu", "seconds_total", "Time that each processor spent in each mode.", n.parse(w[i+1])/ticks, metric.L("cpu", cpu), metric.L("mode", mode))
		}
		for i, mode := range []string{"user", "nice"} {
			g.counter("cpu", "guest_seconds_total", "Time that each processor spent in virtual machines.", n.parse(w[i+9])/ticks, metric.L("cpu", cpu), metric.L("mode", mode))
		}
	}
	return n.err
}

func collectFrequencies(g *gather) error {
	dirs, err := filepath.Glob(filepath.Join(g.paths.sys, "devices/system/cpu/cpu[0-9]*/cpufreq"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		cpu := strings.TrimPrefix(filepath.Base(filepath.Dir(dir)), "cpu")
		for _, x := range []struct{ file, name, help string }{
			{"cpuinfo_cur_freq", "frequency_hertz", "Frequency of each processor now."},
			{"cpuinfo_min_freq", "frequency_min_hertz", "The lowest frequency of each processor."},
			{"cpuinfo_max_freq", "frequency_max_hertz", "The highest frequency of each processor."},
			{"scaling_cur_freq", "scaling_frequency_hertz", "Scaled frequency of each processor now."},
			{"scaling_min_freq", "scaling_frequency_min_hertz", "The lowest scaled frequency of each processor."},
			{"scaling_max_freq", "scaling_frequency_max_hertz", "The highest scaled frequency of each processor."},
		} {
			v, err := number(dir, x.file)
			if err != nil {
				if !errors.Is(err, os.ErrPermission) { // the first is for root alone
					errs = append(errs, optional(err))
				}
				continue
			}
			g.gauge("cpu", x.name, x.help, v*1000, metric.L("cpu", cpu))
		}
	}
	return errors.Join(errs...)
}

func collectStat(g *gather) error {
	lines, err := fields(g.paths.proc, "stat")
	if err != nil {
		return err
	}
	var n numbers
	for _, w := range lines {
		if len(w) < 2 {
			continue
		}
		switch w[0] {
		case "intr":
			g.counter("", "intr_total", "Interrupts that were served.", n.parse(w[1]))
		case "ctxt":
			g.counter("", "context_switches_total", "Context switches.", n.parse(w[1]))
		case "processes":
			g.counter("", "forks_total", "Processes that were begun.", n.parse(w[1]))
		case "btime":
			g.gauge("", "boot_time_seconds", "When the machine was booted, in seconds since 1970.", n.parse(w[1]))
		case "procs_running":
			g.gauge("", "procs_running", "Processes that can run.", n.parse(w[1]))
		case "procs_blocked":
			g.gauge("", "procs_blocked", "Processes that wait for input or output.", n.parse(w[1]))
		}
	}
	return n.err
}

func collectLoad(g *gather) error {
	lines, err := fields(g.paths.proc, "loadavg")
	if err != nil {
		return err
	}
	if len(lines) == 0 || len(lines[0]) < 3 {
		return errors.New("loadavg has no three numbers")
	}
	var n numbers
	for i, name := range []string{"load1", "load5", "load15"} {
		g.gauge("", name, "Load average of the last "+name[len("load"):]+" minutes.", n.parse(lines[0][i]))
	}
	return n.err
}

func collectTime(g *gather) error {
	g.gauge("", "time_seconds", "The system's time, in seconds since 1970.", float64(g.now)/float64(time.Second))
	return nil
}

// collectClock tells how well the clock follows others, from adjtimex(2).
func collectClock(g *gather) error {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return fmt.Errorf("adjtimex: %w", err)
	}
	const timeError, ppm = 5, 1e6 * 65536
	unit := 1e6
	if t.Status&unix.STA_NANO != 0 {
		unit = 1e9
	}
	synced := 1.0
	if state == timeError {
		synced = 0
	}
	for _, x := range []struct {
		name, help string
		v          float64
	}{
		{"offset_seconds", "How far the clock is off.", float64(t.Offset) / unit},
		{"frequency_adjustment_ratio", "How the clock's speed is adjusted.", 1 + float64(t.Freq)/ppm},
		{"maxerror_seconds", "The greatest error of the clock.", float64(t.Maxerror) / 1e6},
		{"estimated_error_seconds", "The likely error of the clock.", float64(t.Esterror) / 1e6},
		{"status", "The bits of adjtimex's status.", float64(t.Status)},
		{"loop_time_constant", "Time constant of the phase-locked loop.", float64(t.Constant)},
		{"tick_seconds", "Time between two ticks.", float64(t.Tick) / 1e6},
		{"pps_frequency_hertz", "Frequency of the pulse per second.", float64(t.Ppsfreq) / ppm},
		{"pps_jitter_seconds", "Jitter of the pulse per second.", float64(t.Jitter) / unit},
		{"pps_shift_seconds", "Interval of the pulse per second.", float64(t.Shift)},
		{"pps_stability_hertz", "Stability of the pulse per second.", float64(t.Stabil) / ppm},
		{"tai_offset_seconds", "Offset of the international atomic time.", float64(t.Tai)},
		{"sync_status", "1 when the clock follows a reliable one.", synced},
	} {
		g.gauge("timex", x.name, x.help, x.v)
	}
	g.counter("timex", "pps_jitter_total", "How often the jitter was too large.", float64(t.Jitcnt))
	g.counter("timex", "pps_calibration_total", "Calibration intervals.", float64(t.Calcnt))
	g.counter("timex", "pps_error_total", "Calibration errors.", float64(t.Errcnt))
	g.counter("timex", "pps_stability_exceeded_total", "How often the stability was too bad.", float64(t.Stbcnt))
	return nil
}

func collectUname(g *gather) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	text := func(b []byte) string { return unix.ByteSliceToString(b) }
	g.gauge("uname", "info", "What uname tells about the system.", 1,
		metric.L("sysname", text(u.Sysname[:])), metric.L("release", text(u.Release[:])), metric.L("version", text(u.Version[:])),
		metric.L("machine", text(u.Machine[:])), metric.L("nodename", text(u.Nodename[:])), metric.L("domainname", text(u.Domainname[:])))
	return nil
}

func collectFiles(g *gather) error {
	lines, err := fields(g.paths.proc, "sys/fs/file-nr")
	if err != nil {
		return err
	}
	if len(lines) == 0 || len(lines[0]) < 3 {
		return errors.New("file-nr has no three numbers")
	}
	var n numbers
	g.gauge("filefd", "allocated", "File descriptors in use.", n.parse(lines[0][0]))
	g.gauge("filefd", "maximum", "How many file descriptors there may be.", n.parse(lines[0][2]))
	return n.err
}

func collectThermal(g *gather) error {
	var errs []error
	each := func(pattern string, f func(dir, kind string) error) {
		dirs, err := filepath.Glob(filepath.Join(g.paths.sys, "class/thermal", pattern))
		errs = append(errs, err)
		for _, dir := range dirs {
			kind, err := os.ReadFile(filepath.Join(dir, "type"))
			if err == nil {
				err = f(dir, strings.TrimSpace(string(kind)))
			}
			errs = append(errs, optional(err))
		}
	}
	each("thermal_zone[0-9]*", func(dir, kind string) error {
		v, err := number(dir, "temp")
		if err == nil {
			zone := strings.TrimPrefix(filepath.Base(dir), "thermal_zone")
			g.gauge("thermal_zone", "temp", "Temperature of each zone in degrees Celsius.", v/1000, metric.L("zone", zone), metric.L("type", kind))
		}
		return err
	})
	each("cooling_device[0-9]*", func(dir, kind string) error {
		name := strings.TrimPrefix(filepath.Base(dir), "cooling_device")
		now, err := number(dir, "cur_state")
		most, err2 := number(dir, "max_state")
		if err == nil && err2 == nil {
			g.gauge("cooling_device", "cur_state", "How much each device cools now.", now, metric.L("name", name), metric.L("type", kind))
			g.gauge("cooling_device", "max_state", "How much each device can cool.", most, metric.L("name", name), metric.L("type", kind))
		}
		return errors.Join(err, err2)
	})
	return errors.Join(errs...)
}

// collectTexts adds what other programs have left in files.
func collectTexts(g *gather, pattern string) error {
	if pattern == "" {
		return errors.New("there is no file to read; set collector.textfile.path")
	}
	if st, err := os.Stat(pattern); err == nil && st.IsDir() {
		pattern = filepath.Join(pattern, "*.prom")
	}
	files, err := filepath.Glob(pattern)
	errs := []error{err}
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err == nil {
			var set metric.Set
			set, err = promtext.Parse(page, g.now)
			for _, f := range set.Families {
				g.set.Add(f)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
	}
	failed := 0.0
	if err := errors.Join(errs...); err != nil {
		failed = 1
	}
	g.gauge("textfile", "scrape_error", "1 when a file could not be read as a whole.", failed)
	return errors.Join(errs...)
}
