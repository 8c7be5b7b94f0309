package http

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// server keeps what is posted to it and answers with the given statuses in turn, then with 200.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []int
	reply    string
	requests []*http.Request
	bodies   []string
	peers    map[string]bool
}

func newServer(t *testing.T, answers ...int) *server {
	t.Helper()
	s := &server{answers: answers, peers: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	s.peers[r.RemoteAddr] = true
	kind := compression.Kind(r.Header.Get("Content-Encoding"))
	plain, err := compression.Expand(kind, body, 1<<20)
	if err != nil {
		plain = []byte(err.Error())
	}
	s.bodies = append(s.bodies, string(plain))
	code := 200
	if len(s.answers) > 0 {
		code, s.answers = s.answers[0], s.answers[1:]
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, s.reply)
}

func (s *server) last() (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1], s.bodies[len(s.bodies)-1]
}

func (s *server) place() []string {
	u, _ := url.Parse(s.URL)
	return []string{"host", u.Hostname(), "port", u.Port()}
}

func start(t *testing.T, k *outputtest.Kit, pairs ...string) plugin.Output {
	t.Helper()
	o, err := k.Build(new(config), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.(plugin.Starter).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.(io.Closer).Close() })
	return o
}

func TestEachFormatHasItsBodyAndType(t *testing.T) {
	s := newServer(t)
	c := outputtest.Chunk(t, "app.a", `[1,{"short_message":"x"}]`, `[2,{"short_message":"y"}]`)
	check := func(contentType, want string, pairs ...string) {
		t.Helper()
		o := start(t, outputtest.New(), append(pairs, s.place()...)...)
		if err := o.Flush(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		r, body := s.last()
		if body != want || r.Header.Get("Content-Type") != contentType || r.URL.Path != "/" || r.Method != "POST" || r.UserAgent() != "Fluent-Bit" {
			t.Errorf("%v: %s %s %v\n%s", pairs, r.Method, r.URL, r.Header, body)
		}
	}
	check("application/json", `[{"date":1.0,"short_message":"x"},{"date":2.0,"short_message":"y"}]`)
	for _, k := range []string{"gzip", "zstd", "snappy"} {
		check("application/x-ndjson", "{\"at\":1,\"short_message\":\"x\"}\n{\"at\":2,\"short_message\":\"y\"}\n",
			"format", "json_lines", "json_date_key", "at", "json_date_format", "epoch", "compress", k)
	}
	check("application/json", `{"short_message":"x"}{"short_message":"y"}`, "format", "json_stream", "json_date_key", "off")
	check("application/msgpack", string(c.Bytes()), "format", "msgpack")
	check("application/json", "{\"version\":\"1.1\", \"short_message\":\"x\", \"timestamp\":1.000}\n{\"version\":\"1.1\", \"short_message\":\"y\", \"timestamp\":2.000}\n", "format", "gelf")
}

func TestTheStatusDecidesWhatBecomesOfTheChunk(t *testing.T) {
	check := func(status int, want string) {
		t.Helper()
		s := newServer(t, status)
		s.reply = "because"
		k := outputtest.New()
		err := start(t, k, s.place()...).Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`))
		got := "ok"
		switch {
		case plugin.Dropped(err):
			got = "drop"
		case err != nil:
			got = "retry"
		}
		if got != want {
			t.Errorf("%d: %s (%v), want %s", status, got, err, want)
		}
		if err != nil && status != 304 && !strings.Contains(err.Error(), "because") {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, status := range []int{200, 201, 202, 203, 205} {
		check(status, "ok")
	}
	for _, status := range []int{400, 401, 404, 413, 422} {
		check(status, "drop")
	}
	for _, status := range []int{206, 304, 408, 429, 500, 503} {
		check(status, "retry")
	}
}

func TestHeadersAreSentAsConfigured(t *testing.T) {
	s := newServer(t)
	o := start(t, outputtest.New(), append(s.place(), "header", "X-Shop north side", "header", "x-shop south", "header", "User-Agent me", "header", "Host log.example",
		"header", "X-Empty", "http_user", "u", "http_passwd", "p:w", "header_tag", "X-Tag", "uri", "put/here?x=1", "http_method", "put")...)
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "a\r\nEvil: b", `[1,{}]`)); err != nil {
		t.Fatal(err)
	}
	r, _ := s.last()
	user, password, _ := r.BasicAuth()
	got := fmt.Sprint(r.Method, r.URL, r.Host, r.UserAgent(), r.Header["X-Shop"], r.Header["X-Tag"], user, password)
	if want := "PUT/put/here?x=1log.exampleme[north side south] [a__Evil: b]up:w"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	o = start(t, outputtest.New(), append(s.place(), "header", "X-Shop north", "header", "X-Shop south", "header", "content-type text/plain", "allow_duplicated_headers", "off")...)
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); err != nil {
		t.Fatal(err)
	}
	if r, _ = s.last(); fmt.Sprint(r.Header["X-Shop"], r.Header["Content-Type"]) != "[south] [text/plain]" {
		t.Error(r.Header)
	}
}

func TestRecordsSentOneByOneGoOnWhereTheyStopped(t *testing.T) {
	s := newServer(t, 200, 503, 200, 400)
	k := outputtest.New()
	o := start(t, k, append(s.place(), "body_key", "$raw", "headers_key", "$head")...)
	c := outputtest.Chunk(t, "t", `[1,{"raw":"one","head":{"X-Who":"me","Bad":"a\r\nX: y","Worse":"a\u0001"}}]`, `[2,{"raw":"two","head":{}}]`, `[3,{"raw":"three"}]`, `[4,{"raw":"four","head":{}}]`)
	if err := o.Flush(t.Context(), c); err == nil || plugin.Dropped(err) {
		t.Error(err)
	}
	if r := plugin.Rejected(o.Flush(t.Context(), c)); r == nil || fmt.Sprint(r.Records) != "[2 3]" {
		t.Error(r)
	}
	if got := fmt.Sprint(s.bodies); got != "[one two two four]" {
		t.Error(got)
	}
	if h := s.requests[0].Header; h.Get("X-Who") != "me" || h["Bad"] != nil || h["X"] != nil || h["Worse"] != nil {
		t.Error(h)
	}
}

func TestRecordsWithoutAMessageAreLeftOutOfGELF(t *testing.T) {
	s := newServer(t)
	k := outputtest.New()
	o := start(t, k, append(s.place(), "format", "gelf", "gelf_short_message_key", "m")...)
	if r := plugin.Rejected(o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`, `[1,{"m":"x"}]`))); r == nil || fmt.Sprint(r.Records) != "[0]" {
		t.Error(r)
	}
	if _, body := s.last(); strings.Count(body, "\n") != 1 {
		t.Error(body)
	}
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); !plugin.Dropped(err) {
		t.Error(err)
	}
}

