package metric_test

import (
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/metric"
)

// A plugin gets its registry as plugin.Env.Metrics.
func Example() {
	metrics := metric.NewRegistry("fluentbit", "output", metric.L("name", "out_mine.0"))

	posts := metrics.Counter("posts_total", "Requests that were answered.", metric.L("code", "200"))
	queue := metrics.Gauge("queue", "Requests that wait.")
	posts.Add(3)
	queue.Set(2)

	var set metric.Set
	metrics.Collect(&set, time.Unix(1700000000, 0))
	fmt.Printf("%s", metric.AppendText(nil, &set))
	// Output:
	// 2023-11-14T22:13:20.000000000Z fluentbit_output_posts_total{name="out_mine.0",code="200"} = 3
	// 2023-11-14T22:13:20.000000000Z fluentbit_output_queue{name="out_mine.0"} = 2
}

// An input that emits metrics builds a set and puts it into a batch of kind event.Metrics.
func ExampleAppend() {
	set := metric.Set{Families: []metric.Family{{
		Name: "room_celsius", Help: "How warm it is.", Type: metric.TypeGauge,
		Points: []metric.Point{{Time: 1700000000e9, Labels: []metric.Label{metric.L("room", "kitchen")}, Value: 21.5}},
	}}}
	payload := metric.Append(nil, &set) // event.Payload(tag, event.Metrics, payload)

	for s, err := range metric.All(payload) { // what an output does
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s", metric.AppendPrometheus(nil, s, false))
	}
	// Output:
	// # HELP room_celsius How warm it is.
	// # TYPE room_celsius gauge
	// room_celsius{room="kitchen"} 21.5
}
