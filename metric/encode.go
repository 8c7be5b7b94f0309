package metric

import (
	"hash/fnv"
	"math"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// version of the layout, in each family's meta.
const version = 2

// Append appends the encoded set to dst:
//
//	{"meta": {"cmetrics": {…}, "external": {…}, "processing": {"static_labels": [[name, value], …]}},
//	 "metrics": [{"meta": {"ver", "type", "opts": {"ns", "ss", "name", "desc", "unit"}, "labels": [name, …], …},
//	              "values": [{"ts", "value", "labels": [value or nil, …], "hash", …}, …]}, …]}
func Append(dst []byte, s *Set) []byte {
	e := encoder{dst}
	e.fields(2)
	e.key("meta").fields(3)
	e.key("cmetrics").raw(s.Internal)
	e.key("external").raw(s.External)
	e.key("processing").fields(1)
	e.key("static_labels").array(len(s.Labels))
	for _, l := range s.Labels {
		e.array(2)
		e.text(l.Name)
		e.text(l.Value)
	}
	e.key("metrics").array(len(s.Families))
	for i := range s.Families {
		e.family(&s.Families[i])
	}
	return e.b
}

type encoder struct{ b []byte }

func (e *encoder) key(s string) *encoder { e.text(s); return e }
func (e *encoder) fields(n int)          { e.b = msgp.AppendMapHeader(e.b, n) }
func (e *encoder) array(n int)           { e.b = msgp.AppendArrayHeader(e.b, n) }
func (e *encoder) text(s string)         { e.b = msgp.AppendStr(e.b, s) }
func (e *encoder) uint(v uint64)         { e.b = msgp.AppendUint(e.b, v) }
func (e *encoder) int(v int64)           { e.b = msgp.AppendInt(e.b, v) }
func (e *encoder) float(v float64)       { e.b = msgp.AppendFloat(e.b, v) }

func (e *encoder) raw(m []byte) {
	if len(m) == 0 {
		e.fields(0)
		return
	}
	e.b = append(e.b, m...)
}

func (e *encoder) floats(list []float64) {
	e.array(len(list))
	for _, v := range list {
		e.float(v)
	}
}

func (e *encoder) uints(list []uint64) {
	e.array(len(list))
	for _, v := range list {
		e.uint(v)
	}
}

func (e *encoder) family(f *Family) {
	names := f.labelNames()
	e.fields(2)
	e.meta(f, names)
	e.key("values").array(len(f.Points))
	full := f.FullName()
	for i := range f.Points {
		e.point(f, &f.Points[i], names, full)
	}
}

func (e *encoder) meta(f *Family, names []string) {
	n := 4
	switch f.Type {
	case TypeHistogram:
		n += 2
	case TypeExponential, TypeSummary, TypeCounter:
		n++
	}
	e.key("meta").fields(n)
	e.key("ver").uint(version)
	e.key("type").uint(uint64(f.Type))
	e.key("opts").fields(5)
	e.key("ns").text(f.Namespace)
	e.key("ss").text(f.Subsystem)
	e.key("name").text(f.Name)
	e.key("desc").text(f.Help)
	e.key("unit").text(f.Unit)
	e.key("labels").array(len(names))
	for _, name := range names {
		e.text(name)
	}
	switch f.Type {
	case TypeHistogram:
		e.key("buckets").floats(f.Bounds)
	case TypeSummary:
		e.key("quantiles").floats(f.Ranks)
	}
	switch f.Type {
	case TypeHistogram, TypeExponential, TypeCounter:
		e.key("aggregation_type").uint(uint64(f.Aggregation))
	}
}

// labelNames are the names of all labels of all points, in the order in which they come up.
func (f *Family) labelNames() (names []string) {
	for i := range f.Points {
		for j, l := range f.Points[i].Labels {
			if j < len(names) && names[j] == l.Name || has(names, l.Name) {
				continue
			}
			names = append(names, l.Name)
		}
	}
	return names
}

func has(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func (e *encoder) point(f *Family, p *Point, names []string, full string) {
	n := 3
	if len(p.Labels) > 0 {
		n++
	}
	if p.Start != 0 {
		n++
	}
	if f.simple() && p.Whole.Kind != NotWhole {
		n += 2
	}
	e.fields(n)
	e.key("ts").uint(uint64(p.Time))
	if p.Start != 0 {
		e.key("start_ts").uint(uint64(p.Start))
	}
	switch f.Type {
	case TypeHistogram:
		e.buckets(f, p.Buckets)
	case TypeSummary:
		e.quantiles(f, p.Quantiles)
	case TypeExponential:
		e.exponential(p.Exponential)
	default:
		e.value(p)
	}
	if len(p.Labels) > 0 {
		e.key("labels").array(len(names))
		for i, name := range names {
			if i < len(p.Labels) && p.Labels[i].Name == name {
				e.text(p.Labels[i].Value)
			} else if v, ok := p.Label(name); ok {
				e.text(v)
			} else {
				e.b = msgp.AppendNil(e.b)
			}
		}
	}
	e.key("hash").uint(p.hash(full))
}

func (f *Family) simple() bool {
	return f.Type == TypeCounter || f.Type == TypeGauge || f.Type == TypeUntyped
}

func (e *encoder) value(p *Point) {
	e.key("value").float(p.Value)
	switch p.Whole.Kind {
	case Int64:
		e.key("value_type").uint(uint64(Int64))
		e.key("value_int64").int(int64(p.Whole.Bits))
	case Uint64:
		e.key("value_type").uint(uint64(Uint64))
		e.key("value_uint64").uint(p.Whole.Bits)
	}
}

// buckets writes one count more than there are bounds, whatever b holds: readers rely on it.
func (e *encoder) buckets(f *Family, b *Buckets) {
	if b == nil {
		b = new(Buckets)
	}
	e.key("histogram").fields(3)
	e.key("buckets").array(len(f.Bounds) + 1)
	for i := range len(f.Bounds) + 1 {
		if i < len(b.Counts) {
			e.uint(b.Counts[i])
		} else {
			e.uint(b.Count)
		}
	}
	e.key("sum").float(b.Sum)
	e.key("count").uint(b.Count)
}

// quantiles writes floats as the integers that their bits are, as the C library keeps them.
func (e *encoder) quantiles(f *Family, q *Quantiles) {
	if q == nil {
		q = new(Quantiles)
	}
	set := uint64(0)
	if q.Set {
		set = 1
	}
	e.key("summary").fields(4)
	e.key("quantiles_set").uint(set)
	e.key("quantiles").array(len(f.Ranks))
	for i := range f.Ranks {
		v := 0.0
		if i < len(q.Values) {
			v = q.Values[i]
		}
		e.uint(math.Float64bits(v))
	}
	e.key("count").uint(q.Count)
	e.key("sum").uint(math.Float64bits(q.Sum))
}

func (e *encoder) exponential(x *Exponential) {
	if x == nil {
		x = new(Exponential)
	}
	set := uint64(0)
	if x.HasSum {
		set = 1
	}
	e.key("exp_histogram").fields(10)
	e.key("scale").int(int64(x.Scale))
	e.key("zero_count").uint(x.ZeroCount)
	e.key("zero_threshold").float(x.ZeroThreshold)
	e.key("positive_offset").int(int64(x.PositiveOffset))
	e.key("positive_buckets").uints(x.Positive)
	e.key("negative_offset").int(int64(x.NegativeOffset))
	e.key("negative_buckets").uints(x.Negative)
	e.key("count").uint(x.Count)
	e.key("sum_set").uint(set)
	e.key("sum").uint(math.Float64bits(x.Sum))
}

// hash tells series apart. 0 is what a point without labels has. The C library has another function, and
// looks at the labels as well where it relies on this one.
func (p *Point) hash(full string) uint64 {
	if len(p.Labels) == 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(full))
	for _, l := range p.Labels {
		_, _ = h.Write([]byte{0xff})
		_, _ = h.Write([]byte(l.Value))
	}
	return max(1, h.Sum64())
}
