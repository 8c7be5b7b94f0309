package prometheus_remote_write

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/agent/internal/remotewrite"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// server answers with status and keeps the last request.
type server struct {
	*httptest.Server
	status int
	count  int
	last   *http.Request
	body   []byte
}

func serve(t *testing.T) *server {
	s := &server{status: 204}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.last = r
		s.count++
		s.body, _ = io.ReadAll(r.Body)
		w.WriteHeader(s.status)
		if s.status != 204 {
			_, _ = io.WriteString(w, "out of order")
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) build(t *testing.T, pairs ...string) plugin.Output {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o, err := outputtest.New().Build(Plugin.Config(), append([]string{"host", host, "port", port}, pairs...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.(plugin.Starter).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.(io.Closer).Close() })
	return o
}

func chunk() *event.Chunk {
	set := func(v float64) metric.Set {
		return metric.Set{Families: []metric.Family{{Name: "room_celsius", Type: metric.TypeGauge, Help: "how warm", Points: []metric.Point{
			{Time: 1700000000e9, Value: v, Labels: []metric.Label{metric.L("room", "kitchen")}}}}}}
	}
	return outputtest.Metrics("m", set(1), set(21.5))
}

func TestAChunkIsOneRequest(t *testing.T) {
	f := func(encoding string, pairs ...string) {
		t.Helper()
		s := serve(t)
		o := s.build(t, append(pairs, "uri", "api/v1/write?x=1", "add_label", "zone a", "header", "X-Scope-OrgID 7", "http_user", "u", "http_passwd", "p")...)
		if err := o.Flush(t.Context(), chunk()); err != nil {
			t.Fatal(err)
		}
		h := s.last.Header
		for name, want := range map[string]string{
			"Content-Type": "application/x-protobuf", "Content-Encoding": encoding, "X-Prometheus-Remote-Write-Version": "0.1.0",
			"User-Agent": "Fluent-Bit", "X-Scope-Orgid": "7", "Authorization": "Basic dTpw",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s", name, h.Get(name))
			}
		}
		if got := s.last.Method + " " + s.last.RequestURI; got != "POST /api/v1/write?x=1" {
			t.Error(got)
		}
		body, err := compression.Expand(compression.Kind(encoding), s.body, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		r, err := remotewrite.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(r.Series)
		if want := "[{room_celsius [{room kitchen} {zone a}] [{1 1700000000000}]} {room_celsius [{room kitchen} {zone a}] [{21.5 1700000000000}]}]"; got != want {
			t.Error(got)
		}
	}
	f("snappy")
	f("gzip", "compression", "gzip")
}

func TestTheAnswerSaysWhetherToTryAgain(t *testing.T) {
	s := serve(t)
	o := s.build(t)
	f := func(status int, dropped bool, want string) {
		t.Helper()
		s.status = status
		err := o.Flush(t.Context(), chunk())
		if err == nil || plugin.Dropped(err) != dropped || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, dropped: %t", status, err, plugin.Dropped(err))
		}
	}
	f(500, false, "HTTP status=500 Internal Server Error: out of order")
	f(429, false, "HTTP status=429")
	f(400, true, "HTTP status=400 Bad Request: out of order")
	s.Server.Close()
	if err := o.Flush(t.Context(), chunk()); err == nil || plugin.Dropped(err) {
		t.Errorf("a server that is gone: %v", err)
	}
	bad := event.NewChunk(1, "m", event.Metrics, []byte{0xc1}, 1)
	if err := o.Flush(t.Context(), bad); !plugin.Dropped(err) {
		t.Errorf("malformed metrics: %v", err)
	}
}

func TestRequestsAreSignedForAWS(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	f := func(status, requests int) {
		t.Helper()
		s := serve(t)
		s.status = status
		o := s.build(t, "aws_auth", "on", "aws_region", "eu-west-1")
		if err := o.Flush(t.Context(), chunk()); (err == nil) != (status < 300) {
			t.Error(err)
		}
		auth := s.last.Header.Get("Authorization")
		if s.count != requests || !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=key/") || !strings.Contains(auth, "/eu-west-1/aps/aws4_request, ") {
			t.Error(s.count, auth)
		}
	}
	f(204, 1)
	f(403, 2) // the keys may have been replaced
}

func TestAWSNeedsARegion(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	if _, err := outputtest.New().Build(Plugin.Config(), "host", "h", "aws_auth", "on"); err == nil || !strings.Contains(err.Error(), "set aws_region") {
		t.Error(err)
	}
}

func TestFaultySettingsAreRefused(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		_, err := outputtest.New().Build(Plugin.Config(), key, value)
		if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v", key, value, err)
		}
	}
	f("add_label", "x", "add_label: 'x' has no value")
	f("header", "a:b c", "'a:b' is no name of a header")
	f("uri", "a%zz", "uri: '/a%zz' is no path")
	f("compression", "zip", "is none of 'snappy', 'gzip'")
}
