package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/metric"
)

// v1 are the counters of the first API: the keys of their JSON, in its order. Their names elsewhere are
// fluentbit_KIND_KEY_total.
var v1 = []struct {
	kind string
	keys []string
}{
	{"input", []string{"records", "bytes"}},
	{"filter", []string{"drop_records", "add_records", "records", "bytes", "drop_bytes"}},
	{"output", []string{"proc_records", "proc_bytes", "errors", "retries", "retries_failed", "dropped_records", "retried_records"}},
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

// counters are what /api/v1/metrics answers. The first point of an instance is the agent's; a plugin may have
// a counter that is called alike.
func counters(set metric.Set) ordered {
	var all ordered
	families := byName(&set)
	for _, k := range v1 {
		instances, at := ordered{}, map[string]int{}
		for i, key := range k.keys {
			for _, p := range families["fluentbit_"+k.kind+"_"+key+"_total"].Points {
				name, _ := p.Label("name")
				n, known := at[name]
				if !known && i == 0 {
					n, known = len(instances), true
					at[name] = n
					instances = append(instances, member{name, ordered(nil)})
				}
				if !known || len(instances[n].value.(ordered)) > i {
					continue
				}
				instances[n].value = append(instances[n].value.(ordered), member{key, uint64(p.Value)})
			}
		}
		all = append(all, member{k.kind, instances})
	}
	return all
}

func byName(set *metric.Set) map[string]metric.Family {
	m := map[string]metric.Family{}
	for _, f := range set.Families {
		m[f.FullName()] = f
	}
	return m
}

// appendPrometheus1 writes the counters of the first API in the text format 0.0.4: families by name, with
// times, and then what is known about the process.
func appendPrometheus1(dst []byte, set metric.Set, about About) []byte {
	families := byName(&set)
	var list metric.Set
	for _, k := range v1 {
		for _, key := range k.keys {
			list.Families = append(list.Families, families["fluentbit_"+k.kind+"_"+key+"_total"])
		}
	}
	slices.SortFunc(list.Families, func(a, b metric.Family) int { return strings.Compare(a.FullName(), b.FullName()) })
	dst = metric.AppendPrometheus(dst, &list, true)
	single := func(t metric.Type, name, help string, value float64, labels ...metric.Label) metric.Set {
		return metric.Set{Families: []metric.Family{{Name: name, Help: help, Type: t, Points: []metric.Point{{Value: value, Labels: labels}}}}}
	}
	for _, s := range []metric.Set{
		single(metric.TypeCounter, "fluentbit_uptime", "Number of seconds that Fluent Bit has been running.", float64(int(time.Since(about.Started).Seconds()))),
		single(metric.TypeGauge, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", float64(about.Started.Unix())),
		single(metric.TypeGauge, "fluentbit_build_info", "Build version information.", 1, metric.L("version", about.Version), metric.L("edition", edition)),
	} {
		dst = metric.AppendPrometheus(dst, &s, false)
	}
	return dst
}

// storage is what /api/v1/storage answers.
func storage(s stats.Stats) ordered {
	inputs := ordered{}
	for _, in := range s.Inputs {
		inputs = append(inputs, member{in.Name, ordered{
			{"status", ordered{{"overlimit", in.Paused}, {"mem_size", bytes(in.Waiting)}, {"mem_limit", bytes(in.Limit)}}},
			{"chunks", ordered{{"total", in.Open + in.Busy}, {"up", in.Open + in.Busy - in.Down}, {"down", in.Down}, {"busy", in.Busy}, {"busy_size", bytes(in.BusyBytes)}}},
		}})
	}
	return ordered{
		{"storage_layer", ordered{{"chunks", ordered{
			{"total_chunks", s.Chunks}, {"mem_chunks", s.Chunks - s.Storage.Files}, {"fs_chunks", s.Storage.Files},
			{"fs_chunks_up", s.Storage.FilesUp}, {"fs_chunks_down", s.Storage.Files - s.Storage.FilesUp},
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
