package promtext

import "github.com/fluent/fluent-bit-go/metric"

// Builder makes families of single values that come under Prometheus' names, in whatever form: those of
// histograms and summaries are put together again.
type Builder struct{ p parser }

// NewBuilder returns a builder without any value.
func NewBuilder() *Builder { return &Builder{parser{index: map[string]*family{}}} }

// Describe tells what is known of a name, before its first value.
func (b *Builder) Describe(name string, t metric.Type, help, unit string) {
	f := b.p.family(name)
	f.Type, f.Help, f.Unit = t, help, unit
	if t == metric.TypeCounter || t == metric.TypeHistogram {
		f.Aggregation = metric.Cumulative
	}
}

// Add adds a value at a time in nanoseconds since 1970. labels become the builder's.
func (b *Builder) Add(name string, labels []metric.Label, value float64, at int64) error {
	return b.p.add(name, labels, value, at)
}

// Set returns what was added.
func (b *Builder) Set() metric.Set { return b.p.set() }
