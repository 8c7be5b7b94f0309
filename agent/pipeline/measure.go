package pipeline

import (
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

// Fluent Bit's buckets.
var (
	latencyBounds = []float64{0.5, 1, 1.5, 2.5, 5, 10, 20, 30}
	waitBounds    = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 30, 60}
)

// noteDelivery counts a chunk of which o has delivered so many records, on its way from input to output.
func (o *output) noteDelivery(d *delivery, records uint64) {
	m := o.pipe().meter
	way := []metric.Label{metric.L("input", d.in.shown()), metric.L("output", o.shown())}
	if d.kind == event.Logs {
		m.Counter("routing_logs_records_total", "Total log records routed from input to output", way...).Add(records)
		m.Counter("routing_logs_bytes_total", "Total bytes routed from input to output (logs)", way...).Add(uint64(d.size))
	}
	m.Histogram("output_latency_seconds", "End-to-end latency in seconds", latencyBounds, way...).Observe(time.Since(d.born).Seconds())
}

// noteDrop counts logs that ended between input and output.
func (b *books) noteDrop(in *input, output string, kind event.Kinds, records, bytes int) {
	if kind != event.Logs {
		return
	}
	way := []metric.Label{metric.L("input", in.shown()), metric.L("output", output)}
	b.meter.Counter("routing_logs_drop_records_total", "Total log records dropped during routing", way...).Add(uint64(records))
	b.meter.Counter("routing_logs_drop_bytes_total", "Total bytes dropped during routing (logs)", way...).Add(uint64(bytes))
}

// noteWait counts a pause before the next attempt.
func (o *output) noteWait(d time.Duration) {
	o.pipe().meter.Histogram("output_backpressure_wait_seconds", "Output backpressure wait in seconds", waitBounds,
		metric.L("output", o.shown())).Observe(d.Seconds())
}

// oldestAge is how long the oldest chunk waits that o has not settled.
func (o *output) oldestAge(now time.Time) (age time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	look := func(d *delivery) { age = max(age, now.Sub(d.born)) }
	for _, d := range o.ready {
		look(d)
	}
	for d := range o.waiting {
		look(d)
	}
	for d := range o.flying {
		look(d)
	}
	return age
}

// rate is how much an input brings in a second.
type rate struct {
	mu             sync.Mutex
	at             time.Time
	records, bytes uint64
	perSecond      [2]float64
}

func (r *rate) sample(c *InputCounters, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	span := now.Sub(r.at)
	if span < time.Second {
		return
	}
	records, bytes := c.Records.Load(), c.Bytes.Load()
	if !r.at.IsZero() {
		r.perSecond = [2]float64{float64(records-r.records) / span.Seconds(), float64(bytes-r.bytes) / span.Seconds()}
	}
	r.at, r.records, r.bytes = now, records, bytes
}

func (r *rate) get() (records, bytes float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.perSecond[0], r.perSecond[1]
}
