package http

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/httpserver"
	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// agent is a running input.
type agent struct {
	*inputtest.Kit
	address string
	client  http.Client
	stop    func()
}

func start(t *testing.T, tweak func(*config), pairs ...string) *agent {
	t.Helper()
	a := &agent{Kit: inputtest.New(), client: http.Client{Timeout: 30 * time.Second}}
	a.AnyTag = true
	c := new(config)
	built, err := a.Build(c, append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.where.Port = 0 // any
	if tweak != nil {
		tweak(&in.config)
	}
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.address = in.l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- in.Run(ctx, a) }()
	stopped := false
	a.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(a.stop)
	t.Cleanup(a.client.CloseIdleConnections)
	return a
}

func (a *agent) post(t *testing.T, path, contentType, body string, headers ...string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequest("POST", "http://"+a.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out)
}

const (
	isJSON = "application/json"
	isForm = "application/x-www-form-urlencoded"
)

func TestThePathIsTheTag(t *testing.T) {
	a := start(t, nil)
	for _, path := range []string{"/", "/app.web", "/app/db?x=1", "/a%20b-c_1"} {
		if status, text := a.post(t, path, isJSON, `{"a":1}`); status != 201 || text != "" {
			t.Error(path, status, text)
		}
	}
	a.Want(t, `in {"a":1}`, `app.web {"a":1}`, `app_db {"a":1}`, `a_20b_c_1 {"a":1}`)
}

func TestBodiesOfEveryFormBecomeRecords(t *testing.T) {
	check := func(contentType, body string, want ...string) {
		t.Helper()
		a := start(t, nil)
		if status, text := a.post(t, "/t", contentType, body); status != 201 {
			t.Fatal(status, text)
		}
		for i := range want {
			want[i] = "t " + want[i]
		}
		a.Want(t, want...)
	}
	check(isJSON, `{"a":1} {"b":2}`+"\n"+`[{"c":3},{"d":[4]}]`, `{"a":1}`, `{"b":2}`, `{"c":3}`, `{"d":[4]}`)
	check(isJSON+"; charset=utf-8", ` [] {}`, `{}`)
	check(isJSON, "{\"a\":1},\n[{\"b\":2}],", `{"a":1}`, `{"b":2}`)
	check("application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", `{"a":1}`, `{"a":2}`)
	check(isForm, "a=1&b=two+words%21&c=&d=%zz&=x&e&a=2", `{"a":"1","b":"two words!","c":"","d":"%zz","a":"2"}`)
}

func TestWhatIsNoRecordIsRefusedAsAWhole(t *testing.T) {
	a := start(t, nil, "buffer_max_size", "64")
	check := func(want int, contentType, body, reason string, headers ...string) {
		t.Helper()
		status, text := a.post(t, "/t", contentType, body, headers...)
		if status != want || !strings.Contains(text, reason) {
			t.Errorf("%q: %d %s, want %d …%s…", body, status, text, want, reason)
		}
	}
	check(400, isJSON, `{"a":1} {"b"`, "JSON ends early")
	check(400, isJSON, `{"a":1} 7`, "neither a map nor an array")
	check(400, isJSON, `[{"a":1},7]`, "an item of the array is not a map")
	check(400, isJSON, ``, "no payload")
	check(400, isJSON, " \n", "no payload")
	check(400, isForm, `x`, "no field")
	check(400, "text/plain", `{"a":1}`, "invalid 'Content-Type'")
	check(400, "", `{"a":1}`, "'Content-Type' is not set")
	check(413, isJSON, `{"a":"`+strings.Repeat("x", 64)+`"}`, "larger than buffer_max_size of 64 bytes")
	check(400, isJSON, `{"a":1}`, "cannot be decompressed", "Content-Encoding", "gzip")
	check(400, isJSON, `{"a":1}`, "'br' is no compression", "Content-Encoding", "br")
	for _, k := range []compression.Kind{compression.Gzip, compression.Zstd, compression.Snappy} {
		bomb := compression.Append(nil, k, []byte(`{"a":"`+strings.Repeat(" ", 1000)+`"}`))
		check(413, isJSON, string(bomb), "larger than buffer_max_size", "Content-Encoding", string(k))
	}
	resp, err := a.client.Get("http://" + a.address + "/t")
	if err != nil || resp.StatusCode != 400 {
		t.Error(resp, err)
	}
	resp.Body.Close()
	a.Want(t)
}

func TestBodiesAreDecompressed(t *testing.T) {
	a := start(t, nil)
	for _, k := range []compression.Kind{compression.Gzip, compression.Zstd, compression.Snappy} {
		body := compression.Append(nil, k, fmt.Appendf(nil, `{"by":"%s"}`, k))
		if status, text := a.post(t, "/t", isJSON, string(body), "Content-Encoding", strings.ToUpper(string(k))); status != 201 {
			t.Error(k, status, text)
		}
	}
	body := compression.Append(nil, compression.Zstd, compression.Append(nil, compression.Gzip, []byte(`{"by":"two"}`)))
	if status, text := a.post(t, "/t", isJSON, string(body), "Content-Encoding", "gzip, zstd"); status != 201 {
		t.Error(status, text)
	}
	a.Want(t, `t {"by":"gzip"}`, `t {"by":"zstd"}`, `t {"by":"snappy"}`, `t {"by":"two"}`)
}

