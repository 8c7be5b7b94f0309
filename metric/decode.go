package metric

import (
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// All reads the sets of a payload. An error ends it; the sets before are good.
func All(data []byte) iter.Seq2[*Set, error] {
	return func(yield func(*Set, error) bool) {
		for len(data) > 0 {
			s, rest, err := Parse(data)
			if !yield(s, err) || err != nil {
				return
			}
			data = rest
		}
	}
}

// Parse reads the first set of data and returns what follows it. Everything is checked; what it does not
// know is passed over. The set holds nothing of data but Internal and External.
func Parse(data []byte) (s *Set, rest []byte, err error) {
	size, err := msgp.Check(data)
	if err != nil {
		return nil, nil, fmt.Errorf("metrics: %w", err)
	}
	s = new(Set)
	r := &reader{b: data[:size:size]}
	r.fields("set", func(key string) {
		switch key {
		case "meta":
			r.context(s)
		case "metrics":
			r.array("metrics", func(int) {
				var f Family
				r.family(&f)
				s.Families = append(s.Families, f)
			})
		default:
			r.skip()
		}
	})
	if r.err != nil {
		return nil, nil, fmt.Errorf("metrics: %w", r.err)
	}
	return s, data[size:], nil
}

// maxLabels keeps looking for labels by name cheap.
const maxLabels = 512

// reader walks over checked MessagePack. The first error stays, and what is read after it is zero.
type reader struct {
	b   []byte
	err error
}

var errKind = errors.New("a value of another kind was expected")

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, errKind)
	}
	r.b = nil
}

func (r *reader) take() (v []byte) {
	if len(r.b) == 0 {
		return nil
	}
	n := msgp.Skip(r.b)
	v, r.b = r.b[:n:n], r.b[n:]
	return v
}

func (r *reader) skip() { r.take() }

// fields calls f for each pair of a map; f must take the value.
func (r *reader) fields(what string, f func(key string)) {
	n, rest, ok := msgp.MapHeader(r.b)
	if !ok {
		r.fail(what)
		return
	}
	r.b = rest
	for range n {
		if r.err != nil {
			return
		}
		key, _ := msgp.ReadStr(r.take())
		f(string(key))
	}
}

func (r *reader) array(what string, f func(i int)) {
	n, rest, ok := msgp.ArrayHeader(r.b)
	if !ok {
		r.fail(what)
		return
	}
	r.b = rest
	for i := range n {
		if r.err != nil {
			return
		}
		f(i)
	}
}

// text takes a text, or nil, which is not ok.
func (r *reader) text(what string) (s string, ok bool) {
	v := r.take()
	if b, ok := msgp.ReadStr(v); ok {
		return string(b), true
	}
	if b, ok := msgp.ReadBin(v); ok {
		return string(b), true
	}
	if msgp.TypeOf(v) != msgp.Nil {
		r.fail(what)
	}
	return "", false
}

func (r *reader) str(what string) string { s, _ := r.text(what); return s }

func (r *reader) uint(what string) uint64 {
	v := r.take()
	if u, ok := msgp.ReadUint(v); ok {
		return u
	}
	if i, ok := msgp.ReadInt(v); ok && i >= 0 {
		return uint64(i)
	}
	r.fail(what)
	return 0
}

func (r *reader) int(what string, least, most int64) int64 {
	v := r.take()
	i, ok := msgp.ReadInt(v)
	if u, isUint := msgp.ReadUint(v); isUint && u <= math.MaxInt64 {
		i, ok = int64(u), true
	}
	if !ok || i < least || i > most {
		r.fail(what)
		return 0
	}
	return i
}

func (r *reader) time(what string) int64   { return r.int(what, 0, math.MaxInt64) }
func (r *reader) small(what string) int32  { return int32(r.int(what, math.MinInt32, math.MaxInt32)) }
func (r *reader) bits(what string) float64 { return math.Float64frombits(r.uint(what)) }

func (r *reader) float(what string) float64 {
	v := r.take()
	if f, ok := msgp.ReadFloat(v); ok {
		return f
	}
	if u, ok := msgp.ReadUint(v); ok {
		return float64(u)
	}
	if i, ok := msgp.ReadInt(v); ok {
		return float64(i)
	}
	r.fail(what)
	return 0
}

func (r *reader) floats(what string) (list []float64) {
	r.array(what, func(int) { list = append(list, r.float(what)) })
	return list
}

func (r *reader) uints(what string) (list []uint64) {
	r.array(what, func(int) { list = append(list, r.uint(what)) })
	return list
}

func (r *reader) dict(what string) []byte {
	v := r.take()
	n, _, ok := msgp.MapHeader(v)
	if !ok {
		r.fail(what)
	}
	if n == 0 {
		return nil
	}
	return v
}

func (r *reader) context(s *Set) {
	r.fields("meta", func(key string) {
		switch key {
		case "cmetrics":
			s.Internal = r.dict(key)
		case "external":
			s.External = r.dict(key)
		case "processing":
			r.fields(key, func(key string) {
				if key != "static_labels" {
					r.skip()
					return
				}
				r.array(key, func(int) {
					var pair [2]string
					r.array(key, func(i int) {
						v := r.str(key)
						if i < len(pair) {
							pair[i] = v
						}
					})
					s.Labels = append(s.Labels, Label{pair[0], pair[1]})
				})
			})
		default:
			r.skip()
		}
	})
}

