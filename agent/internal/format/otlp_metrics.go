package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// AppendMetricsAs appends a chunk of metrics: as OpenTelemetry's JSON when that is the format, otherwise as
// text, which no other format than this one has a form for.
func (r *Records) AppendMetricsAs(dst []byte, c *event.Chunk) ([]byte, error) {
	if r.Format != OTLPJSON && r.Format != OTLPJSONPretty {
		return AppendMetrics(dst, c)
	}
	r = r.otlp()
	doc := []byte(`{"resourceMetrics":[`)
	n := 0
	for s, err := range metric.All(c.Bytes()) {
		if err != nil {
			return dst, plugin.Drop(fmt.Errorf("chunk of %d bytes: %w", len(c.Bytes()), err))
		}
		if n++; n > 1 {
			doc = append(doc, ',')
		}
		doc = r.appendMetricSet(doc, s)
	}
	doc = append(doc, `]}`...)
	if r.Format == OTLPJSON {
		return append(append(dst, doc...), '\n'), nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, doc, "", "  "); err != nil {
		panic("BUG: OTLP that is no JSON: " + err.Error())
	}
	return append(append(dst, out.Bytes()...), '\n'), nil
}

// appendMetricSet writes one ResourceMetrics. What OpenTelemetry said about resource and scope stands in the
// set's external notes, where the C Fluent Bit puts it.
func (r *Records) appendMetricSet(dst []byte, s *metric.Set) []byte {
	notes := event.Value(s.External)
	resource, scope := notes.Get("resource"), notes.Get("scope")
	dst = append(dst, `{"resource":{`...)
	if attributes := resource.Get("attributes"); attributes.Len() > 0 {
		dst = r.appendAttributes(dst, attributes)
	}
	dst = append(dst, `},"scopeMetrics":[{"scope":{`...)
	at := len(dst)
	if attributes := scope.Get("attributes"); attributes.Len() > 0 {
		dst = r.appendAttributes(append(dst, ','), attributes)
	}
	dst = r.appendText(dst, "name", scope.Get("metadata").Get("name"))
	dst = r.appendText(dst, "version", scope.Get("metadata").Get("version"))
	if len(dst) > at {
		dst = slices.Delete(dst, at, at+1) // the first comma
	}
	dst = append(dst, `},"metrics":[`...)
	for i := range s.Families {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.appendMetric(dst, s, &s.Families[i])
	}
	return append(dst, `]}]}`...)
}

// kinds are what OpenTelemetry calls the types.
var kinds = map[metric.Type]string{
	metric.TypeCounter: "sum", metric.TypeGauge: "gauge", metric.TypeUntyped: "gauge", metric.TypeSummary: "summary",
	metric.TypeHistogram: "histogram", metric.TypeExponential: "exponentialHistogram",
}

func (r *Records) appendMetric(dst []byte, s *metric.Set, f *metric.Family) []byte {
	dst = event.AppendJSONString(append(dst, `{"name":`...), f.FullName(), r.Style)
	if f.Help != "" {
		dst = event.AppendJSONString(append(dst, `,"description":`...), f.Help, r.Style)
	}
	if f.Unit != "" {
		dst = event.AppendJSONString(append(dst, `,"unit":`...), f.Unit, r.Style)
	}
	dst = append(append(append(dst, `,"`...), kinds[f.Type]...), `":{"dataPoints":[`...)
	for i := range f.Points {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.appendDataPoint(dst, s, f, &f.Points[i])
	}
	dst = append(dst, ']')
	switch f.Type {
	case metric.TypeCounter, metric.TypeHistogram, metric.TypeExponential:
		// The numbers of the aggregations are OpenTelemetry's.
		dst = strconv.AppendInt(append(dst, `,"aggregationTemporality":`...), int64(f.Aggregation), 10)
	}
	if f.Type == metric.TypeCounter {
		dst = append(dst, `,"isMonotonic":true`...)
	}
	return append(dst, `}}`...)
}

