package cumulative_to_delta

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// rig sends one set after the other, a second apart.
type rig struct {
	t    *testing.T
	f    plugin.Filter
	time int64
}

func build(t *testing.T, settings ...string) *rig {
	t.Helper()
	f, err := filtertest.Build(Plugin, filtertest.Properties(settings...))
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, f, 1700000000e9}
}

func (r *rig) send(families ...metric.Family) []metric.Family {
	r.t.Helper()
	r.time += 1e9
	for i := range families {
		families[i].Name = "m"
		for j := range families[i].Points {
			if p := &families[i].Points[j]; p.Time == 0 {
				p.Time = r.time
			}
		}
	}
	b := event.Payload("t", event.Metrics, metric.Append(nil, &metric.Set{Families: families}))
	if err := r.f.Filter(r.t.Context(), b); err != nil {
		r.t.Fatal(err)
	}
	var out []metric.Family
	for s, err := range metric.All(b.Bytes()) {
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, s.Families...)
	}
	return out
}

// counters sends values of the series a, b, … and returns what comes out, "-" for a series that is dropped.
func (r *rig) counters(values ...float64) string {
	r.t.Helper()
	f := metric.Family{Type: metric.TypeCounter, Aggregation: metric.Cumulative}
	for i, v := range values {
		f.Points = append(f.Points, metric.Point{Value: v, Labels: []metric.Label{metric.L("l", string(rune('a'+i)))}})
	}
	got := make([]string, len(values))
	for i := range got {
		got[i] = "-"
	}
	for _, f := range r.send(f) {
		if f.Aggregation != metric.Delta {
			r.t.Errorf("the aggregation is %d", f.Aggregation)
		}
		for _, p := range f.Points {
			name, _ := p.Label("l")
			got[name[0]-'a'] = fmt.Sprint(p.Value)
		}
	}
	return strings.Join(got, " ")
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCountersBecomeDifferences(t *testing.T) {
	r := build(t)
	want(t, r.counters(5, 1), "- -")
	want(t, r.counters(7, 1.5), "2 0.5")
	want(t, r.counters(7), "0")
	want(t, r.counters(3, 2), "- 0.5") // a began anew
	want(t, r.counters(4, 2), "1 0")
}

func TestTheFirstPointAndTheOneAfterAResetMayBeKept(t *testing.T) {
	r := build(t, "drop_first off", "drop_on_reset off")
	want(t, r.counters(5), "5")
	want(t, r.counters(7), "2")
	want(t, r.counters(3), "3")
	want(t, r.counters(4), "1")
	want(t, build(t, "initial_value drop", "drop_first off").counters(5), "-")
	want(t, build(t, "initial_value keep").counters(5), "5")
	r = build(t, "initial_value auto")
	want(t, r.counters(5), "-") // its count began long ago
	r.time = time.Now().Add(time.Hour).UnixNano()
	want(t, r.counters(5, 6), "0 6")
}

func TestOldPointsAreDropped(t *testing.T) {
	r := build(t)
	r.counters(5)
	r.time -= 2e9
	want(t, r.counters(6), "-")
	r.time += 2e9
	want(t, r.counters(8), "3")
}

func TestEachDifferenceTellsSinceWhen(t *testing.T) {
	r := build(t, "drop_on_reset off")
	f := func(value float64) metric.Point {
		fam := r.send(metric.Family{Type: metric.TypeCounter, Aggregation: metric.Cumulative, Points: []metric.Point{
			{Value: value, Whole: metric.Whole{Kind: metric.Uint64, Bits: uint64(value)}}}})
		if len(fam) == 0 {
			return metric.Point{}
		}
		return fam[0].Points[0]
	}
	f(1 << 60)
	if p := f(1<<60 + 1<<10); p.Start != p.Time-1e9 || p.Value != 1<<10 || p.Whole.Bits != 1<<10 {
		t.Errorf("%+v", p)
	}
	if p := f(5); p.Start != p.Time || p.Value != 5 {
		t.Errorf("%+v", p)
	}
}

func TestOnlyWhatGrowsIsTurned(t *testing.T) {
	r := build(t)
	for range 2 {
		got := r.send(
			metric.Family{Type: metric.TypeGauge, Points: []metric.Point{{Value: 1}}},
			metric.Family{Type: metric.TypeCounter, Aggregation: metric.Delta, Points: []metric.Point{{Value: 2}}},
			metric.Family{Type: metric.TypeCounter, Points: []metric.Point{{Value: 3}}},
		)
		for i, f := range got {
			if f.Points[0].Value != float64(i+1) {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestHistogramsBecomeDifferences(t *testing.T) {
	r := build(t)
	send := func(bounds int, sum float64, counts ...uint64) *metric.Buckets {
		f := metric.Family{Type: metric.TypeHistogram, Aggregation: metric.Cumulative, Bounds: []float64{1, 2, 3}[:bounds]}
		f.Points = []metric.Point{{Buckets: &metric.Buckets{Counts: counts, Count: counts[len(counts)-1], Sum: sum}}}
		if got := r.send(f); len(got) > 0 {
			return got[0].Points[0].Buckets
		}
		return nil
	}
	f := func(got, want *metric.Buckets) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	f(send(2, 10, 1, 2, 3), nil)
	f(send(2, 15, 1, 4, 6), &metric.Buckets{Counts: []uint64{0, 2, 3}, Count: 3, Sum: 5})
	f(send(2, 1, 0, 1, 9), nil) // one bucket fell
	f(send(1, 1, 1, 10), nil)   // other buckets
	f(send(1, 1.5, 1, 11), &metric.Buckets{Counts: []uint64{0, 1}, Count: 1, Sum: 0.5})
}

func TestExponentialHistogramsBecomeDifferences(t *testing.T) {
	r := build(t)
	send := func(x metric.Exponential) *metric.Exponential {
		got := r.send(metric.Family{Type: metric.TypeExponential, Aggregation: metric.Cumulative, Points: []metric.Point{{Exponential: &x}}})
		if len(got) > 0 {
			return got[0].Points[0].Exponential
		}
		return nil
	}
	f := func(got *metric.Exponential, want ...uint64) {
		t.Helper()
		if want == nil && got == nil {
			return
		}
		if got == nil || !reflect.DeepEqual(got.Positive, want) {
			t.Errorf("got %+v, want %v", got, want)
		}
	}
	f(send(metric.Exponential{Scale: 1, Count: 3, PositiveOffset: 2, Positive: []uint64{1, 2}}))
	f(send(metric.Exponential{Scale: 1, Count: 6, PositiveOffset: 1, Positive: []uint64{1, 1, 4}}), 1, 0, 2)
	f(send(metric.Exponential{Scale: 0, Count: 8, PositiveOffset: 0, Positive: []uint64{2, 6}}), 1, 1) // buckets 1, 2 and 3 are now 0, 1 and 1
	f(send(metric.Exponential{Scale: 3, Count: 9, PositiveOffset: 0, Positive: []uint64{9}}))          // finer: it began anew
	f(send(metric.Exponential{Scale: math.MinInt32, Count: 10, PositiveOffset: 0, Positive: []uint64{10}}), 1)
	f(send(metric.Exponential{Scale: math.MinInt32, Count: 11, PositiveOffset: 5, Positive: []uint64{11}}))
}

func TestSeriesAreForgotten(t *testing.T) {
	r := build(t, "max_series 2")
	r.counters(1, 1)
	r.counters(2, 2)
	want(t, r.counters(3, 3, 3), "1 1 -") // c takes a's place
	want(t, r.counters(4), "-")
	synctest.Test(t, func(t *testing.T) {
		r := build(t, "max_staleness 1m")
		r.counters(1, 1)
		time.Sleep(50 * time.Second)
		want(t, r.counters(2), "1")
		time.Sleep(30 * time.Second)
		want(t, r.counters(3, 3), "1 -")
	})
}

func TestASeriesThatBecomesAnotherKindOfHistogramBeginsAnew(t *testing.T) {
	r := build(t)
	plain := metric.Family{Type: metric.TypeHistogram, Aggregation: metric.Cumulative, Points: []metric.Point{{Buckets: &metric.Buckets{Counts: []uint64{1}, Count: 1}}}}
	exponential := metric.Family{Type: metric.TypeExponential, Aggregation: metric.Cumulative, Points: []metric.Point{{Exponential: &metric.Exponential{Count: 2, Positive: []uint64{2}}}}}
	for _, f := range []metric.Family{plain, exponential, plain} {
		f.Points = []metric.Point{f.Points[0]}
		if got := r.send(f); len(got) > 0 && f.Type == metric.TypeExponential {
			t.Errorf("got %+v", got)
		}
	}
}

func TestAClockThatWasAheadSilencesASeriesOnlyForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := build(t, "max_staleness 1m")
		r.time += 1e18
		r.counters(1)
		r.time -= 1e18
		want(t, r.counters(2), "-")
		time.Sleep(50 * time.Second)
		want(t, r.counters(3), "-")
		time.Sleep(50 * time.Second)
		want(t, r.counters(4), "-") // the first of the series that begins anew
		want(t, r.counters(6), "2")
	})
}
