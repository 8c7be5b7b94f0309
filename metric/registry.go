package metric

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Registry makes instruments and reads them. A plugin gets one as plugin.Env.Metrics; what it makes there
// appears among the agent's metrics, under "fluentbit_input_", "fluentbit_filter_" or "fluentbit_output_" and
// with the label name of the instance.
//
//	sent := env.Metrics.Counter("posts_total", "Requests that were answered.")
//	…
//	sent.Add(1)
//
// Asking twice for the same name and labels gives the same instrument; keep it where speed counts. A nil
// Registry makes instruments that nobody reads.
type Registry struct {
	namespace, subsystem string
	labels               []Label

	mu       sync.Mutex
	families []*instruments
}

// instruments are those of one name.
type instruments struct {
	family Family // without points
	list   []instrument
	index  map[string]int // by labels
}

// instrument is one series.
type instrument struct {
	labels []Label
	read   func(*Point)
	self   any
}

// NewRegistry returns a registry whose families have the given namespace and subsystem, and whose points
// have labels before their own.
func NewRegistry(namespace, subsystem string, labels ...Label) *Registry {
	return &Registry{namespace: namespace, subsystem: subsystem, labels: labels}
}

// Counter returns the counter with that name and these labels. Its name should end in _total.
func (r *Registry) Counter(name, help string, labels ...Label) *Counter {
	return register(r, Family{Name: name, Help: help, Type: TypeCounter, Aggregation: Cumulative}, labels, new(Counter))
}

// Gauge returns the gauge with that name and these labels.
func (r *Registry) Gauge(name, help string, labels ...Label) *Gauge {
	return register(r, Family{Name: name, Help: help, Type: TypeGauge}, labels, new(Gauge))
}

// Histogram returns the histogram with that name and these labels. Bounds are the upper bounds of its
// buckets, in ascending order; what is greater than the last is counted as well.
func (r *Registry) Histogram(name, help string, bounds []float64, labels ...Label) *Histogram {
	bounds = slices.Clone(bounds)
	if !slices.IsSorted(bounds) {
		panic(fmt.Sprintf("metric: the bounds of %s do not ascend: %v", name, bounds))
	}
	h := &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
	return register(r, Family{Name: name, Help: help, Type: TypeHistogram, Aggregation: Cumulative, Bounds: bounds}, labels, h)
}

// GaugeFunc has value called whenever the registry is read.
func (r *Registry) GaugeFunc(name, help string, value func() float64, labels ...Label) {
	register(r, Family{Name: name, Help: help, Type: TypeGauge}, labels, fn(value))
}

// CounterFunc is GaugeFunc for a number that never falls.
func (r *Registry) CounterFunc(name, help string, value func() float64, labels ...Label) {
	register(r, Family{Name: name, Help: help, Type: TypeCounter, Aggregation: Cumulative}, labels, fn(value))
}

type readable interface{ read(*Point) }

// register returns the instrument that is there already, or i.
func register[T readable](r *Registry, f Family, labels []Label, i T) T {
	if r == nil {
		return i
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Namespace, f.Subsystem = r.namespace, r.subsystem
	at := slices.IndexFunc(r.families, func(x *instruments) bool { return x.family.Name == f.Name })
	if at < 0 {
		at = len(r.families)
		r.families = append(r.families, &instruments{family: f, index: map[string]int{}})
	}
	x := r.families[at]
	if !x.family.alike(&f) {
		panic(fmt.Sprintf("metric: %s is there already, as a %v", f.FullName(), x.family.Type))
	}
	var buf [128]byte
	key := buf[:0]
	for _, l := range labels {
		key = msgp.AppendStr(msgp.AppendStr(key, l.Name), l.Value) // whatever bytes they hold
	}
	if n, ok := x.index[string(key)]; ok {
		return x.list[n].self.(T)
	}
	x.index[string(key)] = len(x.list)
	x.list = append(x.list, instrument{append(slices.Clip(r.labels), labels...), i.read, i})
	return i
}

// Collect adds the state of all instruments to s.
func (r *Registry) Collect(s *Set, now time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.families {
		f := x.family
		for _, i := range x.list {
			p := Point{Time: now.UnixNano(), Labels: i.labels}
			i.read(&p)
			f.Points = append(f.Points, p)
		}
		s.Add(f)
	}
}

// Counter is a number that only grows.
type Counter struct{ n atomic.Uint64 }

// Add adds n.
func (c *Counter) Add(n uint64) { c.n.Add(n) }

// Inc adds 1.
func (c *Counter) Inc() { c.n.Add(1) }

// Value returns the sum so far.
func (c *Counter) Value() uint64 { return c.n.Load() }

func (c *Counter) read(p *Point) { p.Value = float64(c.n.Load()) }

// Gauge is a number that goes up and down.
type Gauge struct{ float }

// Set sets the value.
func (g *Gauge) Set(v float64) { g.bits.Store(math.Float64bits(v)) }

// Add adds d, which may be negative.
func (g *Gauge) Add(d float64) { g.add(d) }

// Value returns the value.
func (g *Gauge) Value() float64 { return g.load() }

func (g *Gauge) read(p *Point) { p.Value = g.load() }

// Histogram counts observations by size.
type Histogram struct {
	bounds []float64
	counts []atomic.Uint64 // of each bucket alone
	sum    float
}

// Observe counts v.
func (h *Histogram) Observe(v float64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.counts[i].Add(1)
	h.sum.add(v)
}

func (h *Histogram) read(p *Point) {
	b := &Buckets{Counts: make([]uint64, len(h.counts)), Sum: h.sum.load()}
	for i := range h.counts {
		b.Count += h.counts[i].Load()
		b.Counts[i] = b.Count
	}
	p.Buckets = b
}

// float is a float64 for many goroutines.
type float struct{ bits atomic.Uint64 }

func (f *float) load() float64 { return math.Float64frombits(f.bits.Load()) }

func (f *float) add(d float64) {
	for {
		old := f.bits.Load()
		if f.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+d)) {
			return
		}
	}
}

// fn is an instrument that asks.
type fn func() float64

func (f fn) read(p *Point) { p.Value = f() }
