package promtext

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/metric"
)

const page = `# HELP toys_total toys "sold" \\ here
# TYPE toys_total counter
toys_total{colour="red",size="s"} 3
toys_total { colour = "blue\nish \"x\" \\" , } 4.5 1700000000123
# a comment
#TYPE warm gauge
warm -Inf

# TYPE took histogram
# HELP took how long
took_bucket{way="a",le="1"} 3
took_bucket{way="a",le="0.1"} 1
took_bucket{way="a",le="+Inf"} 4
took_sum{way="a"} 12.25
took_count{way="a"} 4
took_bucket{way="b",le="2"} 7
took_sum{way="b"} 1
# TYPE rank summary
rank{quantile="0.99"} 2
rank{quantile="0.5"} 0.25
rank_sum 7.5
rank_count 10
bare_sum 1e3
exemplar 5 # {trace="x"} 1
early 1 -3982045
`

func TestAPageBecomesFamilies(t *testing.T) {
	set, err := Parse([]byte(strings.ReplaceAll(page, "\n\n", "\r\n\n")), 1700000000e9)
	if err != nil {
		t.Fatal(err)
	}
	want := `# HELP toys_total toys "sold" \\ here
# TYPE toys_total counter
toys_total{colour="red",size="s"} 3 1700000000000
toys_total{colour="blue\nish \"x\" \\"} 4.5 1700000000123
# HELP warm
# TYPE warm gauge
warm -Inf 1700000000000
# HELP rank
# TYPE rank summary
rank{quantile="0.5"} 0.25 1700000000000
rank{quantile="0.99"} 2 1700000000000
rank_sum 7.5 1700000000000
rank_count 10 1700000000000
# HELP took how long
# TYPE took histogram
took_bucket{le="0.1",way="a"} 1 1700000000000
took_bucket{le="1.0",way="a"} 3 1700000000000
took_bucket{le="+Inf",way="a"} 4 1700000000000
took_sum{way="a"} 12.25 1700000000000
took_count{way="a"} 4 1700000000000
took_bucket{le="2.0",way="b"} 7 1700000000000
took_bucket{le="+Inf",way="b"} 7 1700000000000
took_sum{way="b"} 1 1700000000000
took_count{way="b"} 7 1700000000000
# HELP bare_sum
# TYPE bare_sum untyped
bare_sum 1000 1700000000000
# HELP exemplar
# TYPE exemplar untyped
exemplar 5 1700000000000
# HELP early
# TYPE early untyped
early 1 0
`
	if got := string(metric.AppendPrometheus(nil, &set, true)); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestMalformedLinesAreLeftOutAndNamed(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		set, err := Parse([]byte("a 1\n# TYPE h histogram\n"+line+"\nb 2\n"), 0)
		bad := (*BadLines)(nil)
		if !errors.As(err, &bad) || bad.Line != 3 || bad.Count != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s…", line, err, want)
		}
		if set.Len() != 2 {
			t.Errorf("%s: %d points are left", line, set.Len())
		}
	}
	f("c", "'c' has no value")
	f("c ", "'c' has no value")
	f("c{x=\"1\"}", "is no value")
	f("9c 1", "is no name of a metric")
	f("c one", "'one' is no number")
	f("c 0x10", "'0x10' is no number")
	f("c 1 2 3", "at most a time")
	f("c 1 -2.5", "is no time in milliseconds")
	f("c 1 9223372036854775807", "is no time in milliseconds")
	f(`c{x="1" 2`, "does not begin with the name of a label")
	f(`c{x="1", 2`, "does not begin with the name of a label")
	f(`c{x="1`, "no closing quote")
	f(`c{x="1",`, "no closing brace")
	f(`c{x=1} 2`, "not in quotes")
	f(`c{x="1",x="2"} 2`, "the label x is there twice")
	f(`c{x:y="1"} 2`, "does not begin with the name of a label")
	f("c{"+strings.Repeat("a,", 3)+"} 1", "does not begin with the name of a label")
	f("# TYPE a gauge", "a second TYPE of a")
	f("# TYPE c thing", "'thing' is no type")
	f("# HELP 1", "is no name of a metric")
	f("h 1", "takes only h_bucket")
	f("h_bucket 1", "the label le is missing")
	f(`h_bucket{le="x"} 1`, "le='x' is no number")
	f(`h_bucket{le="1"} -1`, "is no count")
	f(`h_sum{le="1"} 1`, "h_sum must not have the label le")
	f("h_count NaN", "is no count")
}

// Other bounds make another family; one header stands above both.
func TestSeriesWithOtherBoundsShareAHeader(t *testing.T) {
	set, err := Parse([]byte("# TYPE h histogram\nh_bucket{le=\"1\",a=\"1\"} 1\nh_bucket{le=\"2\",a=\"2\"} 1\n"), 0)
	if err != nil || len(set.Families) != 2 {
		t.Fatal(len(set.Families), err)
	}
	got := string(metric.AppendPrometheus(nil, &set, false))
	if strings.Count(got, "# TYPE") != 1 || strings.Count(got, "h_count") != 2 {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(page))
	f.Add([]byte("# TYPE h histogram\nh_bucket{le=\"NaN\"} 1\nh_count 18446744073709551615\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		begin := time.Now()
		set, err := Parse(data, 1)
		text := metric.AppendPrometheus(nil, &set, true)
		again, err2 := Parse(text, 1)
		if err2 != nil {
			t.Fatalf("what was read (%v) is not read again: %v\n%s", err, err2, text)
		}
		if again.Len() != set.Len() {
			t.Errorf("%d points became %d:\n%s", set.Len(), again.Len(), text)
		}
		if back, _, err := metric.Parse(metric.Append(nil, &set)); err != nil || back.Len() != set.Len() {
			t.Errorf("encoded and decoded: %v", err)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%d bytes took %v", len(data), d)
		}
	})
}