func TestConnectionsAreKeptAndRecycled(t *testing.T) {
	check := func(want int, pairs ...string) {
		t.Helper()
		s := newServer(t)
		o := start(t, outputtest.New(), append(pairs, s.place()...)...)
		for range 4 {
			if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.peers) != want {
			t.Errorf("%v: %d connections, want %d", pairs, len(s.peers), want)
		}
	}
	check(1)
	check(2, "net.keepalive_max_recycle", "2")
	check(4, "net.keepalive", "off")
}

func TestAServerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	stop := make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	u, _ := url.Parse(s.URL)
	check := func(want string, tweak func(*output)) {
		t.Helper()
		o, err := outputtest.New().Build(new(config), "host", u.Hostname(), "port", u.Port())
		if err != nil {
			t.Fatal(err)
		}
		tweak(o.(*output))
		if err := o.(plugin.Starter).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`))
		if err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
	check("no answer within http.response_timeout of 20ms", func(o *output) { o.client.ResponseTimeout = 20 * time.Millisecond })
	check("nothing moved within net.io_timeout of 20ms", func(o *output) { o.where.Net.IOTimeout = 20 * time.Millisecond })
	o := start(t, outputtest.New(), "host", u.Hostname(), "port", u.Port())
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := o.Flush(ctx, outputtest.Chunk(t, "t", `[1,{}]`)); err == nil || plugin.Dropped(err) {
		t.Error(err)
	}
}

func TestRequestsGoThroughAProxy(t *testing.T) {
	s := newServer(t)
	proxied := make(chan string, 1)
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied <- r.RequestURI
		w.WriteHeader(204)
	}))
	defer p.Close()
	o := start(t, outputtest.New(), append(s.place(), "proxy", p.URL, "uri", "/x")...)
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); err != nil {
		t.Fatal(err)
	}
	if got := <-proxied; got != s.URL+"/x" {
		t.Error(got)
	}
}

func TestAProxyThatSpeaksTLSIsVerifiedAsConfigured(t *testing.T) {
	s := newServer(t)
	ca := certtest.New(t)
	crt, key := ca.Issue(t, "proxy", "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	p := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	p.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.StartTLS()
	defer p.Close()
	flush := func(pairs ...string) error {
		return start(t, outputtest.New(), append(append(s.place(), "proxy", p.URL), pairs...)...).Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`))
	}
	if err := flush("tls.proxy.ca_file", ca.File); err != nil || asked.Load() != 1 {
		t.Error(err, asked.Load())
	}
	if err := flush(); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Error(err)
	}
}

