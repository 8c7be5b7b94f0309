package opentelemetry_envelope

import (
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
)

func text(v event.Value) string { return string(event.AppendJSON(nil, v, event.JSONStyle{})) }

func TestLogsGetAGroup(t *testing.T) {
	f, err := filtertest.Build(Plugin, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := filtertest.Batch(t, `{"a":1}`, `{"a":2}`)
	for range 2 { // the second time they have one
		if err := f.Filter(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for r := range b.Records() {
		n++
		g := r.Group()
		if text(g.Meta) != `{"schema":"otlp","resource_id":0,"scope_id":0}` || text(g.Attributes) != `{"resource":{},"scope":{}}` {
			t.Errorf("%s %s", text(g.Meta), text(g.Attributes))
		}
	}
	if n != 2 {
		t.Errorf("%d records", n)
	}
}

func TestMetricsGetWhatTheyLack(t *testing.T) {
	f, _ := filtertest.Build(Plugin, nil)
	payload := parse(`{"meta":{"cmetrics":{"producer":"me"},"external":{"resource":{"attributes":{"service.name":"shop"}}},"processing":{"static_labels":[]}},"metrics":[]}`)
	b := event.Payload("m", event.Metrics, append(append([]byte{}, payload...), payload...))
	if err := f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	one, rest, err := event.CheckValue(b.Bytes())
	if err != nil || string(one) != string(rest) {
		t.Fatal(err)
	}
	want := `{"meta":{"cmetrics":{"producer":"me"},"external":{"resource":{"attributes":{"service.name":"shop"},"metadata":{}},"scope":{"metadata":{},"attributes":{}},"scope_metrics":{"metadata":{}},"resource_metrics":{"metadata":{}}},"processing":{"static_labels":[]}},"metrics":[]}`
	if got := text(one); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b = event.Payload("m", event.Metrics, []byte{0xc1})
	if err := f.Filter(t.Context(), b); err == nil || len(b.Bytes()) != 1 {
		t.Error("broken metrics are changed")
	}
}
