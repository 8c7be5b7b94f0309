package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
)

// counter is one number under Fluent Bit's name for it.
type counter struct {
	key, family, help string
	of                func(s *stats.Stats, i int) uint64
}

// In the order of /api/v1/metrics.
var (
	inputCounters = []counter{
		{"records", "fluentbit_input_records_total", "Number of input records.", func(s *stats.Stats, i int) uint64 { return s.Inputs[i].Records }},
		{"bytes", "fluentbit_input_bytes_total", "Number of input bytes.", func(s *stats.Stats, i int) uint64 { return s.Inputs[i].Bytes }},
	}
	filterCounters = []counter{
		{"drop_records", "fluentbit_filter_drop_records_total", "Fluentbit metrics.", func(s *stats.Stats, i int) uint64 { return s.Filters[i].Dropped }},
		{"add_records", "fluentbit_filter_add_records_total", "Fluentbit metrics.", func(s *stats.Stats, i int) uint64 { return s.Filters[i].Added }},
		{"records", "fluentbit_filter_records_total", "Fluentbit metrics.", func(s *stats.Stats, i int) uint64 { return s.Filters[i].Records }},
		{"bytes", "fluentbit_filter_bytes_total", "Fluentbit metrics.", func(s *stats.Stats, i int) uint64 { return s.Filters[i].Bytes }},
		{"drop_bytes", "fluentbit_filter_drop_bytes_total", "Fluentbit metrics.", func(s *stats.Stats, i int) uint64 { return s.Filters[i].DroppedByte }},
	}
	outputCounters = []counter{
		{"proc_records", "fluentbit_output_proc_records_total", "Number of processed output records.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].Records }},
		{"proc_bytes", "fluentbit_output_proc_bytes_total", "Number of processed output bytes.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].Bytes }},
		{"errors", "fluentbit_output_errors_total", "Number of output errors.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].Errors }},
		{"retries", "fluentbit_output_retries_total", "Number of output retries.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].Retries }},
		{"retries_failed", "fluentbit_output_retries_failed_total", "Number of abandoned batches because the maximum number of re-tries was reached.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].RetriesFailed }},
		{"dropped_records", "fluentbit_output_dropped_records_total", "Number of dropped records.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].DroppedRecords }},
		{"retried_records", "fluentbit_output_retried_records_total", "Number of retried records.", func(s *stats.Stats, i int) uint64 { return s.Outputs[i].RetriedRecords }},
	}
)

// kinds groups the counters with the names of their instances.
func kinds(s *stats.Stats) []kind {
	names := func(n int, of func(i int) string) (list []string) {
		for i := range n {
			list = append(list, of(i))
		}
		return list
	}
	return []kind{
		{"input", names(len(s.Inputs), func(i int) string { return s.Inputs[i].Name }), inputCounters},
		{"filter", names(len(s.Filters), func(i int) string { return s.Filters[i].Name }), filterCounters},
		{"output", names(len(s.Outputs), func(i int) string { return s.Outputs[i].Name }), outputCounters},
	}
}

type kind struct {
	name      string
	instances []string
	counters  []counter
}

// ordered is a JSON object whose members stay in their order.
type ordered []member

type member struct {
	key   string
	value any
}

// MarshalJSON implements [json.Marshaler].
func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// counters are what /api/v1/metrics answers.
func counters(s stats.Stats) ordered {
	var all ordered
	for _, k := range kinds(&s) {
		members := ordered{}
		for i, name := range k.instances {
			var numbers ordered
			for _, c := range k.counters {
				numbers = append(numbers, member{c.key, c.of(&s, i)})
			}
			members = append(members, member{name, numbers})
		}
		all = append(all, member{k.name, members})
	}
	return all
}

// appendPrometheus writes the counters in the text format 0.0.4, families by name, with a time stamp in
// milliseconds each.
func appendPrometheus(dst []byte, s stats.Stats, about About, now time.Time) []byte {
	type family struct {
		counter
		kind
	}
	var list []family
	for _, k := range kinds(&s) {
		for _, c := range k.counters {
			list = append(list, family{c, k})
		}
	}
	slices.SortFunc(list, func(a, b family) int { return strings.Compare(a.family, b.family) })
	for _, f := range list {
		if len(f.instances) == 0 {
			continue
		}
		dst = fmt.Appendf(dst, "# HELP %s %s\n# TYPE %s counter\n", f.family, f.help, f.family)
		for i, name := range f.instances {
			dst = fmt.Appendf(dst, "%s{name=%s} %d %d\n", f.family, quoteLabel(name), f.of(&s, i), now.UnixMilli())
		}
	}
	dst = fmt.Appendf(dst, "# HELP fluentbit_uptime Number of seconds that Fluent Bit has been running.\n# TYPE fluentbit_uptime counter\nfluentbit_uptime %d\n", int(now.Sub(about.Started).Seconds()))
	dst = fmt.Appendf(dst, "# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %d\n", about.Started.Unix())
	return fmt.Appendf(dst, "# HELP fluentbit_build_info Build version information.\n# TYPE fluentbit_build_info gauge\nfluentbit_build_info{version=%s,edition=%q} 1\n", quoteLabel(about.Version), edition)
}

// quoteLabel writes a label's value, as the Prometheus text format escapes it.
func quoteLabel(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// storage is what /api/v1/storage answers.
func storage(s stats.Stats) ordered {
	inputs := ordered{}
	for _, in := range s.Inputs {
		inputs = append(inputs, member{in.Name, ordered{
			{"status", ordered{{"overlimit", in.Paused}, {"mem_size", bytes(in.Waiting)}, {"mem_limit", bytes(in.Limit)}}},
			{"chunks", ordered{{"total", in.Open}, {"up", in.Open}, {"down", 0}, {"busy", 0}, {"busy_size", bytes(0)}}},
		}})
	}
	return ordered{
		{"storage_layer", ordered{{"chunks", ordered{
			{"total_chunks", s.Chunks}, {"mem_chunks", s.Chunks}, {"fs_chunks", 0}, {"fs_chunks_up", 0}, {"fs_chunks_down", 0},
		}}}},
		{"input_chunks", inputs},
	}
}

// bytes writes a size for people, in steps of 1024 with one decimal.
func bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%db", n)
	}
	f, unit := float64(n)/1024, "K"
	for _, u := range []string{"M", "G", "T"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	return fmt.Sprintf("%.1f%s", f, unit)
}
