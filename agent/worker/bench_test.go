package worker

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func BenchmarkEmptyFlush(b *testing.B) {
	r := newRig(b, "output")
	o := r.output("fault.0")
	c := event.NewChunk(1, "noop", event.Logs, nil, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Flush(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLargeFlush is the price of bringing 2 MB to a plugin that does not look at them.
func BenchmarkLargeFlush(b *testing.B) {
	f := func(name string, kv ...string) {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, "output")
			o := r.output("fault.0", kv...)
			records := event.New("noop")
			body := event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "log"), strings.Repeat("x", 200))
			for len(records.Bytes()) < 2<<20 {
				records.Append(event.Time{Sec: 1700000000}, nil, body)
			}
			c := event.NewChunk(1, "noop", event.Logs, records.Bytes(), records.Len())
			b.SetBytes(int64(len(c.Bytes())))
			for b.Loop() {
				if err := o.Flush(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("v2")
	f("v1", "plugin.event_format", "v1")
}

func BenchmarkSpawnToFirstFlush(b *testing.B) {
	r := newRig(b, "output")
	c := event.NewChunk(1, "noop", event.Logs, nil, 0)
	for b.Loop() {
		m := New(r.mod.info, Options{Log: r.log.logger()})
		one := &rig{tb: b, mod: m, log: r.log, out: r.out}
		if err := one.output("fault.0").Flush(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		m.Close(b.Context())
		b.StartTimer()
	}
}

// BenchmarkIdleWorker reports the memory that a worker has for itself after one flush.
func BenchmarkIdleWorker(b *testing.B) {
	r := newRig(b, "output")
	o := r.output("fault.0")
	for b.Loop() {
		if err := o.Flush(b.Context(), chunkOf("app", 0, 1)); err != nil {
			b.Fatal(err)
		}
	}
	smaps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", r.mod.pid()))
	if err != nil {
		b.Skip(err)
	}
	sum := 0
	for _, m := range regexp.MustCompile(`Private_\w+: +(\d+) kB`).FindAllSubmatch(smaps, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		sum += n
	}
	b.ReportMetric(float64(sum), "private-kB")
}
