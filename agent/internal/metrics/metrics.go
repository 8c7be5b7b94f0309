// Package metrics gives what the agent counts its names: Fluent Bit's where it has one, so that dashboards and
// alerts go on working, and names of our own below for what it does not count.
package metrics

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/metric"
)

// About is what does not change while the agent runs.
type About struct {
	Version string
	Started time.Time
}

// row is one number that every instance of a kind has.
type row[T any] struct {
	name, help string
	of         func(*T) float64
}

func count[T any](of func(*T) uint64) func(*T) float64 {
	return func(x *T) float64 { return float64(of(x)) }
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

type (
	in  = stats.Input
	fil = stats.Filter
	out = stats.Output
)

var inputCounters = []row[in]{
	{"bytes_total", "Number of input bytes.", count(func(x *in) uint64 { return x.Bytes })},
	{"records_total", "Number of input records.", count(func(x *in) uint64 { return x.Records })},
}

var ringCounters = []row[in]{
	{"memrb_dropped_chunks", "Number of memrb dropped chunks.", count(func(x *in) uint64 { return x.RingChunks })},
	{"memrb_dropped_bytes", "Number of memrb dropped bytes.", count(func(x *in) uint64 { return x.RingBytes })},
}

var filterCounters = []row[fil]{
	{"records_total", "Total number of new records processed.", count(func(x *fil) uint64 { return x.Records })},
	{"bytes_total", "Total number of new bytes processed.", count(func(x *fil) uint64 { return x.Bytes })},
	{"add_records_total", "Total number of new added records.", count(func(x *fil) uint64 { return x.Added })},
	{"drop_records_total", "Total number of dropped records.", count(func(x *fil) uint64 { return x.Dropped })},
	{"drop_bytes_total", "Total number of dropped bytes.", count(func(x *fil) uint64 { return x.DroppedByte })},
}

var outputCounters = []row[out]{
	{"proc_records_total", "Number of processed output records.", count(func(x *out) uint64 { return x.Records })},
	{"proc_bytes_total", "Number of processed output bytes.", count(func(x *out) uint64 { return x.Bytes })},
	{"errors_total", "Number of output errors.", count(func(x *out) uint64 { return x.Errors })},
	{"retries_total", "Number of output retries.", count(func(x *out) uint64 { return x.Retries })},
	{"retries_failed_total", "Number of abandoned batches because the maximum number of re-tries was reached.", count(func(x *out) uint64 { return x.RetriesFailed })},
	{"dropped_records_total", "Number of dropped records.", count(func(x *out) uint64 { return x.DroppedRecords })},
	{"retried_records_total", "Number of retried records.", count(func(x *out) uint64 { return x.RetriedRecords })},
}

var inputGauges = []row[in]{
	{"rate_bytes", "Current input bytes per second.", func(x *in) float64 { return x.RateBytes }},
	{"rate_records", "Current input records per second.", func(x *in) float64 { return x.RateRecords }},
	{"rate_gate_limited", "Is the input held back by its rate gate?", func(x *in) float64 { return truth(x.RateLimited) }},
	{"rate_gate_busy_chunks", "Chunks that the rate gate counts as pressure.", func(x *in) float64 { return float64(x.Busy) }},
	{"rate_gate_retry_attempts", "Retries that the rate gate counts as pressure.", func(x *in) float64 { return float64(x.Retries) }},
	{"ingestion_paused", "Is the input paused or not?", func(x *in) float64 { return truth(x.Paused) }},
	{"storage_overlimit", "Is the input memory usage overlimit ?.", func(x *in) float64 { return truth(x.Paused) }},
	{"storage_memory_bytes", "Memory bytes used by the chunks.", func(x *in) float64 { return float64(x.OpenBytes + x.BusyBytes) }},
	{"storage_chunks", "Total number of chunks.", func(x *in) float64 { return float64(x.Open + x.Busy) }},
	{"storage_chunks_up", "Total number of chunks up in memory.", func(x *in) float64 { return float64(x.Open + x.Busy - x.Down) }},
	{"storage_chunks_down", "Total number of chunks down.", func(x *in) float64 { return float64(x.Down) }},
	{"storage_chunks_busy", "Total number of chunks in a busy state.", func(x *in) float64 { return float64(x.Busy) }},
	{"storage_chunks_busy_bytes", "Total number of bytes used by chunks in a busy state.", func(x *in) float64 { return float64(x.BusyBytes) }},
}

var outputGauges = []row[out]{
	{"chunk_available_capacity_percent", "Available chunk capacity (percent)", func(x *out) float64 { return x.Capacity() }},
	{"queue_bytes", "Bytes that wait to be delivered.", count(func(x *out) uint64 { return x.Queue })},
	{"queue_chunks", "Chunks that wait to be delivered.", func(x *out) float64 { return float64(x.Chunks) }},
	{"oldest_pending_seconds", "Age of the oldest chunk that waits to be delivered, 0 when none does.", func(x *out) float64 { return x.Oldest.Seconds() }},
}

// Append adds the agent's own numbers to set.
func Append(set *metric.Set, a About, s *stats.Stats, now time.Time) {
	c := collector{set, now.UnixNano()}
	host := metric.L("hostname", hostname())
	started := float64(a.Started.Unix())
	c.counter("uptime", "Number of seconds that Fluent Bit has been running.", float64(int(now.Sub(a.Started).Seconds())), host)
	c.counter("hot_reloaded_times", "Collect the count of hot reloaded times.", float64(s.Reloads), host)
	for _, l := range s.Logs {
		c.counter("logger_logs_total", "Total number of logs", float64(l.Lines), metric.L("message_type", l.Level))
	}
	family(c, metric.TypeCounter, "input", inputCounters, s.Inputs, func(x *in) string { return x.Name })
	rings := slices.DeleteFunc(slices.Clone(s.Inputs), func(x in) bool { return !x.Ring })
	family(c, metric.TypeCounter, "input", ringCounters, rings, func(x *in) string { return x.Name })
	family(c, metric.TypeCounter, "filter", filterCounters, s.Filters, func(x *fil) string { return x.Name })
	family(c, metric.TypeCounter, "output", outputCounters, s.Outputs, func(x *out) string { return x.Name })
	for _, reason := range reasons(s) {
		c.counter("lost_records_total", "Records that were given up, by reason.", float64(s.Lost[reason]), metric.L("reason", reason))
	}
	c.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", started, host)
	c.gauge("build_info", "Build version information.", started, host, metric.L("version", a.Version), metric.L("os", runtime.GOOS))
	c.gauge("storage_chunks", "Total number of chunks in the storage layer.", float64(s.Chunks))
	c.gauge("storage_mem_chunks", "Total number of memory chunks.", float64(s.Chunks-s.Storage.Files))
	c.gauge("storage_fs_chunks", "Total number of filesystem chunks.", float64(s.Storage.Files))
	c.gauge("storage_fs_chunks_up", "Total number of filesystem chunks up in memory.", float64(s.Storage.FilesUp))
	c.gauge("storage_fs_chunks_down", "Total number of filesystem chunks down.", float64(s.Storage.Files-s.Storage.FilesUp))
	c.gauge("storage_spilled_chunks", "Chunks of memory storage that wait in a temporary file.", float64(s.Storage.Spilled))
	c.counter("storage_damaged_chunks_total", "Chunk files that were found damaged.", float64(s.Storage.Damaged))
	family(c, metric.TypeGauge, "input", inputGauges, s.Inputs, func(x *in) string { return x.Name })
	family(c, metric.TypeGauge, "output", outputGauges, s.Outputs, func(x *out) string { return x.Name })
}

func reasons(s *stats.Stats) (list []string) {
	for r := range s.Lost {
		list = append(list, r)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

type collector struct {
	set *metric.Set
	now int64
}

func (c collector) add(t metric.Type, subsystem, name, help string, v float64, labels ...metric.Label) {
	f := metric.Family{Namespace: "fluentbit", Subsystem: subsystem, Name: name, Help: help, Type: t}
	if t == metric.TypeCounter {
		f.Aggregation = metric.Cumulative
	}
	f.Points = []metric.Point{{Time: c.now, Value: v, Labels: labels}}
	c.set.Add(f)
}

func (c collector) counter(name, help string, v float64, labels ...metric.Label) {
	c.add(metric.TypeCounter, "", name, help, v, labels...)
}

func (c collector) gauge(name, help string, v float64, labels ...metric.Label) {
	c.add(metric.TypeGauge, "", name, help, v, labels...)
}

func family[T any](c collector, t metric.Type, subsystem string, rows []row[T], list []T, name func(*T) string) {
	for _, r := range rows {
		for i := range list {
			c.add(t, subsystem, r.name, r.help, r.of(&list[i]), metric.L("name", name(&list[i])))
		}
	}
}
