package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/metrics"
	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/metric"
)

// agent is one with fixed figures.
type agent struct {
	mu     sync.Mutex
	stats  stats.Stats
	reload func(context.Context) error
}

func (a *agent) Stats() stats.Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats
}

func (a *agent) Metrics() (set metric.Set) {
	s := a.Stats()
	metrics.Append(&set, metrics.About{Version: "5.1.1", Started: time.Unix(1700000000, 0)}, &s, time.Unix(1700000010, 0))
	return set
}

func (a *agent) Reload(ctx context.Context) error { return a.reload(ctx) }

func figures() *agent {
	return &agent{stats: stats.Stats{
		Inputs:  []stats.Input{{Name: "in.0", Records: 3, Bytes: 40, Waiting: 2048, Limit: 3 << 20, Open: 1, Busy: 2, BusyBytes: 1500, Down: 1}},
		Filters: []stats.Filter{{Name: "grep.0", Records: 3, Dropped: 1, DroppedByte: 9}},
		Outputs: []stats.Output{{Name: "a \"b\"", Records: 2, Errors: 4, RetriesFailed: 1}, {Name: "null.1"}},
		Chunks:  4, Storage: stats.Storage{Files: 2, FilesUp: 1}, Reloads: 7,
	}}
}

// serve runs a server and returns its address.
func serve(t *testing.T, a *agent, edit func(*Options)) (s *Server, base string) {
	t.Helper()
	o := Options{
		Listen: "127.0.0.1:0", Storage: true, Log: slog.New(slog.DiscardHandler),
		Health: Limits{On: true, Errors: 5, RetriesFailed: 5, Period: time.Minute},
		About:  About{Version: "5.1.1", Flags: []string{"A"}, Inputs: []string{"tail"}, Outputs: []string{"null"}, Started: time.Now()},
	}
	if edit != nil {
		edit(&o)
	}
	s, err := Listen(o, a)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); serving.Wait() })
	return s, "http://" + s.Addr().String()
}

// client makes a connection for each request, as probes do.
var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// answer is the head of a response.
type answer struct {
	StatusCode int
	Header     http.Header
}

func ask(t *testing.T, method, url, body string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header}, string(text)
}

