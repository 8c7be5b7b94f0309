package filtertest

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Metrics makes a batch of metrics from pages in Prometheus' text format, each a set of its own. Points
// without a time are of second 1700000000.
func Metrics(tb testing.TB, pages ...string) *event.Batch {
	tb.Helper()
	var data []byte
	for _, p := range pages {
		s, err := promtext.Parse([]byte(p), 1700000000e9)
		if err != nil {
			tb.Fatal(err)
		}
		data = metric.Append(data, &s)
	}
	return event.Payload(Tag, event.Metrics, data)
}

// Points renders the points of a batch of metrics in Prometheus' text format, without the comments.
func Points(tb testing.TB, b *event.Batch) string {
	tb.Helper()
	var lines []string
	for s, err := range metric.All(b.Bytes()) {
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(metric.AppendPrometheus(nil, s, false))) {
			if line[0] != '#' {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "")
}

// RunMetrics sends pages through a processor and returns the points that are left.
func RunMetrics(tb testing.TB, spec plugin.Spec[plugin.Filter], settings []string, pages ...string) string {
	tb.Helper()
	f, err := Build(spec, Properties(settings...))
	if err != nil {
		tb.Fatal(err)
	}
	b := Metrics(tb, pages...)
	if err := f.Filter(tb.Context(), b); err != nil {
		tb.Fatal(err)
	}
	return Points(tb, b)
}
