package prometheus_exporter

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// start runs an exporter on a free port and returns its address.
func start(t *testing.T, pairs ...string) (o *output, base string) {
	t.Helper()
	built, err := outputtest.New().Build(Plugin.Config(), append([]string{"host", "127.0.0.1"}, pairs...)...)
	if err != nil {
		t.Fatal(err)
	}
	o = built.(*output)
	o.where.Port = 0
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := o.Background(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); serving.Wait(); _ = o.Close() })
	return o, "http://" + o.l.Addr().String()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// chunk makes one of pages in Prometheus' text format.
func chunk(t *testing.T, source, tag string, pages ...string) *event.Chunk {
	t.Helper()
	var sets []metric.Set
	for _, p := range pages {
		s, err := promtext.Parse([]byte(p), 1700000000e9)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, s)
	}
	c := outputtest.Metrics(tag, sets...)
	c.Source = source
	return c
}

func flush(t *testing.T, o *output, c *event.Chunk) {
	t.Helper()
	if err := o.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, url, text string) {
	t.Helper()
	if status, got := get(t, url); status != 200 || got != text {
		t.Errorf("status %d, got:\n%swant:\n%s", status, got, text)
	}
}

func TestThePageHoldsTheLastOfEachSource(t *testing.T) {
	o, base := start(t, "add_label", "zone a b", "add_label", "x 0")
	want(t, base+"/metrics", "")
	flush(t, o, chunk(t, "one", "m", "# HELP a as\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\n", "b 5\n"))
	flush(t, o, chunk(t, "two", "m", "# TYPE a counter\na{x=\"3\"} 3\n"))
	page := `# HELP a as
# TYPE a counter
a{zone="a b",x="1"} 1
a{zone="a b",x="2"} 2
a{zone="a b",x="3"} 3
# HELP b
# TYPE b untyped
b{zone="a b",x="0"} 5
`
	want(t, base+"/metrics", page)
	flush(t, o, chunk(t, "one", "m", "# HELP a as\n# TYPE a counter\na{x=\"2\"} 4\n"))
	want(t, base+"/metrics", "# HELP a as\n# TYPE a counter\na{zone=\"a b\",x=\"2\"} 4\na{zone=\"a b\",x=\"3\"} 3\n")
	flush(t, o, chunk(t, "one", "other", "c 1\n"))
	if _, got := get(t, base+"/metrics"); !strings.Contains(got, "\nc{") || strings.Count(got, "\na{") != 2 {
		t.Errorf("another tag is another source:\n%s", got)
	}
}

func TestNothingIsSaidTwice(t *testing.T) {
	o, base := start(t, "add_timestamp", "on")
	flush(t, o, chunk(t, "one", "m",
		"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n", "g 1 5\n",
		"# TYPE h histogram\nh_bucket{le=\"2\",l=\"x\"} 1\nh_count{l=\"x\"} 1\n", "g 2 6\n"))
	want(t, base+"/metrics", `# HELP h
# TYPE h histogram
h_bucket{le="1.0"} 1 1700000000000
h_bucket{le="+Inf"} 1 1700000000000
h_sum 0 1700000000000
h_count 1 1700000000000
h_bucket{le="2.0",l="x"} 1 1700000000000
h_bucket{le="+Inf",l="x"} 1 1700000000000
h_sum{l="x"} 0 1700000000000
h_count{l="x"} 1 1700000000000
# HELP g
# TYPE g untyped
g 2 6
`)
}

func TestNamesThatPrometheusRefusesAreMadeFit(t *testing.T) {
	o, base := start(t)
	c := outputtest.Metrics("t", metric.Set{Families: []metric.Family{
		{Name: "http.req-time", Type: metric.TypeGauge, Points: []metric.Point{{Value: 1, Labels: []metric.Label{metric.L("a b", "x\xff"), metric.L("a.b", "y"), metric.L("", "z")}}}},
		{Name: "http_req_time", Type: metric.TypeGauge, Points: []metric.Point{{Value: 2, Labels: []metric.Label{metric.L("a_b", "x\ufffd")}}}},
		{Namespace: "n", Name: "x\nevil 1", Type: metric.TypeGauge, Points: []metric.Point{{Value: 3}}},
		{Name: "9:1", Type: metric.TypeGauge, Points: []metric.Point{{Value: 4}}},
	}})
	if err := o.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, page := get(t, base+"/metrics")
	var got []string
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if all := strings.Join(got, "|"); all != "http_req_time{a_b=\"x\ufffd\"} 2|n_x_evil_1 3|_9:1 4" {
		t.Errorf("%s\n%s", all, page)
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	_, base := start(t)
	want(t, base+"/", "Fluent Bit Prometheus Exporter\n")
	if status, _ := get(t, base+"/nowhere"); status != 404 {
		t.Errorf("status %d", status)
	}
	resp, err := http.Post(base+"/metrics", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" {
		t.Errorf("%+v", resp)
	}
}

func TestMalformedMetricsAreDroppedAndTheRestKept(t *testing.T) {
	o, base := start(t)
	c := chunk(t, "one", "m", "a 1\n")
	bad := event.NewChunk(1, "m", event.Metrics, append([]byte(nil), append(c.Bytes(), 0xc1)...), 1)
	if err := o.Flush(t.Context(), bad); !plugin.Dropped(err) {
		t.Errorf("got %v", err)
	}
	if _, got := get(t, base+"/metrics"); !strings.Contains(got, "\na 1\n") {
		t.Errorf("got %s", got)
	}
}

func TestSourcesAreLimited(t *testing.T) {
	var b book
	for i := range maxSources + 10 {
		b.put(source{"x", strconv.Itoa(i)}, []*metric.Set{{}})
		b.put(source{"x", "0"}, []*metric.Set{{}}) // it never goes silent
	}
	if len(b.entries) != maxSources || b.entries[0].tag != "0" || b.entries[1].tag != "11" {
		t.Errorf("%d sources, the first two %v and %v", len(b.entries), b.entries[0].source, b.entries[1].source)
	}
}

func TestAPortInUseIsToldAtStart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	o, err := outputtest.New().Build(Plugin.Config(), "host", "127.0.0.1", "port", fmt.Sprint(ln.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.(plugin.Starter).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot listen on "+ln.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestALabelNeedsAValue(t *testing.T) {
	_, err := outputtest.New().Build(Plugin.Config(), "add_label", "zone")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: add_label: 'zone' has no value") {
		t.Errorf("got %v", err)
	}
}

// A client that asks and does not read must not hold up others, nor the end.
func TestClientsThatDoNotReadAreLeftBehind(t *testing.T) {
	o, base := start(t)
	var page strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&page, "series_with_a_rather_long_name{number=\"%d\"} %d\n", i, i)
	}
	flush(t, o, chunk(t, "one", "m", page.String()))
	for range 20 {
		c, err := net.Dial("tcp", o.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if _, got := get(t, base+"/metrics"); strings.Count(got, "\n") != 50_002 {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("a page took %v", d)
	}
}
