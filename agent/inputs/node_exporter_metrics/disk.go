package node_exporter_metrics

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/metric"
)

// diskFields are the columns of diskstats behind the device's name, as
// https://www.kernel.org/doc/Documentation/admin-guide/iostats.rst has them. Later kernels have more.
var diskFields = []struct {
	name, help string
	factor     float64
}{
	{"reads_completed_total", "Reads that were completed.", 1},
	{"reads_merged_total", "Reads that were merged with others.", 1},
	{"read_bytes_total", "Bytes that were read.", 512},
	{"read_time_seconds_total", "Time that all reads took.", 0.001},
	{"writes_completed_total", "Writes that were completed.", 1},
	{"writes_merged_total", "Writes that were merged with others.", 1},
	{"written_bytes_total", "Bytes that were written.", 512},
	{"write_time_seconds_total", "Time that all writes took.", 0.001},
	{"io_now", "Reads and writes under way.", 1},
	{"io_time_seconds_total", "Time with reads or writes under way.", 0.001},
	{"io_time_weighted_seconds_total", "The same, times how many there were.", 0.001},
	{"discards_completed_total", "Discards that were completed.", 1},
	{"discards_merged_total", "Discards that were merged with others.", 1},
	{"discarded_sectors_total", "Sectors that were discarded.", 1},
	{"discard_time_seconds_total", "Time that all discards took.", 0.001},
	{"flush_requests_total", "Flushes that were completed.", 1},
	{"flush_requests_time_seconds_total", "Time that all flushes took.", 0.001},
}

func collectDisks(g *gather, ignore *regex.Regexp) error {
	lines, err := fields(g.paths.proc, "diskstats")
	if err != nil {
		return err
	}
	var n numbers
	for _, w := range lines {
		if len(w) < 4 || ignore.Match([]byte(w[2])) {
			continue
		}
		for i, f := range diskFields[:min(len(diskFields), len(w)-3)] {
			t := metric.TypeCounter
			if f.name == "io_now" {
				t = metric.TypeGauge
			}
			g.add(t, "disk", f.name, f.help, n.parse(w[i+3])*f.factor, metric.L("device", w[2]))
		}
	}
	return n.err
}

// patience is how long a file system may take to tell its size: one over a network may never answer.
const patience = 2 * time.Second

func (in *input) collectFilesystems(g *gather) error {
	lines, err := fields(g.paths.proc, "1/mounts")
	if err != nil {
		if lines, err = fields(g.paths.proc, "self/mounts"); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	var errs []error
	for _, w := range lines {
		if len(w) < 4 {
			continue
		}
		mount := unescape(w[1])
		if in.mounts.Match([]byte(mount)) || in.types.Match([]byte(w[2])) || seen[w[0]+" "+mount] {
			continue
		}
		seen[w[0]+" "+mount] = true
		errs = append(errs, in.filesystem(g, unescape(w[0]), mount, w[2], strings.Split(w[3], ",")))
	}
	return errors.Join(errs...)
}

func (in *input) filesystem(g *gather, device, mount, kind string, options []string) error {
	labels := []metric.Label{metric.L("device", device), metric.L("fstype", kind), metric.L("mountpoint", mount)}
	st, err := in.statfs(filepath.Join(g.paths.root, mount))
	failed := 0.0
	if err != nil {
		failed = 1
	}
	g.gauge("filesystem", "device_error", "1 when a file system did not tell its size.", failed, labels...)
	readonly := 0.0
	for _, o := range options {
		if o == "ro" {
			readonly = 1
		}
	}
	g.gauge("filesystem", "readonly", "1 when a file system is mounted for reading only.", readonly, labels...)
	if err != nil {
		return nil // the metric says it
	}
	size := float64(st.Bsize)
	g.gauge("filesystem", "size_bytes", "Size of each file system.", float64(st.Blocks)*size, labels...)
	g.gauge("filesystem", "free_bytes", "What is free.", float64(st.Bfree)*size, labels...)
	g.gauge("filesystem", "avail_bytes", "What is free for users other than root.", float64(st.Bavail)*size, labels...)
	g.gauge("filesystem", "files", "How many files there may be.", float64(st.Files), labels...)
	g.gauge("filesystem", "files_free", "How many more files there may be.", float64(st.Ffree), labels...)
	return nil
}

var errStuck = errors.New("the file system does not answer")

// statfs gives up on a file system that does not answer, and asks again only when it has.
func (in *input) statfs(path string) (st unix.Statfs_t, err error) {
	if in.asking[path] != nil {
		select {
		case <-in.asking[path]:
			delete(in.asking, path)
		default:
			return st, errStuck
		}
	}
	type answer struct {
		st  unix.Statfs_t
		err error
	}
	got, done := make(chan answer, 1), make(chan struct{})
	go func() {
		var a answer
		a.err = unix.Statfs(path, &a.st)
		got <- a
		close(done)
	}()
	select {
	case a := <-got:
		return a.st, a.err
	case <-time.After(patience):
		in.asking[path] = done
		return st, errStuck
	}
}

// unescape undoes the octal escapes of a mount's path: \040 is a blank.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