func TestEachPathAnswersInFluentBitsShape(t *testing.T) {
	_, base := serve(t, figures(), nil)
	f := func(path, kind, want string) {
		t.Helper()
		resp, got := ask(t, "GET", base+path, "")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || resp.Header.Get("Server") != "Fluent Bit" {
			t.Errorf("%s: %d, %v", path, resp.StatusCode, resp.Header)
		}
		if !regexp.MustCompile(`(?m)` + want).MatchString(got) {
			t.Errorf("%s:\n%s\nwant %s", path, got, want)
		}
	}
	const json, text = "application/json", "text/plain; version=0.0.4"
	f("/", json, `^\{"fluent-bit":\{"version":"5\.1\.1","edition":"Community","flags":\["A"\]\}\}$`)
	f("/api/v1/uptime", json, `^\{"uptime_sec":\d+,"uptime_hr":"Fluent Bit has been running:  0 day, 0 hour, 0 minute and \d+ seconds?"\}$`)
	f("/api/v1/plugins", json, `^\{"plugins":\{"inputs":\["tail"\],"filters":null,"outputs":\["null"\]\}\}$`)
	f("/api/v1/metrics", json, `^\{"input":\{"in\.0":\{"records":3,"bytes":40\}\},`+
		`"filter":\{"grep\.0":\{"drop_records":1,"add_records":0,"records":3,"bytes":0,"drop_bytes":9\}\},`+
		`"output":\{"a \\"b\\"":\{"proc_records":2,"proc_bytes":0,"errors":4,"retries":0,"retries_failed":1,"dropped_records":0,"retried_records":0\},"null\.1":\{.*\}\}\}$`)
	f("/api/v1/metrics/prometheus", text, `^# TYPE fluentbit_input_records_total counter\nfluentbit_input_records_total\{name="in\.0"\} 3 1700000010000$`)
	f("/api/v1/metrics/prometheus", text, `^fluentbit_output_errors_total\{name="a \\"b\\""\} 4 1700000010000\nfluentbit_output_errors_total\{name="null\.1"\} 0 1700000010000$`)
	f("/api/v1/metrics/prometheus", text, `^fluentbit_uptime \d+$`)
	f("/api/v1/metrics/prometheus", text, `^fluentbit_build_info\{version="5\.1\.1",edition="Community"\} 1$`)
	f("/api/v1/storage", json, `^\{"storage_layer":\{"chunks":\{"total_chunks":4,"mem_chunks":2,"fs_chunks":2,"fs_chunks_up":1,"fs_chunks_down":1\}\},`+
		`"input_chunks":\{"in\.0":\{"status":\{"overlimit":false,"mem_size":"2\.0K","mem_limit":"3\.0M"\},"chunks":\{"total":3,"up":2,"down":1,"busy":2,"busy_size":"1\.5K"\}\}\}\}$`)
	f("/api/v2/metrics", text, `^2023-11-14T22:13:30\.000000000Z fluentbit_input_records_total\{name="in\.0"\} = 3$`)
	f("/api/v2/metrics/prometheus", text, `^fluentbit_uptime\{hostname="[^"]*"\} 10$`)
	f("/api/v2/health", json, `^\{"status":"ok","errors":4,"retries_failed":1,"error_limit":5,"retry_failure_limit":5,"period_limit":60\}$`)
	f("/api/v2/reload", json, `^\{"hot_reload_count":7\}$`)
	if resp, got := ask(t, "GET", base+"/api/v1/health", ""); resp.StatusCode != 200 || got != "ok\n" {
		t.Errorf("health: %d, %q", resp.StatusCode, got)
	}
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	_, base := serve(t, figures(), func(o *Options) { o.Storage, o.Health.On = false, false })
	f := func(method, path string, want int, allow string) {
		t.Helper()
		if resp, got := ask(t, method, base+path, ""); resp.StatusCode != want || resp.Header.Get("Allow") != allow || got != "" {
			t.Errorf("%s %s: %d, allow %q, %q", method, path, resp.StatusCode, resp.Header.Get("Allow"), got)
		}
	}
	f("GET", "/nowhere", 404, "")
	f("GET", "/api/v1/health", 404, "") // the check is off
	f("GET", "/api/v1/storage", 404, "")
	f("POST", "/api/v1/metrics", 405, "GET")
	f("DELETE", "/api/v2/reload", 405, "GET, POST, PUT")
	f("GET", "/api/v1/../v1/nowhere", 404, "")
	if resp, _ := ask(t, "HEAD", base+"/api/v1/uptime", ""); resp.StatusCode != 200 {
		t.Errorf("HEAD: %d", resp.StatusCode)
	}
}

func TestReloadTellsItsResult(t *testing.T) {
	a := figures()
	_, base := serve(t, a, nil)
	f := func(err error, method, body string, status int, want string) {
		t.Helper()
		a.reload = func(context.Context) error { return err }
		resp, got := ask(t, method, base+"/api/v2/reload", body)
		if resp.StatusCode != status || got != want || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v: %d, %s", err, resp.StatusCode, got)
		}
	}
	f(nil, "POST", "{}", 200, `{"reload":"done","status":0}`)
	f(nil, "PUT", "", 200, `{"reload":"done","status":0}`)
	f(ErrNotEnabled, "POST", "", 200, `{"reload":"not enabled","status":-1}`)
	f(ErrInProgress, "POST", "", 400, `{"reload":"in progress","status":-2}`)
	f(errors.New("a.conf:1:2: x\na.conf:3:4: y"), "POST", "", 400, `{"reload":"halted","status":-3,"errors":["a.conf:1:2: x","a.conf:3:4: y"]}`)
}

func TestAReloadGoesOnWhenItsClientIsGone(t *testing.T) {
	a := figures()
	begun, gone, done := make(chan bool), make(chan bool), make(chan error, 1)
	a.reload = func(ctx context.Context) error {
		close(begun)
		<-gone
		done <- ctx.Err()
		return nil
	}
	_, base := serve(t, a, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", base+"/api/v2/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
		}
	})
	<-begun
	cancel()
	asking.Wait()
	close(gone)
	if err := <-done; err != nil {
		t.Errorf("the reload was called off: %v", err)
	}
}