func (r *reader) family(f *Family) {
	var names []string
	var values []byte // the labels' names may come after them
	r.fields("metric", func(key string) {
		switch key {
		case "meta":
			names = r.meta(f)
		case "values":
			values = r.take()
		default:
			r.skip()
		}
	})
	if r.err != nil || values == nil {
		return
	}
	after := r.b
	r.b = values
	r.array("values", func(int) { f.Points = append(f.Points, r.point(f, names)) })
	r.b = after
}

func (r *reader) meta(f *Family) (names []string) {
	r.fields("meta", func(key string) {
		switch key {
		case "ver":
			if v := r.uint(key); v != version && r.err == nil {
				r.err = fmt.Errorf("version %d of the encoding is unknown, only %d is", v, version)
			}
		case "type":
			t := r.uint(key)
			if t >= uint64(types) {
				r.fail(key)
			}
			f.Type = Type(t)
		case "aggregation_type":
			a := r.uint(key)
			if a > uint64(Cumulative) {
				r.fail(key)
			}
			f.Aggregation = Aggregation(a)
		case "opts":
			r.opts(f)
		case "labels":
			r.array(key, func(i int) {
				if names = append(names, r.str(key)); i == maxLabels && r.err == nil {
					r.err = fmt.Errorf("a metric has more than %d labels", maxLabels)
				}
			})
		case "buckets":
			f.Bounds = r.floats(key)
		case "quantiles":
			f.Ranks = r.floats(key)
		default:
			r.skip()
		}
	})
	return names
}

func (r *reader) opts(f *Family) {
	r.fields("opts", func(key string) {
		switch key {
		case "ns":
			f.Namespace = r.str(key)
		case "ss":
			f.Subsystem = r.str(key)
		case "name":
			f.Name = r.str(key)
		case "desc":
			f.Help = r.str(key)
		case "unit":
			f.Unit = r.str(key)
		default:
			r.skip()
		}
	})
}

func (r *reader) point(f *Family, names []string) (p Point) {
	r.fields("value", func(key string) {
		switch key {
		case "": // what simple types have for a state
			r.skip()
		case "ts":
			p.Time = r.time(key)
		case "start_ts":
			p.Start = r.time(key)
		case "value":
			p.Value = r.float(key)
		case "value_int64":
			p.Whole = Whole{Int64, uint64(r.int(key, math.MinInt64, math.MaxInt64))}
		case "value_uint64":
			p.Whole = Whole{Uint64, r.uint(key)}
		case "labels":
			r.array(key, func(i int) {
				v, ok := r.text(key)
				if !ok || i >= len(names) || names[i] == "" {
					return
				}
				if _, twice := p.Label(names[i]); !twice {
					p.Labels = append(p.Labels, Label{names[i], v})
				}
			})
		case state[f.Type]:
			r.state(f, &p)
		default: // value_type follows from the others, and hash from the labels
			r.skip()
		}
	})
	if state[f.Type] != "" && p.Buckets == nil && p.Quantiles == nil && p.Exponential == nil && r.err == nil {
		r.err = fmt.Errorf("a point of %s has no %s", f.FullName(), state[f.Type])
	}
	return p
}

// state is where the points of a type keep what is more than a value.
var state = [types]string{TypeHistogram: "histogram", TypeSummary: "summary", TypeExponential: "exp_histogram"}

func (r *reader) state(f *Family, p *Point) {
	switch f.Type {
	case TypeHistogram:
		p.Buckets = r.buckets(f)
	case TypeSummary:
		p.Quantiles = r.quantiles(f)
	case TypeExponential:
		p.Exponential = r.exponential()
	}
}

func (r *reader) buckets(f *Family) *Buckets {
	b := new(Buckets)
	r.fields("histogram", func(key string) {
		switch key {
		case "buckets":
			b.Counts = r.uints(key)
		case "sum":
			b.Sum = r.float(key)
		case "count":
			b.Count = r.uint(key)
		default:
			r.skip()
		}
	})
	if len(b.Counts) != len(f.Bounds)+1 && r.err == nil {
		r.err = fmt.Errorf("histogram %s: %d counts for %d bounds", f.FullName(), len(b.Counts), len(f.Bounds))
	}
	return b
}

func (r *reader) quantiles(f *Family) *Quantiles {
	q := new(Quantiles)
	r.fields("summary", func(key string) {
		switch key {
		case "quantiles_set":
			q.Set = r.uint(key) != 0
		case "quantiles":
			r.array(key, func(int) { q.Values = append(q.Values, r.bits(key)) })
		case "sum":
			q.Sum = r.bits(key)
		case "count":
			q.Count = r.uint(key)
		default:
			r.skip()
		}
	})
	if len(q.Values) != len(f.Ranks) && r.err == nil {
		r.err = fmt.Errorf("summary %s: %d values for %d quantiles", f.FullName(), len(q.Values), len(f.Ranks))
	}
	return q
}

func (r *reader) exponential() *Exponential {
	x := new(Exponential)
	r.fields("exp_histogram", func(key string) {
		switch key {
		case "scale":
			x.Scale = r.small(key)
		case "zero_count":
			x.ZeroCount = r.uint(key)
		case "zero_threshold":
			x.ZeroThreshold = r.float(key)
		case "positive_offset":
			x.PositiveOffset = r.small(key)
		case "positive_buckets":
			x.Positive = r.uints(key)
		case "negative_offset":
			x.NegativeOffset = r.small(key)
		case "negative_buckets":
			x.Negative = r.uints(key)
		case "count":
			x.Count = r.uint(key)
		case "sum_set":
			x.HasSum = r.uint(key) != 0
		case "sum":
			x.Sum = r.bits(key)
		default:
			r.skip()
		}
	})
	return x
}
