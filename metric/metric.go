// Package metric holds measurements: what a plugin counts ([Registry]), and what travels through the
// pipeline as a payload of kind event.Metrics ([Set]).
//
// On the wire a set is what the C Fluent Bit calls a cmetrics context, in its MessagePack form
// (https://github.com/fluent/cmetrics, version 2 of its encoder); a chunk of metrics is one or more of these
// in a row. [Append] and [All] write and read them, [AppendText] and [AppendPrometheus] print them.
package metric

// Set is a number of families that belong together, with labels that all their points share.
type Set struct {
	Labels   []Label // "static" labels, which stand before those of a point
	Families []Family

	// Internal and External are what Fluent Bit and others noted about the set, such as the resource of
	// OpenTelemetry: one encoded MessagePack map each, or nil. They are carried as they are.
	Internal, External []byte
}

// Label is a name and a value. A label with an empty value is not the same as none.
type Label struct{ Name, Value string }

// L is short for Label{name, value}.
func L(name, value string) Label { return Label{name, value} }

// Type is the kind of a family.
type Type uint8

// The types, numbered as on the wire.
const (
	TypeCounter Type = iota
	TypeGauge
	TypeHistogram
	TypeSummary
	TypeUntyped
	TypeExponential // a histogram whose buckets grow exponentially, as in OpenTelemetry
	types
)

// String returns the name that Prometheus has for the type.
func (t Type) String() string {
	return [...]string{"counter", "gauge", "histogram", "summary", "untyped", "histogram", "unknown"}[min(t, types)]
}

// Aggregation says how the values of counters and histograms follow each other.
type Aggregation uint8

// The aggregations, numbered as on the wire.
const (
	Unspecified Aggregation = iota
	Delta                   // since the last point
	Cumulative              // since the start
)

// Family is all points of one name.
type Family struct {
	Namespace, Subsystem, Name string // see [Family.FullName]
	Help, Unit                 string
	Type                       Type
	Aggregation                Aggregation
	Bounds                     []float64 // histograms: upper bounds of the buckets, without the last, infinite one
	Ranks                      []float64 // summaries: which quantiles there are, from 0 to 1
	Points                     []Point
}

// FullName joins those of namespace, subsystem and name that are there with _.
func (f *Family) FullName() string {
	name := f.Name
	if f.Subsystem != "" {
		name = f.Subsystem + "_" + name
	}
	if f.Namespace != "" {
		name = f.Namespace + "_" + name
	}
	return name
}

// Point is one measurement. Counters, gauges and untyped families use Value, the others what is named after
// them.
type Point struct {
	Time   int64 // nanoseconds since 1970
	Start  int64 // since when a counter counts, or 0
	Labels []Label

	Value float64
	Whole Whole // the value as an integer, when it came as one

	Buckets     *Buckets
	Quantiles   *Quantiles
	Exponential *Exponential
}

// Whole is an integer beside [Point.Value], for those beyond 2^53. The zero Whole is none; who changes the
// value sets it to that.
type Whole struct {
	Kind WholeKind
	Bits uint64 // of an int64 or a uint64
}

// WholeKind tells how to read the bits of a [Whole].
type WholeKind uint8

// The kinds, numbered as on the wire.
const (
	NotWhole WholeKind = iota
	Int64
	Uint64
)

// Buckets are the state of a histogram. Counts are cumulative, as in Prometheus: each is the number of
// observations up to that bound, and the last one, which has no bound, is all of them.
type Buckets struct {
	Counts []uint64 // one more than the family has bounds
	Count  uint64
	Sum    float64
}

// Quantiles are the state of a summary.
type Quantiles struct {
	Values []float64 // one for each of the family's ranks
	Set    bool      // false: only count and sum are known
	Count  uint64
	Sum    float64
}

// Exponential is the state of an exponential histogram. With base = 2^(2^-Scale), bucket i of Positive counts
// values in (base^(PositiveOffset+i), base^(PositiveOffset+i+1)]; Negative mirrors it.
type Exponential struct {
	Scale                          int32
	ZeroCount                      uint64
	ZeroThreshold                  float64
	PositiveOffset, NegativeOffset int32
	Positive, Negative             []uint64
	Count                          uint64
	HasSum                         bool
	Sum                            float64
}

// Label returns the value of a point's own label.
func (p *Point) Label(name string) (value string, ok bool) {
	for _, l := range p.Labels {
		if l.Name == name {
			return l.Value, true
		}
	}
	return "", false
}

// Add brings f's points into the family of the same name and type, or appends f when there is none.
func (s *Set) Add(f Family) {
	for i := range s.Families {
		if g := &s.Families[i]; g.alike(&f) {
			g.Points = append(g.Points, f.Points...)
			return
		}
	}
	s.Families = append(s.Families, f)
}

// alike reports whether two families may be one.
func (f *Family) alike(g *Family) bool {
	return f.Name == g.Name && f.Type == g.Type && f.Subsystem == g.Subsystem && f.Namespace == g.Namespace &&
		equal(f.Bounds, g.Bounds) && equal(f.Ranks, g.Ranks)
}

func equal(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Len returns the number of points.
func (s *Set) Len() (n int) {
	for i := range s.Families {
		n += len(s.Families[i].Points)
	}
	return n
}
