package prometheus_remote_write

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/httpserver"
	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/agent/internal/remotewrite"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

// serve runs an input and returns its address.
func serve(t *testing.T, pairs ...string) (k *inputtest.Kit, base string) {
	t.Helper()
	k = inputtest.New()
	k.AnyTag = true
	built, err := k.Build(new(config), append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.where.Port = 0
	k.Serve(t, in)
	return k, "http://" + in.l.Addr().String()
}

func post(t *testing.T, url string, body []byte, encoding string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := http.DefaultClient.Do(req)
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

func pack(t *testing.T, page string) []byte {
	t.Helper()
	s, err := promtext.Parse([]byte(page), 1700000000e9)
	if err != nil {
		t.Fatal(err)
	}
	return compression.Append(nil, compression.Snappy, remotewrite.Append(nil, &s, nil))
}

const page = `# TYPE toys_total counter
toys_total{colour="red"} 3
# TYPE took histogram
took_bucket{le="1",way="a"} 1
took_bucket{le="+Inf",way="a"} 2
took_sum{way="a"} 3.5
took_count{way="a"} 2
# TYPE rank summary
rank{quantile="0.5"} 7
rank_sum 8
rank_count 9
`

func TestRequestsBecomeMetrics(t *testing.T) {
	k, base := serve(t)
	if status, text := post(t, base+"/api/v1/write", pack(t, page), "snappy"); status != 201 || text != "" {
		t.Fatalf("%d %s", status, text)
	}
	k.Want(t, `toys_total{colour="red"} = 3`,
		"rank = { quantiles = { 0.5=7 }, sum=8, count=9 }",
		`took{way="a"} = { buckets = { 1=1, +Inf=2 }, sum=3.5, count=2 }`)
}

func TestWhatIsSaidAboutNamesIsRemembered(t *testing.T) {
	k, base := serve(t, "successful_response_code", "204")
	untold := func(page string) []byte {
		body, err := compression.Expand(compression.Snappy, pack(t, page), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var without []byte // fields 1 alone: no metadata
		for len(body) > 0 {
			n, _, size := protowire.ConsumeField(body)
			if n == 1 {
				without = append(without, body[:size]...)
			}
			body = body[size:]
		}
		return compression.Append(nil, compression.Snappy, without)
	}
	told := compression.Append(nil, compression.Snappy, remotewrite.Append(nil, &metric.Set{Families: []metric.Family{{Name: "took", Type: metric.TypeHistogram, Help: "h"}}}, nil))
	for _, body := range [][]byte{untold("# TYPE took histogram\ntook_count 1\n"), told, untold("# TYPE took histogram\ntook_count 2\n")} {
		if status, text := post(t, base+"/", body, "snappy"); status != 204 {
			t.Fatalf("%d %s", status, text)
		}
	}
	k.Want(t, "took_bucket{le=\"+Inf\"} = 1", "took_sum = 0", "took_count = 1", "took = { buckets = { +Inf=2 }, sum=0, count=2 }")
}

func TestSeveralSamplesKeepTheirMoments(t *testing.T) {
	var d dictionary
	series := func(name string, values ...float64) remotewrite.Series {
		s := remotewrite.Series{Name: name}
		for i, v := range values {
			s.Samples = append(s.Samples, remotewrite.Sample{Value: v, Time: int64(i + 1)})
		}
		return s
	}
	data, bad, err := d.payload(&remotewrite.Request{
		Series: []remotewrite.Series{series("h_count", 1, 2), series("g", 5), series("h_sum", 10, 20), series("h_bucket", 7),
			series("gone", math.Float64frombits(stale)), {Name: "late", Samples: []remotewrite.Sample{{Time: math.MaxInt64}}}},
		Metadata: []remotewrite.Metadata{{Name: "h", Type: metric.TypeHistogram}},
	}, 1<<20)
	if bad != 2 || err == nil || !strings.Contains(err.Error(), "the label le is missing") {
		t.Errorf("%d are left out, %v", bad, err)
	}
	var got []byte
	for s, err := range metric.All(data) {
		if err != nil {
			t.Fatal(err)
		}
		got = metric.AppendText(got, s)
	}
	want := `1970-01-01T00:00:00.001000000Z g = 5
1970-01-01T00:00:00.001000000Z h = { buckets = { +Inf=1 }, sum=10, count=1 }
1970-01-01T00:00:00.002000000Z h = { buckets = { +Inf=2 }, sum=20, count=2 }
`
	if string(got) != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	k, base := serve(t, "uri", "api/v1/write", "http_server.buffer_max_size", "2000")
	f := func(path string, body []byte, encoding string, status int, want string) {
		t.Helper()
		if got, text := post(t, base+path, body, encoding); got != status || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, got, text)
		}
	}
	const way = "/api/v1/write"
	f("/other", pack(t, page), "snappy", 400, "invalid endpoint")
	f(way, nil, "", 400, "invalid payload")
	f(way, pack(t, page), "", 400, "remote write: ")
	f(way, []byte("nonsense"), "snappy", 400, "cannot be decompressed")
	f(way, compression.Append(nil, compression.Snappy, make([]byte, 1<<20)), "snappy", 413, "larger than")
	f(way, compression.Append(nil, compression.Snappy, []byte("\x0a\x00")), "snappy", 400, "no __name__")
	resp, err := http.Get(base + way)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 || len(k.Records()) != 0 {
		t.Errorf("GET: %d, %q", resp.StatusCode, k.Records())
	}
	f(way, pack(t, "a 1\n"), "snappy", 201, "")
}

func TestThePathIsTheTagWhenAskedTo(t *testing.T) {
	tags := make(chan string, 2)
	for _, pairs := range [][]string{{"tag_from_uri", "on"}, nil} {
		built, err := inputtest.New().Build(new(config), pairs...)
		if err != nil {
			t.Fatal(err)
		}
		in := built.(*input)
		in.to = emitter(func(b *event.Batch) { tags <- b.Tag })
		req, _ := http.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(pack(t, "a 1\n")))
		req.Header.Set("Content-Encoding", "snappy")
		if err := in.take(&recorder{}, req); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := <-tags, <-tags; a != "api_v1_write" || b != "in" {
		t.Errorf("tags %s and %s", a, b)
	}
}

type emitter func(*event.Batch)

func (e emitter) Emit(_ context.Context, b *event.Batch) error { e(b); return nil }

type recorder struct{ http.ResponseWriter }

func TestWithFilesAnAnswerWaitsForThem(t *testing.T) {
	k := inputtest.New()
	built, err := k.Build(new(config))
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.answers = httpserver.ForStorage
	held, answered := make(chan *event.Batch, 1), make(chan error)
	in.to = emitter(func(b *event.Batch) { held <- b })
	req, _ := http.NewRequest(http.MethodPost, "/", bytes.NewReader(pack(t, "a 1\n")))
	req.Header.Set("Content-Encoding", "snappy")
	go func() { answered <- in.take(&recorder{}, req) }()
	b := <-held
	select {
	case err := <-answered:
		t.Errorf("answered (%v) before it was settled", err)
	default:
	}
	b.Settle(event.Delivered)
	if err := <-answered; err != nil || !in.Replays() {
		t.Error(err)
	}
}

func TestManySamplesOfOneSeriesTakeNoLongTime(t *testing.T) {
	var d dictionary
	r := &remotewrite.Request{Series: make([]remotewrite.Series, 50_000)}
	for i := range r.Series {
		r.Series[i] = remotewrite.Series{Name: "a", Samples: make([]remotewrite.Sample, 1)}
	}
	r.Series[0].Samples = make([]remotewrite.Sample, 50_000)
	if data, _, err := d.payload(r, 64<<20); err != nil || len(data) == 0 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if data, _, err := d.payload(r, 1<<20); err == nil || data != nil { // 500 bytes of zstd may hold two million
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
