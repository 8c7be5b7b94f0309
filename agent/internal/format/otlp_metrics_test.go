package format

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

func metricsChunk(sets ...metric.Set) *event.Chunk {
	var data []byte
	for i := range sets {
		data = metric.Append(data, &sets[i])
	}
	return event.NewChunk(1, "m", event.Metrics, data, len(sets))
}

func TestMetricsAsOTLP(t *testing.T) {
	f := func(want string, set metric.Set) {
		t.Helper()
		r := &Records{Format: OTLPJSON}
		got, err := r.AppendMetricsAs(nil, metricsChunk(set))
		if err != nil || !json.Valid(got) {
			t.Fatalf("%v\n%s", err, got)
		}
		if !strings.HasPrefix(want, `{"resourceMetrics"`) {
			want = `{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[` + want + `]}]}]}`
		}
		if string(got) != want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
	}
	one := func(fam metric.Family, p metric.Point) metric.Set {
		p.Time = 7
		fam.Points = []metric.Point{p}
		return metric.Set{Families: []metric.Family{fam}}
	}
	counter := one(metric.Family{Namespace: "a", Name: "b", Help: "h\"", Unit: "s", Type: metric.TypeCounter, Aggregation: metric.Delta},
		metric.Point{Start: 5, Value: 3, Whole: metric.Whole{Kind: metric.Int64, Bits: 3}, Labels: []metric.Label{metric.L("x", "y\n")}})
	counter.Labels = []metric.Label{metric.L("all", "1")}
	f(`{"name":"a_b","description":"h\"","unit":"s","sum":{"dataPoints":[{"attributes":[{"key":"all","value":{"stringValue":"1"}},{"key":"x","value":{"stringValue":"y\n"}}],`+
		`"startTimeUnixNano":"5","timeUnixNano":"7","asInt":"3"}],"aggregationTemporality":1,"isMonotonic":true}}`, counter)
	f(`{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"7","asDouble":"NaN"}]}}`, one(metric.Family{Name: "g", Type: metric.TypeGauge}, metric.Point{Value: math.NaN()}))
	f(`{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"7","asDouble":"-Infinity"}]}}`, one(metric.Family{Name: "g", Type: metric.TypeUntyped}, metric.Point{Value: math.Inf(-1)}))
	f(`{"name":"h","histogram":{"dataPoints":[{"timeUnixNano":"7","count":"4","sum":7.5,"bucketCounts":["1","2","1"],"explicitBounds":[0.5,2.0]}],"aggregationTemporality":2}}`,
		one(metric.Family{Name: "h", Type: metric.TypeHistogram, Aggregation: metric.Cumulative, Bounds: []float64{0.5, 2}},
			metric.Point{Buckets: &metric.Buckets{Counts: []uint64{1, 3, 4}, Count: 4, Sum: 7.5}}))
	f(`{"name":"s","summary":{"dataPoints":[{"timeUnixNano":"7","count":"6","sum":12.0,"quantileValues":[{"quantile":0.5,"value":1.5}]}]}}`,
		one(metric.Family{Name: "s", Type: metric.TypeSummary, Ranks: []float64{0.5}}, metric.Point{Quantiles: &metric.Quantiles{Values: []float64{1.5}, Set: true, Count: 6, Sum: 12}}))
	f(`{"name":"e","exponentialHistogram":{"dataPoints":[{"timeUnixNano":"7","count":"4","sum":2.0,"scale":-1,"zeroCount":"1","positive":{"offset":2,"bucketCounts":["1","2"]},`+
		`"negative":{"offset":0,"bucketCounts":[]},"zeroThreshold":0.5}],"aggregationTemporality":0}}`,
		one(metric.Family{Name: "e", Type: metric.TypeExponential}, metric.Point{Exponential: &metric.Exponential{
			Scale: -1, ZeroCount: 1, ZeroThreshold: 0.5, PositiveOffset: 2, Positive: []uint64{1, 2}, Count: 4, HasSum: true, Sum: 2}}))

	noted := one(metric.Family{Name: "g", Type: metric.TypeGauge}, metric.Point{Value: 1})
	noted.External, _, _ = event.ParseJSON(nil, []byte(`{"resource":{"metadata":{},"attributes":{"host":"h"}},"scope":{"metadata":{"name":"lib","version":"2"},"attributes":{"k":1}}}`))
	f(`{"resourceMetrics":[{"resource":{"attributes":[{"key":"host","value":{"stringValue":"h"}}]},"scopeMetrics":[{"scope":{`+
		`"attributes":[{"key":"k","value":{"intValue":"1"}}],"name":"lib","version":"2"},"metrics":[{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"7","asDouble":1.0}]}}]}]}]}`, noted)
}

func TestMetricsInOtherFormatsAreText(t *testing.T) {
	set := metric.Set{Families: []metric.Family{{Name: "g", Type: metric.TypeGauge, Points: []metric.Point{{Value: 1}}}}}
	f := func(form Format, want string) {
		t.Helper()
		r := &Records{Format: form}
		got, err := r.AppendMetricsAs(nil, metricsChunk(set, set))
		if err != nil || string(got) != want {
			t.Errorf("%v\n%s", err, got)
		}
	}
	line := "1970-01-01T00:00:00.000000000Z g = 1\n"
	f(JSON, line+line)
	f(MsgPack, line+line)
	item := `{
      "resource": {},
      "scopeMetrics": [
        {
          "scope": {},
          "metrics": [
            {
              "name": "g",
              "gauge": {
                "dataPoints": [
                  {
                    "timeUnixNano": "0",
                    "asDouble": 1.0
                  }
                ]
              }
            }
          ]
        }
      ]
    }`
	f(OTLPJSONPretty, "{\n  \"resourceMetrics\": [\n    "+item+",\n    "+item+"\n  ]\n}\n")
}

func TestMetricsThatCannotBeReadAreDropped(t *testing.T) {
	r := &Records{Format: OTLPJSON}
	got, err := r.AppendMetricsAs([]byte("before"), event.NewChunk(1, "m", event.Metrics, []byte{0xc1}, 1))
	if !plugin.Dropped(err) || string(got) != "before" {
		t.Errorf("%v, %s", err, got)
	}
}
