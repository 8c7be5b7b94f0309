package metric

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// recorded is what Fluent Bit 5.1.1 sent over the forward protocol after its input prometheus_textfile had
// read a file with one family of each type.
func recorded(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/context.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t testing.TB, b []byte) *Set {
	t.Helper()
	s, rest, err := Parse(b)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	return s
}

func TestWhatFluentBitEncodedPrintsAsItPrintsIt(t *testing.T) {
	s := parse(t, recorded(t))
	got := string(AppendText(nil, s))
	want := `2026-11-29T14:01:03.023928271Z toys_total{colour="red",size="s"} = 3
2023-11-14T22:13:20.123000064Z toys_total{colour="blue
ish",size=""} = 4.5
2026-11-29T14:01:03.023928271Z warm = -1.5
2026-11-29T14:01:03.023928271Z rank = { quantiles = { 0.5=0.25, 0.99=2 }, sum=7.5, count=10 }
2026-11-29T14:01:03.023928271Z took{way="a"} = { buckets = { 0.1=1, 1=3, +Inf=4 }, sum=12.25, count=4 }
2026-11-29T14:01:03.023928271Z some_untyped{a=""} = 1e+20
`
	want = strings.Replace(want, `,size=""`, "", 1) // nil on the wire: the point has no such label
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	s.Labels = []Label{L("zone", "a")}
	got = string(AppendPrometheus(nil, s, false))
	want = `# HELP toys_total toys "sold" here
# TYPE toys_total counter
toys_total{zone="a",colour="red",size="s"} 3
toys_total{zone="a",colour="blue\nish"} 4.5
# HELP warm
# TYPE warm gauge
warm{zone="a"} -1.5
# HELP rank ranks
# TYPE rank summary
rank{quantile="0.5",zone="a"} 0.25
rank{quantile="0.99",zone="a"} 2
rank_sum{zone="a"} 7.5
rank_count{zone="a"} 10
# HELP took how long
# TYPE took histogram
took_bucket{le="0.1",zone="a",way="a"} 1
took_bucket{le="1.0",zone="a",way="a"} 3
took_bucket{le="+Inf",zone="a",way="a"} 4
took_sum{zone="a",way="a"} 12.25
took_count{zone="a",way="a"} 4
# HELP some_untyped
# TYPE some_untyped untyped
some_untyped{zone="a",a=""} 1e+20
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// withoutHashes zeroes the hashes, whose function is not the C library's.
func withoutHashes(b []byte) []byte {
	key := msgp.AppendStr(nil, "hash")
	var out []byte
	for {
		i := bytes.Index(b, key)
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		b = b[i+len(key):]
		b = b[msgp.Skip(b):]
	}
}

func TestWhatFluentBitEncodedIsEncodedTheSameWay(t *testing.T) {
	b := recorded(t)
	if got, want := withoutHashes(Append(nil, parse(t, b))), withoutHashes(b); !bytes.Equal(got, want) {
		t.Errorf("got:\n%x\nwant:\n%x", got, want)
	}
}

// full uses everything that a set can hold.
func full() *Set {
	meta := msgp.AppendInt(msgp.AppendStr(msgp.AppendMapHeader(nil, 1), "k"), 7)
	return &Set{
		Labels: []Label{L("host", "h"), L("empty", "")}, Internal: meta, External: meta,
		Families: []Family{
			{Namespace: "a", Subsystem: "b", Name: "c_total", Help: "h", Unit: "s", Type: TypeCounter, Aggregation: Delta, Points: []Point{
				{Time: 1, Start: 2, Value: 3},
				{Time: 1, Labels: []Label{L("x", "1")}, Value: -1, Whole: Whole{Int64, math.MaxUint64}},
				{Time: 1, Labels: []Label{L("y", ""), L("x", "2")}, Value: math.MaxUint64, Whole: Whole{Uint64, math.MaxUint64}},
			}},
			{Name: "g", Type: TypeGauge, Points: []Point{{Value: math.Inf(-1)}}},
			{Name: "u", Type: TypeUntyped},
			{Name: "s", Type: TypeSummary, Ranks: []float64{0, 1}, Points: []Point{
				{Quantiles: &Quantiles{Values: []float64{-1, 2}, Set: true, Count: 3, Sum: 4}},
			}},
			{Name: "h", Type: TypeHistogram, Aggregation: Cumulative, Bounds: []float64{1, 2}, Points: []Point{
				{Buckets: &Buckets{Counts: []uint64{1, 2, 3}, Count: 3, Sum: -4}},
			}},
			{Name: "e", Type: TypeExponential, Points: []Point{{Exponential: &Exponential{
				Scale: -1, ZeroCount: 2, ZeroThreshold: 0.5, PositiveOffset: -2, NegativeOffset: 3,
				Positive: []uint64{1, 2}, Negative: []uint64{3}, Count: 8, HasSum: true, Sum: 1.5,
			}}}},
		},
	}
}

func TestASetComesBackAsItWas(t *testing.T) {
	want := full()
	got := parse(t, Append(nil, want))
	// Labels come back in the order of the family's names.
	p := want.Families[0].Points
	p[2].Labels[0], p[2].Labels[1] = p[2].Labels[1], p[2].Labels[0]
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var sets int
	for s, err := range All(Append(Append(nil, want), want)) {
		if err != nil || s.Len() != want.Len() {
			t.Error(s.Len(), err)
		}
		sets++
	}
	if sets != 2 {
		t.Errorf("%d sets", sets)
	}
}

func TestMalformedSetsAreRefusedWithAReason(t *testing.T) {
	f := func(b []byte, want string) {
		t.Helper()
		_, _, err := Parse(b)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	good := Append(nil, full())
	for n := range good {
		if _, _, err := Parse(good[:n]); err == nil {
			t.Errorf("%d bytes of %d make a set", n, len(good))
		}
	}
	f([]byte{0x01}, "set: a value of another kind was expected")
	swap := func(key string, by byte) []byte {
		b := bytes.Clone(good)
		b[bytes.Index(b, msgp.AppendStr(nil, key))+1+len(key)] = by
		return b
	}
	f(swap("ver", 3), "version 3 of the encoding is unknown")
	f(swap("type", 9), "type: a value of another kind")
	f(swap("ts", 0xc0), "ts: a value of another kind")
	f(swap("aggregation_type", 3), "aggregation_type")
	s := full()
	f(bytes.Replace(Append(nil, s), msgp.AppendArrayHeader(msgp.AppendStr(nil, "buckets"), 2), msgp.AppendArrayHeader(msgp.AppendStr(nil, "Buckets"), 2), 1), "3 counts for 0 bounds")
}

func TestNumbersPrintAsInC(t *testing.T) {
	f := func(v float64, digits int, want string) {
		t.Helper()
		if got := string(appendFloat(nil, v, digits)); got != want {
			t.Errorf("%g with %d digits: got %s, want %s", v, digits, got, want)
		}
	}
	f(3, 17, "3")
	f(0.1, 17, "0.10000000000000001")
	f(1795960594, 17, "1795960594")
	f(1e15, 17, "1000000000000000")
	f(1e16, 17, "10000000000000000")
	f(1e17, 17, "1e+17")
	f(1e20, 17, "1e+20")
	f(123456, 6, "123456")
	f(1234567, 6, "1.23457e+06")
	f(0.00001, 6, "1e-05")
	f(0.599391, 6, "0.599391")
	f(math.NaN(), 17, "NaN")
	f(math.Inf(1), 6, "+Inf")
	b := func(v float64, want string) {
		t.Helper()
		if got := string(AppendBound(nil, v)); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
	b(0.5, "0.5")
	b(30, "30.0")
	b(1234567, "1234567.0")
	b(0.1234567, "0.1234567")
	b(1e20, "1e+20")
}

func TestExponentialHistogramsBecomePlainOnes(t *testing.T) {
	x := Exponential{Scale: 0, ZeroCount: 1, Positive: []uint64{2, 3}, PositiveOffset: 1, Negative: []uint64{4}, Count: 10, HasSum: true, Sum: 1}
	bounds, b := x.Explicit()
	if !slices.Equal(bounds, []float64{-1, 0, 4, 8}) || !slices.Equal(b.Counts, []uint64{4, 5, 7, 10, 10}) {
		t.Errorf("bounds %v, counts %v", bounds, b.Counts)
	}
	s := Set{Families: []Family{{Name: "e", Type: TypeExponential, Points: []Point{{Exponential: &x}}}}}
	if got := string(AppendPrometheus(nil, &s, true)); !strings.Contains(got, "# TYPE e histogram\ne_bucket{le=\"-1.0\"} 4 0\n") {
		t.Error(got)
	}
	want := "1970-01-01T00:00:00.000000000Z e = { scale=0, zero_count=1, zero_threshold=0, positive={offset=1, bucket_counts=[2, 3]}, negative={offset=0, bucket_counts=[4]}, count=10, sum=1 }\n"
	if got := string(AppendText(nil, &s)); got != want {
		t.Error(got)
	}
	_, b = (&Exponential{Scale: -40, Positive: []uint64{1}, Count: 1}).Explicit()
	if !slices.Equal(b.Counts, []uint64{1}) {
		t.Errorf("a bound that is no number: %v", b.Counts)
	}
}

func TestTheSameNameAndLabelsAreTheSameInstrument(t *testing.T) {
	r := NewRegistry("fluentbit", "output", L("name", "x.0"))
	a := r.Counter("sent_total", "Sent.", L("to", "a"))
	a.Inc()
	r.Counter("sent_total", "Sent.", L("to", "b")).Add(5)
	r.Counter("sent_total", "Sent.", L("to", "a")).Add(2)
	g := r.Gauge("depth", "Depth.")
	g.Set(3)
	g.Add(-1.5)
	r.GaugeFunc("asked", "Asked.", func() float64 { return 9 })
	h := r.Histogram("took_seconds", "Took.", []float64{1, 2})
	for _, v := range []float64{0.5, 1, 1.5, 9} {
		h.Observe(v)
	}
	var s Set
	r.Collect(&s, time.Unix(1, 0))
	got := string(AppendPrometheus(nil, &s, true))
	want := `# HELP fluentbit_output_sent_total Sent.
# TYPE fluentbit_output_sent_total counter
fluentbit_output_sent_total{name="x.0",to="a"} 3 1000
fluentbit_output_sent_total{name="x.0",to="b"} 5 1000
# HELP fluentbit_output_depth Depth.
# TYPE fluentbit_output_depth gauge
fluentbit_output_depth{name="x.0"} 1.5 1000
# HELP fluentbit_output_asked Asked.
# TYPE fluentbit_output_asked gauge
fluentbit_output_asked{name="x.0"} 9 1000
# HELP fluentbit_output_took_seconds Took.
# TYPE fluentbit_output_took_seconds histogram
fluentbit_output_took_seconds_bucket{le="1.0",name="x.0"} 2 1000
fluentbit_output_took_seconds_bucket{le="2.0",name="x.0"} 3 1000
fluentbit_output_took_seconds_bucket{le="+Inf",name="x.0"} 4 1000
fluentbit_output_took_seconds_sum{name="x.0"} 12 1000
fluentbit_output_took_seconds_count{name="x.0"} 4 1000
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestARegistryRefusesTwoTypesUnderOneName(t *testing.T) {
	defer func() {
		if got := recover(); got == nil || !strings.Contains(got.(string), "a_n is there already, as a counter") {
			t.Errorf("got %v", got)
		}
	}()
	r := NewRegistry("a", "")
	r.Counter("n", "")
	r.Gauge("n", "")
}

func TestANilRegistryMakesInstrumentsThatWork(t *testing.T) {
	var r *Registry
	c := r.Counter("n", "")
	c.Add(2)
	r.Collect(new(Set), time.Now())
	if c.Value() != 2 {
		t.Error(c.Value())
	}
}

func TestFamiliesOfTwoRegistriesBecomeOne(t *testing.T) {
	var s Set
	for _, name := range []string{"a", "b"} {
		r := NewRegistry("fluentbit", "input", L("name", name))
		r.Counter("n_total", "N.").Inc()
		r.Collect(&s, time.Unix(0, 0))
	}
	if len(s.Families) != 1 || s.Len() != 2 {
		t.Errorf("%+v", s)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	r := NewRegistry("a", "b")
	c, g, h := r.Counter("c", ""), r.Gauge("g", ""), r.Histogram("h", "", []float64{1, 2, 3})
	if n := testing.AllocsPerRun(100, func() { c.Add(3); g.Set(1); g.Add(2); h.Observe(2.5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(recorded(f))
	f.Add(Append(nil, full()))
	f.Add(Append(Append(nil, new(Set)), full()))
	f.Fuzz(func(t *testing.T, data []byte) {
		for s, err := range All(data) {
			if err != nil {
				return
			}
			again := parse(t, Append(nil, s))
			if a, b := AppendText(nil, s), AppendText(nil, again); again.Len() != s.Len() || !bytes.Equal(sorted(a), sorted(b)) {
				t.Errorf("%s\nbecame\n%s", a, b)
			}
			AppendPrometheus(nil, s, true)
		}
	})
}

// sorted is text whatever the order of its bytes: that of labels may change.
func sorted(b []byte) []byte { slices.Sort(b); return b }

func BenchmarkCounter(b *testing.B) {
	c := NewRegistry("a", "b").Counter("c", "")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Inc()
		}
	})
}

// One name that Prometheus does not know costs the whole page, and plugins and OpenTelemetry choose theirs freely.
func TestNamesInPrometheusTextAreValid(t *testing.T) {
	r := NewRegistry("fluentbit", "output", L("name", "a"))
	r.Counter("posts-total", "Posts.", L("http.method", "GET"), L("7", "x"), L("a:b", "y")).Inc()
	s := Set{Labels: []Label{{"service name", "s"}}, Families: []Family{{Name: "9.lives", Type: TypeGauge, Points: []Point{{Value: 1}}}, {Name: "a:b\n", Type: TypeGauge, Points: []Point{{Value: 2}}}}}
	r.Collect(&s, time.Time{})
	want := `# HELP fluentbit_output_posts_total Posts.
# TYPE fluentbit_output_posts_total counter
fluentbit_output_posts_total{service_name="s",name="a",http_method="GET",_7="x",a_b="y"} 1
# HELP _9_lives
# TYPE _9_lives gauge
_9_lives{service_name="s"} 1
# HELP a:b_
# TYPE a:b_ gauge
a:b_{service_name="s"} 2
`
	if got := string(AppendPrometheus(nil, &s, false)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestKeysWithoutANameArePassedOver(t *testing.T) {
	s := Set{Families: []Family{{Name: "a", Type: TypeGauge, Points: []Point{{Time: 1, Value: 1, Labels: []Label{{"l", "x"}}}}}, {Name: "b", Type: TypeGauge, Points: []Point{{Time: 1, Value: 2}}}}}
	s.Families[0].Points = append(s.Families[0].Points, Point{Time: 2, Value: 3})
	odd := bytes.Replace(Append(nil, &s), []byte("\xa2ts\x01"), []byte("\xa0\x01"), 1)
	got, _, err := Parse(odd)
	if err != nil {
		t.Fatal(err)
	}
	s.Families[0].Points[0].Time = 0
	if !reflect.DeepEqual(got.Families, s.Families) {
		t.Errorf("%+v, want %+v", got.Families, s.Families)
	}
}

func TestLabelsThatHoldZeroBytesAreTheirOwnSeries(t *testing.T) {
	r := NewRegistry("a", "")
	if r.Counter("c", "", L("x", "1\x00y\x002"), L("y", "3")) == r.Counter("c", "", L("x", "1"), L("y", "2\x00y\x003")) {
		t.Error("two series share a counter")
	}
}
