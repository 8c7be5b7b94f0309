package labels

import (
	"cmp"
	"slices"

	"github.com/fluent/fluent-bit-go/metric"
)

// merge makes one point of those that an edit has left with the same labels: no receiver takes a series twice.
// Counters and histograms add up, of the others the last counts.
func merge(f *metric.Family) {
	seen := map[string]int{}
	kept := f.Points[:0]
	var key []byte
	var labels []metric.Label
	for _, p := range f.Points {
		key = key[:0]
		labels = append(labels[:0], p.Labels...)
		slices.SortFunc(labels, func(a, b metric.Label) int { return cmp.Compare(a.Name, b.Name) }) // their order tells nothing
		for _, l := range labels {
			key = append(append(append(append(key, l.Name...), 0), l.Value...), 0)
		}
		i, twice := seen[string(key)]
		if !twice {
			seen[string(key)] = len(kept)
			kept = append(kept, p)
			continue
		}
		add(f.Type, &kept[i], p)
	}
	f.Points = kept
}

func add(t metric.Type, to *metric.Point, p metric.Point) {
	switch {
	case t == metric.TypeCounter:
		p.Value += to.Value
		p.Whole = metric.Whole{}
	case t == metric.TypeHistogram && to.Buckets != nil && p.Buckets != nil && len(to.Buckets.Counts) == len(p.Buckets.Counts):
		sum := metric.Buckets{Count: to.Buckets.Count + p.Buckets.Count, Sum: to.Buckets.Sum + p.Buckets.Sum}
		for i, n := range p.Buckets.Counts {
			sum.Counts = append(sum.Counts, n+to.Buckets.Counts[i])
		}
		p.Buckets = &sum
	}
	p.Time = max(p.Time, to.Time)
	p.Start = min(p.Start, to.Start)
	*to = p
}
