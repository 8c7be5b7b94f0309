// Package remotewrite is the body of Prometheus' remote write protocol, version 1.0
// (https://prometheus.io/docs/specs/prw/remote_write_spec/): a WriteRequest in Protocol Buffers.
//
//	WriteRequest   { timeseries = 1, metadata = 3 }
//	TimeSeries     { labels = 1, samples = 2 }
//	Label          { name = 1, value = 2 }
//	Sample         { value = 1 (double), timestamp = 2 (int64, milliseconds) }
//	MetricMetadata { type = 1, metric_family_name = 2, help = 4, unit = 5 }
package remotewrite

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fluent/fluent-bit-go/metric"
)

// types are the numbers of MetricMetadata.MetricType.
var types = map[metric.Type]uint64{
	metric.TypeCounter: 1, metric.TypeGauge: 2, metric.TypeHistogram: 3, metric.TypeExponential: 3, metric.TypeSummary: 5,
}

// Append appends the set as parts of a WriteRequest: such parts may follow each other. labels stand on every
// series beside its own, which win. Histograms and summaries become the series that Prometheus' text format
// shows them as.
func Append(dst []byte, s *metric.Set, labels []metric.Label) []byte {
	w := writer{dst: dst, static: append(slices.Clip(s.Labels), labels...)}
	for i := range s.Families {
		w.family(&s.Families[i])
	}
	return w.dst
}

type writer struct {
	dst    []byte
	static []metric.Label
	labels []metric.Label // of the series at hand; kept for its memory, as is …
	msg    []byte         // … a message that is being put together
	inner  []byte
}

func (w *writer) family(f *metric.Family) {
	name := f.FullName()
	w.metadata(f, name)
	for i := range f.Points {
		p := &f.Points[i]
		switch {
		case f.Type == metric.TypeHistogram && p.Buckets != nil:
			w.histogram(p, name, f.Bounds, p.Buckets, true)
		case f.Type == metric.TypeExponential && p.Exponential != nil:
			bounds, b := p.Exponential.Explicit()
			w.histogram(p, name, bounds, &b, p.Exponential.HasSum)
		case f.Type == metric.TypeSummary && p.Quantiles != nil:
			w.summary(p, name, f.Ranks, p.Quantiles)
		default:
			w.series(p, name, metric.Label{}, p.Value)
		}
	}
}

func (w *writer) metadata(f *metric.Family, name string) {
	m := w.msg[:0]
	if t := types[f.Type]; t != 0 {
		m = protowire.AppendVarint(protowire.AppendTag(m, 1, protowire.VarintType), t)
	}
	help := f.Help
	if help == "" {
		help = " " // Fluent Bit refuses a request with an empty one
	}
	m = appendText(m, 2, name)
	m = appendText(m, 4, help)
	m = appendText(m, 5, f.Unit)
	w.msg = m
	w.dst = appendBytes(w.dst, 3, m)
}

func (w *writer) histogram(p *metric.Point, name string, bounds []float64, b *metric.Buckets, sum bool) {
	for i, n := range b.Counts {
		le := "+Inf"
		if i < len(bounds) {
			le = string(metric.AppendBound(nil, bounds[i]))
		}
		w.series(p, name+"_bucket", metric.L("le", le), float64(n))
	}
	if sum {
		w.series(p, name+"_sum", metric.Label{}, b.Sum)
	}
	w.series(p, name+"_count", metric.Label{}, float64(b.Count))
}

func (w *writer) summary(p *metric.Point, name string, ranks []float64, q *metric.Quantiles) {
	for i, v := range q.Values {
		if q.Set && i < len(ranks) {
			w.series(p, name, metric.L("quantile", string(metric.AppendBound(nil, ranks[i]))), v)
		}
	}
	w.series(p, name+"_sum", metric.Label{}, q.Sum)
	w.series(p, name+"_count", metric.Label{}, float64(q.Count))
}

// series writes one time series with one sample. Labels are sorted, as the protocol wants it, and empty ones
// are left out, since they mean none there.
func (w *writer) series(p *metric.Point, name string, special metric.Label, v float64) {
	w.labels = append(w.labels[:0], metric.L("__name__", name))
	if special.Name != "" {
		w.labels = append(w.labels, special)
	}
	for _, list := range [][]metric.Label{p.Labels, w.static} {
		for _, l := range list {
			if l.Value != "" && !slices.ContainsFunc(w.labels, func(x metric.Label) bool { return x.Name == l.Name }) {
				w.labels = append(w.labels, l)
			}
		}
	}
	slices.SortFunc(w.labels, func(a, b metric.Label) int { return strings.Compare(a.Name, b.Name) })
	m := w.msg[:0]
	for _, l := range w.labels {
		w.inner = appendText(appendText(w.inner[:0], 1, l.Name), 2, l.Value)
		m = appendBytes(m, 1, w.inner)
	}
	w.inner = protowire.AppendFixed64(protowire.AppendTag(w.inner[:0], 1, protowire.Fixed64Type), math.Float64bits(v))
	w.inner = protowire.AppendVarint(protowire.AppendTag(w.inner, 2, protowire.VarintType), uint64(p.Time/1e6))
	m = appendBytes(m, 2, w.inner)
	w.msg = m
	w.dst = appendBytes(w.dst, 1, m)
}

func appendText(dst []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), s)
}

func appendBytes(dst []byte, field protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, field, protowire.BytesType), b)
}