func TestManyTagsInOneRequestAreNoBurden(t *testing.T) {
	a := start(t, nil, "tag_key", "$t")
	var body strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&body, `{"t":"tag.%d"}`, i)
	}
	begun := time.Now()
	if status, text := a.post(t, "/t", isJSON, body.String()); status != 201 {
		t.Error(status, text)
	}
	if took := time.Since(begun); took > 10*time.Second { // it was 20 seconds when every tag was compared with every other
		t.Error(took)
	}
}

func TestRecordsMayNameTheirTag(t *testing.T) {
	a := start(t, nil, "tag_key", "$where['to']", "successful_response_code", "204", "success_header", "X-Took yes please")
	req, _ := http.NewRequest("POST", "http://"+a.address+"/mid", strings.NewReader(`[{"where":{"to":"left"}},{"where":{"to":"/../up\n"}},{"n":3},{"where":{"to":"left"},"n":4},{"where":{"to":7}},{"where":{"to":""}}]`))
	req.Header.Set("Content-Type", isJSON)
	resp, err := a.client.Do(req)
	if err != nil || resp.StatusCode != 204 || resp.Header.Get("X-Took") != "yes please" {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	a.Want(t, `left {"where":{"to":"left"}}`, `left {"where":{"to":"left"},"n":4}`, `_.._up_ {"where":{"to":"/../up\n"}}`, `mid {"n":3}`, `mid {"where":{"to":7}}`, `mid {"where":{"to":""}}`)
}

func TestRecordsMayTellTheirOrigin(t *testing.T) {
	a := start(t, nil, "add_remote_addr", "on", "remote_addr_key", "from")
	a.post(t, "/t", isJSON, `[{},{"from":"me"}]`)
	a.post(t, "/t", isJSON, `{"a":1}`, "X-Forwarded-For", " 10.1.2.3 , 10.0.0.1")
	a.Want(t, `t {"from":"127.0.0.1"}`, `t {"from":"me"}`, `t {"a":1,"from":"10.1.2.3"}`)
}

func TestTheAnswerMayWaitForTheSettlement(t *testing.T) {
	f := func(how event.Outcome, want int) {
		a := start(t, nil, "wait_for_delivery", "on")
		a.Hold()
		answer := make(chan int)
		go func() { status, _ := a.post(t, "/t", isJSON, `{"a":1}`); answer <- status }()
		a.WaitFor(t, 1)
		select {
		case s := <-answer:
			t.Fatal("answered before the settlement: ", s)
		case <-time.After(20 * time.Millisecond):
		}
		a.Settle(how)
		if got := <-answer; got != want {
			t.Errorf("%v: %d, want %d", how, got, want)
		}
	}
	f(event.Delivered, 201)
	f(event.Filtered, 201)
	f(event.GivenUp, 500)
}

func TestWithFileStorageTheAnswerMeansStored(t *testing.T) {
	env := inputtest.New().Env
	env.Properties = []option.Property{{Key: "storage.type", Value: option.Value{Text: "filesystem"}}}
	in, err := new(config).New(env)
	if err != nil || in.(*input).answers != httpserver.ForStorage {
		t.Error("it does not wait: ", err)
	}
}

func TestAStopLeavesNobodyWaiting(t *testing.T) {
	a := start(t, nil, "wait_for_delivery", "on")
	a.Hold()
	answer := make(chan int)
	go func() { status, _ := a.post(t, "/t", isJSON, `{"a":1}`); answer <- status }()
	a.WaitFor(t, 1)
	go a.stop()
	if got := <-answer; got != 503 {
		t.Error(got)
	}
}

func TestAPausedInputAsksToComeAgain(t *testing.T) {
	a := start(t, nil)
	a.Refuse(context.DeadlineExceeded)
	if status, text := a.post(t, "/t", isJSON, `{"a":1}`); status != 503 || !strings.Contains(text, "no room") {
		t.Error(status, text)
	}
}

func TestSlowClientsAreClosed(t *testing.T) {
	a := start(t, func(c *config) { c.server.IdleTimeout = 50 * time.Millisecond })
	check := func(text, want string) {
		t.Helper()
		c, err := net.Dial("tcp", a.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = io.WriteString(c, text)
		got, err := io.ReadAll(c)
		if err != nil && !strings.Contains(err.Error(), "reset") || !strings.HasPrefix(string(got), want) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	check("", "")
	check("POST /t HTTP/1.1\r\nHost: x\r\nX-Slow: ", "")
	check("POST /t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 Request Timeout")
	check("POST /t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "HTTP/1.1 408 Request Timeout")
	a.Want(t)
}

func TestLyingLengthsAreRefused(t *testing.T) {
	a := start(t, nil)
	check := func(headers, body, want string) {
		t.Helper()
		c, err := net.Dial("tcp", a.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		fmt.Fprintf(c, "POST /t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n%s", headers, body)
		_ = c.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", headers, err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, text); !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", headers, got, want)
		}
	}
	check("", "", "400 error: no payload found")
	check("Content-Length: 0\r\n", "", "400 error: no payload found")
	check("Content-Length: 100\r\n", `{"a":1}`, "400 error: the body cannot be read")
	check("Content-Length: 3\r\n", `{"a":1}`, "400 error: JSON ends early")
	check("Content-Length: -1\r\n", `{"a":1}`, "400")
	check("Content-Length: 99999999999999999999\r\n", `{"a":1}`, "400")
	check("Content-Length: 9999999999\r\n", `{"a":1}`, "413")
	check("Content-Length: 7\r\nContent-Length: 8\r\n", `{"a":1}`, "400")
	check("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n{}", "400")
	a.Want(t)
}

func TestHTTP2IsSpokenWithAndWithoutTLS(t *testing.T) {
	c := certtest.New(t)
	crt, key := c.Issue(t, "server", "127.0.0.1")
	roots := x509.NewCertPool()
	pem, _ := os.ReadFile(c.File)
	roots.AppendCertsFromPEM(pem)
	check := func(want string, pairs ...string) {
		t.Helper()
		a := start(t, nil, pairs...)
		p := new(http.Protocols)
		p.SetHTTP1(want == "HTTP/1.1")
		p.SetHTTP2(true)
		p.SetUnencryptedHTTP2(want != "HTTP/1.1")
		tr := &http.Transport{Protocols: p, TLSClientConfig: &tls.Config{RootCAs: roots}}
		defer tr.CloseIdleConnections()
		a.client.Transport = tr
		scheme := "http://"
		if len(pairs) > 0 && pairs[0] == "tls" {
			scheme = "https://"
		}
		resp, err := a.client.Post(scheme+a.address+"/t", isJSON, strings.NewReader(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 201 || resp.Proto != want {
			t.Errorf("%v: %s %s", pairs, resp.Proto, resp.Status)
		}
		a.Want(t, `t {"a":1}`)
	}
	check("HTTP/2.0")
	check("HTTP/2.0", "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	check("HTTP/2.0", "tls", "on", "tls.crt_file", crt, "tls.key_file", key, "tls.max_version", "TLSv1.2", "tls.ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384")
	check("HTTP/1.1", "tls", "on", "tls.crt_file", crt, "tls.key_file", key, "http2", "off")
}

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	a := start(t, func(c *config) { c.server.IdleTimeout = 50 * time.Millisecond }, "max_connections", "1")
	idle, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if status, _ := a.post(t, "/t", isJSON, `{"a":1}`); status != 201 { // once the idle one was closed
		t.Error(status)
	}
}

func TestHealthIsAnsweredWhenWanted(t *testing.T) {
	for want, pairs := range map[int][]string{200: {"enable_health_endpoint", "on"}, 400: nil} {
		a := start(t, nil, pairs...)
		resp, err := a.client.Get("http://" + a.address + "/health")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Error(resp.Status)
		}
	}
}

func TestOnlyValidTokensAreTaken(t *testing.T) {
	a := start(t, nil, "oauth2.validate", "on", "oauth2.issuer", "me", "oauth2.jwks_url", "http://127.0.0.1:1/keys")
	status, text := a.post(t, "/t", isJSON, `{"a":1}`)
	if status != 401 || text != "" {
		t.Error(status, text)
	}
	if status, _ := a.post(t, "/t", isJSON, `{"a":1}`, "Authorization", "Bearer e30.e30.AA"); status != 401 {
		t.Error(status)
	}
	a.Want(t)
	if !strings.Contains(a.Log(), "no bearer token") {
		t.Error(a.Log())
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if _, err := inputtest.New().Build(new(config), pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("test.conf:1:1: successful_response_code: '202' is none of 200, 201, 204", "successful_response_code", "202")
	f("set tls.crt_file", "tls", "on")
	f("oauth2.validate needs oauth2.issuer", "oauth2.validate", "on")
	f("port: '70000' is not between 0 and 65535", "port", "70000")
}

func FuzzBody(f *testing.F) {
	f.Add(true, []byte(`[{"a":1}] {"b":{}}`))
	f.Add(false, []byte("a=1&b=%41+c"))
	f.Fuzz(func(t *testing.T, form bool, text []byte) {
		kind := bodyJSON
		if form {
			kind = bodyForm
		}
		records, err := parse(kind, text)
		if err != nil {
			return
		}
		for _, r := range records {
			if v, rest, err := event.CheckValue(r); err != nil || len(rest) > 0 || v.Type() != event.TypeMap {
				t.Fatalf("%x: %v", []byte(r), err)
			}
		}
	})
}