func TestHealthIsWhatHappenedInThePeriod(t *testing.T) {
	a := figures()
	s, base := serve(t, a, nil)
	f := func(errors uint64, status int, text string) {
		t.Helper()
		a.mu.Lock()
		a.stats.Outputs[0].Errors = errors
		a.mu.Unlock()
		for path, want := range map[string]string{"/api/v1/health": text + "\n", "/api/v2/health": `"status":"` + text + `"`} {
			if resp, got := ask(t, "GET", base+path, ""); resp.StatusCode != status || !strings.Contains(got, want) {
				t.Errorf("%d errors: %s: %d, %s", errors, path, resp.StatusCode, got)
			}
		}
	}
	f(5, 200, "ok")
	f(6, 500, "error")
	s.health.note(sample{at: time.Now().Add(-2 * time.Minute), errors: 100})
	s.health.note(sample{at: time.Now(), errors: 100})
	f(104, 200, "ok")
	f(106, 500, "error")
	f(3, 200, "ok") // an output that a reload has removed took its errors along
}

func TestAPortInUseIsNamed(t *testing.T) {
	s, _ := serve(t, figures(), nil)
	_, err := Listen(Options{Listen: s.Addr().String(), Log: slog.New(slog.DiscardHandler)}, figures())
	if err == nil || !strings.Contains(err.Error(), "change http_listen or http_port") {
		t.Errorf("got %v", err)
	}
}

// dial opens n connections and sends text on each.
func dial(t *testing.T, s *Server, n int, text string) (conns []net.Conn) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, text); err != nil && !errors.Is(err, net.ErrClosed) {
			continue // it had to leave already
		}
		conns = append(conns, c)
	}
	return conns
}

func TestClientsThatDawdleKeepNobodyOut(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "",
		"half a header": "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"half a body":   "POST /api/v2/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
		"idle":          "GET /api/v1/uptime HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := figures()
			a.reload = func(context.Context) error { t.Error("half a request reloads"); return nil }
			s, base := serve(t, a, nil)
			conns := dial(t, s, 4*maxConnections, text)
			for range 10 {
				begin := time.Now()
				if resp, _ := ask(t, "GET", base+"/api/v1/health", ""); resp.StatusCode != 200 {
					t.Errorf("%d", resp.StatusCode)
				}
				if d := time.Since(begin); d > patience { // it waited for a dawdler's end
					t.Errorf("a probe took %v", d)
				}
			}
			if n := held(s); n > maxConnections {
				t.Errorf("%d connections are held", n)
			}
			_ = conns[0].SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, conns[0]); errors.Is(err, context.DeadlineExceeded) {
				t.Error("the first that came is still there")
			}
		})
	}
}

func held(s *Server) int {
	l := s.ln.(*limited)
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.places)
}

func TestSlowRequestsEnd(t *testing.T) {
	s, err := Listen(Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}, figures())
	if err != nil {
		t.Fatal(err)
	}
	if s.http.ReadTimeout != patience || s.http.ReadHeaderTimeout != patience || s.http.IdleTimeout == 0 || s.http.WriteTimeout == 0 {
		t.Error("a limit of time is missing")
	}
	s.http.ReadTimeout, s.http.ReadHeaderTimeout = 20*time.Millisecond, 20*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(ctx) })
	defer serving.Wait()
	defer stop()
	for _, text := range []string{"GET / HT", "POST /api/v2/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"} {
		c := dial(t, s, 1, text)[0]
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLargeAndMalformedRequestsAreRefused(t *testing.T) {
	a := figures()
	a.reload = func(context.Context) error { t.Error("a refused request reloads"); return nil }
	s, base := serve(t, a, nil)
	f := func(text, want string) {
		t.Helper()
		c := dial(t, s, 1, text)[0]
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		line, _ := bufio.NewReader(c).ReadString('\n')
		if !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("%.60q: got %q, want %s", text, line, want)
		}
	}
	f("GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n", "431")
	f("GET /"+strings.Repeat("a", 64<<10)+" HTTP/1.1\r\nHost: x\r\n\r\n", "431")
	f("POST /api/v2/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"+strings.Repeat("a", 2<<20), "413")
	f("POST /api/v2/reload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400")
	f("POST /api/v2/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400")
	f("GET / HTTP/1.1\r\n\r\n", "400")
	f("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400")
	f("GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", "400")
	if resp, _ := ask(t, "GET", base+"/api/v1/uptime", ""); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

func TestSizesAreForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0b", 1023: "1023b", 1024: "1.0K", 1536: "1.5K", 1 << 20: "1.0M", 5 << 30: "5.0G", 1 << 50: "1024.0T"} {
		if got := bytes(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if got := fmt.Sprint(bytes(-1)); got != "-1b" {
		t.Error(got)
	}
}
