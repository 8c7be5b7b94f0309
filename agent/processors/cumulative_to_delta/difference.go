package cumulative_to_delta

import (
	"slices"

	"github.com/fluent/fluent-bit-go/metric"
)

// difference returns p as what came since last, and false when the series has begun anew in between.
func difference(t metric.Type, p, last *metric.Point) (d metric.Point, ok bool) {
	d = *p
	switch t {
	case metric.TypeHistogram:
		d.Buckets, ok = buckets(p.Buckets, last.Buckets)
	case metric.TypeExponential:
		d.Exponential, ok = exponential(p.Exponential, last.Exponential)
	default:
		ok = p.Value >= last.Value
		d.Value, d.Whole = p.Value-last.Value, metric.Whole{}
		if p.Whole.Kind == metric.Uint64 && last.Whole.Kind == metric.Uint64 { // exact beyond 2^53
			d.Whole = metric.Whole{Kind: metric.Uint64, Bits: p.Whole.Bits - last.Whole.Bits}
			d.Value = float64(d.Whole.Bits)
			ok = p.Whole.Bits >= last.Whole.Bits
		}
	}
	return d, ok
}

func buckets(p, last *metric.Buckets) (*metric.Buckets, bool) {
	if len(p.Counts) != len(last.Counts) || p.Count < last.Count {
		return nil, false
	}
	d := &metric.Buckets{Count: p.Count - last.Count, Sum: p.Sum - last.Sum, Counts: make([]uint64, len(p.Counts))}
	for i := range p.Counts {
		if p.Counts[i] < last.Counts[i] {
			return nil, false
		}
		d.Counts[i] = p.Counts[i] - last.Counts[i]
	}
	return d, true
}

// exponential brings last to the coarser scale of p first, if it has one: such histograms merge their
// buckets as values spread. One that became finer has begun anew.
func exponential(p, last *metric.Exponential) (*metric.Exponential, bool) {
	steps := int64(last.Scale) - int64(p.Scale)
	if steps < 0 || p.Count < last.Count || p.ZeroCount < last.ZeroCount || p.ZeroThreshold != last.ZeroThreshold || p.HasSum != last.HasSum {
		return nil, false
	}
	d := *p
	d.Count, d.ZeroCount, d.Sum = p.Count-last.Count, p.ZeroCount-last.ZeroCount, p.Sum-last.Sum
	var ok1, ok2 bool
	d.Positive, ok1 = side(p.Positive, p.PositiveOffset, last.Positive, last.PositiveOffset, steps)
	d.Negative, ok2 = side(p.Negative, p.NegativeOffset, last.Negative, last.NegativeOffset, steps)
	return &d, ok1 && ok2
}

// side subtracts the counts of last, whose bucket i is bucket i>>steps of p.
func side(p []uint64, offset int32, last []uint64, lastOffset int32, steps int64) ([]uint64, bool) {
	d := slices.Clone(p)
	for i, n := range last {
		if n == 0 {
			continue
		}
		at := (int64(lastOffset)+int64(i))>>min(steps, 63) - int64(offset)
		if at < 0 || at >= int64(len(d)) || d[at] < n {
			return nil, false
		}
		d[at] -= n
	}
	return d, true
}