func TestTokensAreKeptUntilTheyAreRefused(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "client")
	check := func(proof func(*http.Request) string, pairs ...string) {
		t.Helper()
		n := 0
		tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "write" || proof(r) != "me" {
				w.WriteHeader(400)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint("token", n), "token_type": "Bearer", "expires_in": 3600})
		}))
		defer tokens.Close()
		s := newServer(t, 200, 200, 401, 200)
		o := start(t, outputtest.New(), append(append(pairs, s.place()...), "oauth2.enable", "on", "oauth2.token_url", tokens.URL+"/t", "oauth2.client_id", "me", "oauth2.scope", "write")...)
		for range 3 {
			if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); err != nil {
				t.Fatal(err)
			}
		}
		var used []string
		for _, r := range s.requests {
			used = append(used, r.Header.Get("Authorization"))
		}
		if got := fmt.Sprint(used); got != "[Bearer token1 Bearer token1 Bearer token1 Bearer token2]" {
			t.Errorf("%v: %s", pairs, got)
		}
	}
	check(func(r *http.Request) string {
		user, password, _ := r.BasicAuth()
		return strings.TrimSuffix(user+password, "+/se~cret==")
	}, "oauth2.client_secret", "+/se~cret==")
	check(func(r *http.Request) string {
		return strings.TrimSuffix(r.FormValue("client_id")+r.FormValue("client_secret"), "secret")
	},
		"oauth2.client_secret", "secret", "oauth2.auth_method", "post")
	check(func(r *http.Request) string {
		if strings.Count(r.FormValue("client_assertion"), ".") != 2 {
			return "without proof"
		}
		return r.FormValue("client_id")
	}, "oauth2.auth_method", "private_key_jwt", "oauth2.jwt_key_file", key, "oauth2.jwt_cert_file", crt)
}

func TestRequestsAreSignedForAWS(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	s := newServer(t, 403)
	o := start(t, outputtest.New(), append(s.place(), "aws_auth", "on", "aws_service", "osis", "aws_region", "eu-west-1", "compress", "gzip")...)
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); err != nil {
		t.Fatal(err)
	}
	r, _ := s.last()
	if auth := r.Header.Get("Authorization"); len(s.requests) != 2 || r.Header.Get("X-Amz-Security-Token") != "token" ||
		!strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=key/") || !strings.Contains(auth, "/eu-west-1/osis/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, ") {
		t.Error(len(s.requests), r.Header)
	}
}

func TestATokenThatCannotBeHadIsTriedAgainLater(t *testing.T) {
	tokens := newServer(t, 503, 400)
	s := newServer(t)
	o := start(t, outputtest.New(), append(s.place(), "oauth2.enable", "on", "oauth2.token_url", tokens.URL, "oauth2.client_id", "me", "oauth2.client_secret", "x")...)
	for range 3 {
		if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), "cannot get an OAuth2 token") {
			t.Error(err)
		}
	}
	if len(s.requests) != 0 {
		t.Error("sent without a token")
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		_, err := outputtest.New().Build(new(config), pairs...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want …%s…", pairs, err, want)
		}
	}
	f("body_key and headers_key belong together", "body_key", "$x")
	f("test.conf:1:1: 'X:' is no name of a header", "header", "X: y")
	f("oauth2 needs oauth2.token_url", "oauth2.enable", "on")
	f("set aws_service", "aws_auth", "on", "aws_region", "eu-west-1")
	f("test.conf:1:1: proxy: 'ftp://x' is no proxy", "proxy", "ftp://x")
	f("test.conf:1:1: compress: 'zip'", "compress", "zip")
	f("did you mean 'net.keepalive'", "net.keepalives", "on")
	f("test.conf:1:1: uri: '/a%zz' is no path", "uri", "a%zz")
}

func TestChunksWithOtherBytesStayWhatTheyAre(t *testing.T) {
	s := newServer(t)
	o := start(t, outputtest.New(), append(s.place(), "format", "msgpack")...)
	c := event.NewChunk(1, "t", event.Logs, []byte{0x92, 0x00, 0x80}, 1)
	if err := o.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, body := s.last(); body != string(c.Bytes()) {
		t.Errorf("%x", body)
	}
}

func TestRecordsCannotSayWhereARequestEnds(t *testing.T) {
	s := newServer(t)
	o := start(t, outputtest.New(), append(s.place(), "body_key", "$raw", "headers_key", "$head")...)
	c := outputtest.Chunk(t, "t", `[1,{"raw":"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n","head":{"content-length":"0","transfer-encoding":"chunked","trailer":"X"}}]`)
	if err := o.Flush(t.Context(), c); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprintf("%q", s.bodies); got != `["GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"]` {
		t.Error(got)
	}
}
