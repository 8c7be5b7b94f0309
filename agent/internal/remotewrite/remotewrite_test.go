package remotewrite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/metric"
)

const page = `# HELP toys_total toys
# TYPE toys_total counter
toys_total{size="s",colour="red",none=""} 3 1700000000123
# TYPE took histogram
took_bucket{le="0.5"} 1
took_bucket{le="+Inf"} 2
took_sum 3.25
took_count 2
# TYPE rank summary
rank{quantile="0.5",zone="own"} 0.25
rank_sum{zone="own"} 7.5
rank_count{zone="own"} 10
bare -1
`

// text renders a request, a line per sample.
func text(r *Request) string {
	var b strings.Builder
	for _, m := range r.Metadata {
		fmt.Fprintf(&b, "%s %s %q %q\n", m.Name, m.Type, m.Help, m.Unit)
	}
	for _, s := range r.Series {
		for _, x := range s.Samples {
			fmt.Fprintf(&b, "%s %v %v %d\n", s.Name, s.Labels, x.Value, x.Time)
		}
	}
	return b.String()
}

func TestASetBecomesSeries(t *testing.T) {
	s, err := promtext.Parse([]byte(page), 1700000000e9)
	if err != nil {
		t.Fatal(err)
	}
	s.Labels = []metric.Label{metric.L("host", "h")}
	x := metric.Exponential{Positive: []uint64{1}, Count: 1}
	s.Families = append(s.Families, metric.Family{Name: "e", Unit: "s", Type: metric.TypeExponential, Points: []metric.Point{{Exponential: &x}}})
	body := Append(nil, &s, []metric.Label{metric.L("zone", "a"), metric.L("host", "other")})
	r, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	want := `toys_total counter "toys" ""
took histogram " " ""
rank summary " " ""
bare untyped " " ""
e histogram " " "s"
toys_total [{colour red} {host h} {size s} {zone a}] 3 1700000000123
took_bucket [{host h} {le 0.5} {zone a}] 1 1700000000000
took_bucket [{host h} {le +Inf} {zone a}] 2 1700000000000
took_sum [{host h} {zone a}] 3.25 1700000000000
took_count [{host h} {zone a}] 2 1700000000000
rank [{host h} {quantile 0.5} {zone own}] 0.25 1700000000000
rank_sum [{host h} {zone own}] 7.5 1700000000000
rank_count [{host h} {zone own}] 10 1700000000000
bare [{host h} {zone a}] -1 1700000000000
e_bucket [{host h} {le 2.0} {zone a}] 1 0
e_bucket [{host h} {le +Inf} {zone a}] 1 0
e_count [{host h} {zone a}] 1 0
`
	if got := text(r); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestMalformedBodiesAreRefused(t *testing.T) {
	s, err := promtext.Parse([]byte(page), 0)
	if err != nil {
		t.Fatal(err)
	}
	body := Append(nil, &s, nil)
	for n := range body {
		if r, err := Parse(body[:n]); err == nil && len(r.Series)+len(r.Metadata) == 17 {
			t.Errorf("%d bytes of %d are a whole request", n, len(body))
		}
	}
	if _, err := Parse([]byte("\x0a\x00")); err == nil || !strings.Contains(err.Error(), "no __name__") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	s, err := promtext.Parse([]byte(page), 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(Append(nil, &s, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := Parse(body); err == nil {
			_ = text(r)
		}
	})
}
