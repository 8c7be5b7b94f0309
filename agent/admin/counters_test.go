package admin

import (
	"encoding/json"
	"testing"

	"github.com/fluent/fluent-bit-go/metric"
)

// A plugin's own counters stand among the agent's, under whatever names it likes.
func TestACounterOfAPluginMayHaveANameOfTheAgents(t *testing.T) {
	point := func(name string) metric.Point {
		return metric.Point{Value: 1, Labels: []metric.Label{metric.L("name", name)}}
	}
	set := metric.Set{Families: []metric.Family{
		{Name: "fluentbit_input_records_total", Type: metric.TypeCounter, Points: []metric.Point{point("a")}},
		{Name: "fluentbit_input_bytes_total", Type: metric.TypeCounter, Points: []metric.Point{point("a"), point("a"), point("b")}},
	}}
	text, err := json.Marshal(counters(set))
	if want := `{"input":{"a":{"records":1,"bytes":1}},"filter":{},"output":{}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
