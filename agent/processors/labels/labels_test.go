package labels

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

const page = `# TYPE a counter
a{x="1",y="2"} 1
a{x="3"} 1
# TYPE b gauge
b 2
# TYPE h histogram
h_bucket{le="1",x="q"} 1
h_count{x="q"} 1
`

func TestLabelsAreEdited(t *testing.T) {
	f := func(want string, settings ...string) {
		t.Helper()
		var short []string
		for line := range strings.Lines(filtertest.RunMetrics(t, Plugin, settings, page)) {
			if strings.HasPrefix(line, "h_count") || !strings.HasPrefix(line, "h_") {
				short = append(short, strings.TrimSpace(line))
			}
		}
		if got := strings.Join(short, " "); got != strings.ReplaceAll(want, "h{", "h_count{") {
			t.Errorf("%q:\ngot  %s\nwant %s", settings, got, want)
		}
	}
	f(`a{x="1",y="2"} 1 a{x="3"} 1 b 2 h{x="q"} 1`)
	f(`a{x="1",y="2",n="v w"} 1 a{x="3",n="v w"} 1 b{n="v w"} 2 h{x="q",n="v w"} 1`, "insert n v w")
	f(`a{x="1",y="2"} 1 a{x="3",y="v"} 1 b{y="v"} 2 h{x="q",y="v"} 1`, "insert y v")
	f(`a{n="v",x="1",y="2"} 1 a{n="v",x="3"} 1 b{n="v"} 2 h{n="v",x="q"} 1`, "upsert n v")
	f(`a{x="v",y="2"} 1 a{x="v"} 1 b{x="v"} 2 h{x="v"} 1`, "upsert x v")
	f(`a{x="1",y="v"} 1 a{x="3",y="v"} 1 b 2 h{x="q"} 1`, "update y v")
	f(`a{x="1",y="2"} 1 a{x="3"} 1 b 2 h{x="q"} 1`, "update n v")
	f(`a{y="2"} 1 a 1 b 2 h_count 1`, "delete x")
	f(`a 2 b 2 h_count 1`, "delete x", "delete y")
	f(`a{x="1",y="53c234e5e8472b6ac51c1ae1cab3fe06fad053beb8ebfd8977b010655bfdd3c3"} 1 a{x="3",y="53c234e5e8472b6ac51c1ae1cab3fe06fad053beb8ebfd8977b010655bfdd3c3"} 1 b 2 h{x="q"} 1`, "hash y", "update y 2\n")
	f(`a{t="web-app.web.1",x="1",y="2"} 1 a{t="web-app.web.1",x="3"} 1 b{t="web-app.web.1"} 2 h{t="web-app.web.1",x="q"} 1`, "upsert t $TAG[1]-$TAG")
	f(`a{m="1",n="v",x="1",y="2"} 1 a{m="1",n="v",x="3"} 1 b{m="1",n="v"} 2 h{m="1",n="v",x="q"} 1`, "upsert m 1", "upsert n v", "insert n w", "update m 1")
}

func TestLabelsThatAllPointsShareAreEdited(t *testing.T) {
	f := func(want string, settings ...string) {
		t.Helper()
		filter, err := filtertest.Build(Plugin, filtertest.Properties(settings...))
		if err != nil {
			t.Fatal(err)
		}
		s := metric.Set{Labels: []metric.Label{metric.L("s", "1")}, Families: []metric.Family{{Name: "a", Points: []metric.Point{{}}}}}
		b := event.Payload("t", event.Metrics, metric.Append(nil, &s))
		if err := filter.Filter(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := filtertest.Points(t, b); got != want+"\n" {
			t.Errorf("%q: got %s, want %s", settings, got, want)
		}
	}
	f(`a{s="2"} 0`, "update s 2")
	f(`a{s="2"} 0`, "upsert s 2")
	f(`a{s="1"} 0`, "insert s 2")
	f(`a 0`, "delete s")
	f(`a{s="6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"} 0`, "hash s")
}

func TestFaultySettingsAreRefused(t *testing.T) {
	_, err := filtertest.Build(Plugin, filtertest.Properties("upsert onlykey"))
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:8: upsert: 'onlykey' has no value") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoSetStaysAsItIs(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties("insert a b"))
	if err != nil {
		t.Fatal(err)
	}
	b := event.Payload("t", event.Metrics, []byte{0x93})
	if err := f.Filter(t.Context(), b); err == nil || len(b.Bytes()) != 1 {
		t.Errorf("got %v, %x", err, b.Bytes())
	}
}

func TestPointsThatAnEditMakesTheSameBecomeOne(t *testing.T) {
	got := filtertest.RunMetrics(t, Plugin, []string{"delete x"}, `# TYPE c counter
c{x="1",y="a"} 1
c{x="2",y="a"} 2
c{x="1",y="b"} 4
# TYPE g gauge
g{x="1"} 1
g{x="2"} 2
# TYPE h histogram
h_bucket{le="1",x="1"} 1
h_sum{x="1"} 3
h_count{x="1"} 2
h_bucket{le="1",x="2"} 2
h_sum{x="2"} 4
h_count{x="2"} 5
`)
	want := `c{y="a"} 3
c{y="b"} 4
g 2
h_bucket{le="1.0"} 3
h_bucket{le="+Inf"} 7
h_sum 7
h_count 7
`
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestTheOrderOfLabelsMakesNoOtherSeries(t *testing.T) {
	const page = "# TYPE a counter\na{x=\"1\",y=\"2\"} 1\na{y=\"2\"} 4\n"
	if got := filtertest.RunMetrics(t, Plugin, []string{"insert x 1"}, page); got != "a{y=\"2\",x=\"1\"} 5\n" {
		t.Error(got)
	}
}