func (r *Records) appendDataPoint(dst []byte, s *metric.Set, f *metric.Family, p *metric.Point) []byte {
	dst = append(dst, '{')
	if len(s.Labels)+len(p.Labels) > 0 {
		dst = append(dst, `"attributes":[`...)
		for i, l := range slices.Concat(s.Labels, p.Labels) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = event.AppendJSONString(append(dst, `{"key":`...), l.Name, r.Style)
			dst = event.AppendJSONString(append(dst, `,"value":{"stringValue":`...), l.Value, r.Style)
			dst = append(dst, `}}`...)
		}
		dst = append(dst, `],`...)
	}
	if p.Start > 0 {
		dst = append(strconv.AppendInt(append(dst, `"startTimeUnixNano":"`...), p.Start, 10), `",`...)
	}
	dst = append(strconv.AppendInt(append(dst, `"timeUnixNano":"`...), p.Time, 10), '"')
	switch {
	case p.Buckets != nil:
		dst = r.appendTotals(dst, p.Buckets.Count, p.Buckets.Sum, true)
		dst = appendTexts(append(dst, `,"bucketCounts":`...), single(p.Buckets.Counts))
		dst = append(r.appendNumbers(append(dst, `,"explicitBounds":[`...), f.Bounds), ']')
	case p.Quantiles != nil:
		dst = r.appendTotals(dst, p.Quantiles.Count, p.Quantiles.Sum, true)
		dst = r.appendQuantiles(dst, f.Ranks, p.Quantiles)
	case p.Exponential != nil:
		dst = r.appendExponential(dst, p.Exponential)
	case p.Whole.Kind == metric.Int64 || p.Whole.Kind == metric.Uint64 && p.Whole.Bits <= math.MaxInt64:
		dst = append(strconv.AppendInt(append(dst, `,"asInt":"`...), int64(p.Whole.Bits), 10), '"')
	default:
		dst = r.appendDouble(append(dst, `,"asDouble":`...), p.Value)
	}
	return append(dst, '}')
}

// single turns cumulative counts into those of each bucket, as OpenTelemetry has them.
func single(counts []uint64) []uint64 {
	out := slices.Clone(counts)
	for i := len(out) - 1; i > 0; i-- {
		out[i] -= min(out[i], out[i-1])
	}
	return out
}

func (r *Records) appendTotals(dst []byte, count uint64, sum float64, hasSum bool) []byte {
	dst = append(strconv.AppendUint(append(dst, `,"count":"`...), count, 10), '"')
	if hasSum {
		dst = r.appendDouble(append(dst, `,"sum":`...), sum)
	}
	return dst
}

func (r *Records) appendQuantiles(dst []byte, ranks []float64, q *metric.Quantiles) []byte {
	dst = append(dst, `,"quantileValues":[`...)
	if q.Set {
		for i, v := range q.Values[:min(len(q.Values), len(ranks))] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.appendDouble(append(dst, `{"quantile":`...), ranks[i])
			dst = append(r.appendDouble(append(dst, `,"value":`...), v), '}')
		}
	}
	return append(dst, ']')
}

func (r *Records) appendExponential(dst []byte, e *metric.Exponential) []byte {
	dst = r.appendTotals(dst, e.Count, e.Sum, e.HasSum)
	dst = strconv.AppendInt(append(dst, `,"scale":`...), int64(e.Scale), 10)
	dst = append(strconv.AppendUint(append(dst, `,"zeroCount":"`...), e.ZeroCount, 10), '"')
	side := func(name string, offset int32, counts []uint64) {
		dst = append(append(append(dst, `,"`...), name...), `":{"offset":`...)
		dst = append(strconv.AppendInt(dst, int64(offset), 10), `,"bucketCounts":`...)
		dst = append(appendTexts(dst, counts), '}')
	}
	side("positive", e.PositiveOffset, e.Positive)
	side("negative", e.NegativeOffset, e.Negative)
	return r.appendDouble(append(dst, `,"zeroThreshold":`...), e.ZeroThreshold)
}

// appendTexts writes numbers as Protocol Buffers' JSON has those of 64 bits: as texts.
func appendTexts(dst []byte, list []uint64) []byte {
	dst = append(dst, '[')
	for i, n := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendUint(append(dst, '"'), n, 10), '"')
	}
	return append(dst, ']')
}

func (r *Records) appendNumbers(dst []byte, list []float64) []byte {
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.appendDouble(dst, v)
	}
	return dst
}

// appendDouble writes a number; what JSON has no number for is a text.
func (r *Records) appendDouble(dst []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	return event.AppendJSONFloat(dst, v, r.Style)
}
