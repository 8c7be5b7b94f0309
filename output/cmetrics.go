package output

import (
	"fmt"
	"strings"
)

// AggregationType says how the values of a metric follow each other.
type AggregationType int64

// The aggregation types of cmetrics.
const (
	UNSPECIFIED AggregationType = 0
	DELTA       AggregationType = 1
	CUMMULATIVE AggregationType = 2 // spelt so since the first release
)

// String returns the name in lower case, "" for a number that is none.
func (at AggregationType) String() string {
	switch at {
	case UNSPECIFIED:
		return "unspecified"
	case DELTA:
		return "delta"
	case CUMMULATIVE:
		return "cumulative"
	}
	return ""
}

// MetricType is the kind of a metric.
type MetricType int64

// The metric types of cmetrics.
const (
	COUNTER   MetricType = 0
	GAUGE     MetricType = 1
	HISTOGRAM MetricType = 2
	SUMMARY   MetricType = 3
	UNTYPED   MetricType = 4
)

// String returns the name as Prometheus writes it, "" for a number that is none.
func (mt MetricType) String() string {
	switch mt {
	case COUNTER:
		return "counter"
	case GAUGE:
		return "gauge"
	case HISTOGRAM:
		return "histogram"
	case SUMMARY:
		return "summary"
	case UNTYPED:
		return "untyped"
	}
	return ""
}

// CMetrics is one context of cmetrics, the form in which Fluent Bit carries metrics. Its layout is that of
// cmt_encode_msgpack in https://github.com/fluent/cmetrics; histograms and summaries come without their buckets.
// The tags are for the library that plugins may decode it with.
type CMetrics struct {
	Meta struct {
		Cmetrics   map[string]interface{} `mapstructure:"cmetrics"`
		External   map[string]interface{} `mapstructure:"external"`
		Processing struct {
			StaticLabels []interface{} `mapstructure:"static_labels"`
		} `mapstructure:"processing"`
	} `mapstructure:"meta"`
	Metrics []metric `mapstructure:"metrics"`
}

// metric and sample are element types without a name of their own: plugins may spell them out.
type metric = struct {
	Meta struct {
		AggregationType AggregationType `mapstructure:"aggregation_type"`
		Labels          []string        `mapstructure:"labels"`
		Opts            struct {        // the full name is namespace_subsystem_name
			Desc      string `mapstructure:"desc"`
			Name      string `mapstructure:"name"`
			Namespace string `mapstructure:"ns"`
			Subsystem string `mapstructure:"ss"`
		} `mapstructure:"opts"`
		Type MetricType `mapstructure:"type"`
		Ver  int        `mapstructure:"ver"`
	} `mapstructure:"meta"`
	Values []sample `mapstructure:"values"`
}

type sample = struct {
	Hash   int64    `mapstructure:"hash"`
	Labels []string `mapstructure:"labels"` // in the order of the metric's labels
	Ts     int64    `mapstructure:"ts"`     // nanoseconds since 1970
	Value  float64  `mapstructure:"value"`
}

// String writes the metrics much as Prometheus does, with whole numbers and bare label values.
func (cm CMetrics) String() string {
	var b strings.Builder
	for _, m := range cm.Metrics {
		name := m.Meta.Opts.Namespace + "_" + m.Meta.Opts.Subsystem + "_" + m.Meta.Opts.Name
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, m.Meta.Opts.Desc, name, m.Meta.Type)
		for _, v := range m.Values {
			pairs := make([]string, 0, len(m.Meta.Labels))
			for i, label := range m.Meta.Labels {
				value := ""
				if i < len(v.Labels) {
					value = v.Labels[i]
				}
				pairs = append(pairs, label+"="+value)
			}
			fmt.Fprintf(&b, "%s{%s} %.0f\n", name, strings.Join(pairs, ","), v.Value)
		}
	}
	return b.String()
}

// ConvertRecordToCMetrics gives a record of a metrics chunk, as [GetRecord] returned it, its types. It takes
// what it finds: whatever is missing, or cannot be what it should be, stays zero.
func ConvertRecordToCMetrics(record map[interface{}]interface{}) (cMetrics CMetrics) {
	meta := entry(record, "meta")
	cMetrics.Meta.Cmetrics = asTextMap(entry(meta, "cmetrics"))
	cMetrics.Meta.External = asTextMap(entry(meta, "external"))
	cMetrics.Meta.Processing.StaticLabels = asList(entry(entry(meta, "processing"), "static_labels"))

	for _, m := range asList(entry(record, "metrics")) {
		cMetrics.Metrics = append(cMetrics.Metrics, asMetric(m))
	}
	return cMetrics
}

func asMetric(v any) (m metric) {
	meta := entry(v, "meta")
	opts := entry(meta, "opts")
	m.Meta.AggregationType = AggregationType(asInt(entry(meta, "aggregation_type")))
	m.Meta.Labels = asTexts(entry(meta, "labels"))
	m.Meta.Opts.Desc = asText(entry(opts, "desc"))
	m.Meta.Opts.Name = asText(entry(opts, "name"))
	m.Meta.Opts.Namespace = asText(entry(opts, "ns"))
	m.Meta.Opts.Subsystem = asText(entry(opts, "ss"))
	m.Meta.Type = MetricType(asInt(entry(meta, "type")))
	m.Meta.Ver = int(asInt(entry(meta, "ver")))
	for _, v := range asList(entry(v, "values")) {
		m.Values = append(m.Values, sample{
			Hash:   asInt(entry(v, "hash")),
			Labels: asTexts(entry(v, "labels")),
			Ts:     asInt(entry(v, "ts")),
			Value:  asFloat(entry(v, "value")),
		})
	}
	return m
}
