package output

import (
	"reflect"
	"testing"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// metrics is a context of cmetrics with one counter of two samples.
func metrics() []byte {
	var b []byte
	m := func(key string, n int) { b = msgp.AppendMapHeader(msgp.AppendStr(b, key), n) }
	a := func(key string, n int) { b = msgp.AppendArrayHeader(msgp.AppendStr(b, key), n) }
	str := func(k, v string) { b = msgp.AppendStr(msgp.AppendStr(b, k), v) }
	num := func(k string, v uint64) { b = msgp.AppendUint(msgp.AppendStr(b, k), v) }

	b = msgp.AppendMapHeader(b, 2)
	m("meta", 3)
	m("cmetrics", 1)
	str("producer", "fluent-bit")
	m("external", 0)
	m("processing", 1)
	a("static_labels", 1)
	b = msgp.AppendUint(b, 0)
	a("metrics", 1)
	b = msgp.AppendMapHeader(b, 2)
	m("meta", 5)
	num("ver", 2)
	num("type", 0)
	num("aggregation_type", 2)
	m("opts", 4)
	str("ns", "node")
	str("ss", "cpu")
	str("name", "seconds_total")
	str("desc", "Seconds per mode.")
	a("labels", 2)
	b = msgp.AppendStr(msgp.AppendStr(b, "cpu"), "mode")
	a("values", 2)
	for i, labels := range [][]string{{"0", "idle"}, {"0"}} {
		b = msgp.AppendMapHeader(b, 4)
		num("ts", 1700000000000000000)
		b = msgp.AppendFloat(msgp.AppendStr(b, "value"), 41.6+float64(i))
		a("labels", len(labels))
		for _, l := range labels {
			b = msgp.AppendStr(b, l)
		}
		num("hash", 1<<63+5)
	}
	return b
}

func TestMetricsChunks(t *testing.T) {
	dec := NewDecoderBytes(append(metrics(), metrics()...))
	for range 2 {
		ret, ts, rec := GetRecord(dec)
		if ret != 0 || ts != any(0) {
			t.Fatalf("ret %d, time %#v", ret, ts)
		}
		cm := ConvertRecordToCMetrics(rec)
		want := "# HELP node_cpu_seconds_total Seconds per mode.\n# TYPE node_cpu_seconds_total counter\n" +
			"node_cpu_seconds_total{cpu=0,mode=idle} 42\nnode_cpu_seconds_total{cpu=0,mode=} 43\n"
		if got := cm.String(); got != want {
			t.Errorf("got %s", got)
		}
		m := cm.Metrics[0]
		if m.Meta.Ver != 2 || m.Meta.AggregationType.String() != "cumulative" || m.Values[0].Hash != -1<<63+5 ||
			m.Values[1].Ts != 1700000000000000000 || len(cm.Meta.Processing.StaticLabels) != 1 ||
			!reflect.DeepEqual(cm.Meta.Cmetrics, map[string]any{"producer": []byte("fluent-bit")}) {
			t.Errorf("got %+v", cm)
		}
	}
	if ret, _, _ := GetRecord(dec); ret != -1 {
		t.Errorf("ret %d", ret)
	}
}

func TestMetricsTakeWhatTheyFind(t *testing.T) {
	f := func(record map[any]any, want func(CMetrics) bool) {
		t.Helper()
		if got := ConvertRecordToCMetrics(record); !want(got) {
			t.Errorf("%v: got %+v", record, got)
		}
	}
	one := func(m map[any]any) map[any]any { return map[any]any{"metrics": []any{m}} }
	values := func(v ...any) map[any]any { return one(map[any]any{"values": v}) }
	f(nil, func(c CMetrics) bool { return c.Metrics == nil && c.String() == "" })
	f(map[any]any{"meta": 5, "metrics": int64(7)}, func(c CMetrics) bool { return len(c.Metrics) == 1 })
	f(map[any]any{"Metrics": []any{nil, map[any]any{}}}, func(c CMetrics) bool { return len(c.Metrics) == 2 })
	f(one(map[any]any{"meta": map[any]any{"type": []byte("4"), "ver": true, "labels": []byte("one")}}), func(c CMetrics) bool {
		m := c.Metrics[0].Meta
		return m.Type == UNTYPED && m.Ver == 1 && reflect.DeepEqual(m.Labels, []string{"one"})
	})
	f(values(map[any]any{"value": uint64(3)}), func(c CMetrics) bool { return c.Metrics[0].Values[0].Value == 3 })
	f(values(map[any]any{"value": int64(-3)}), func(c CMetrics) bool { return c.Metrics[0].Values[0].Value == -3 })
	f(values(map[any]any{"value": []byte("1.5"), "ts": 2.0}), func(c CMetrics) bool {
		return c.Metrics[0].Values[0].Value == 1.5 && c.Metrics[0].Values[0].Ts == 2
	})
	f(values(map[any]any{"labels": []any{int64(5), 1.5, true, nil}}), func(c CMetrics) bool {
		return reflect.DeepEqual(c.Metrics[0].Values[0].Labels, []string{"5", "1.5", "1", ""})
	})
}

func TestMetricNames(t *testing.T) {
	for at, want := range map[AggregationType]string{UNSPECIFIED: "unspecified", DELTA: "delta", CUMMULATIVE: "cumulative", 9: ""} {
		if got := at.String(); got != want {
			t.Errorf("%d: %q", at, got)
		}
	}
	for mt, want := range map[MetricType]string{COUNTER: "counter", GAUGE: "gauge", HISTOGRAM: "histogram", SUMMARY: "summary", UNTYPED: "untyped", 9: ""} {
		if got := mt.String(); got != want {
			t.Errorf("%d: %q", mt, got)
		}
	}
}
