package prometheus_scrape

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/plugin"
)

// scraping builds an input for the server that h is, and starts it.
func scraping(t *testing.T, h http.HandlerFunc, pairs ...string) (*input, *inputtest.Kit, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	host, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	k := inputtest.New()
	built, err := k.Build(new(config), append([]string{"host", host, "port", port}, pairs...)...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in, k, srv
}

func TestAPageIsFetchedAndEmitted(t *testing.T) {
	var asked atomic.Int32
	in, k, _ := scraping(t, func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI != "/stats?format=prom" || r.Header.Get("User-Agent") != "Fluent-Bit" || !strings.HasPrefix(r.Header.Get("Accept"), "text/plain") {
			w.WriteHeader(400)
		}
		fmt.Fprintf(w, "# TYPE a counter\na{x=\"1\"} %d\n", asked.Add(1))
	}, "metrics_path", "stats?format=prom")
	in.interval = time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := in.Run(ctx, k); err != nil {
			t.Error(err)
		}
	})
	k.WaitFor(t, 2)
	stop()
	running.Wait()
	if got := k.Records(); got[0] != `a{x="1"} = 1` || got[1] != `a{x="1"} = 2` {
		t.Errorf("got %q", got)
	}
}

func TestCredentialsAreSent(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		in, _, _ := scraping(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "auth{is=%q} 1\n", r.Header.Get("Authorization"))
		}, pairs...)
		set, err := in.scrape(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Families[0].Points[0].Labels[0].Value; got != want {
			t.Errorf("%q: got %q", pairs, got)
		}
	}
	f("")
	f("Basic dTpw", "http_user", "u", "http_passwd", "p")
	f("Bearer t", "bearer_token", "t")
	f("Basic dTo=", "http_user", "u", "bearer_token", "t")
}

func TestWhatIsNoPageIsNamedAndLeftOut(t *testing.T) {
	f := func(points int, want string, h http.HandlerFunc, pairs ...string) {
		t.Helper()
		in, _, _ := scraping(t, h, pairs...)
		set, err := in.scrape(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || set.Len() != points {
			t.Errorf("%d points, %v, want …%s…", set.Len(), err, want)
		}
	}
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	f(0, "/metrics: HTTP status=503 Service Unavailable", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	f(0, "larger than buffer_max_size of 10 bytes", say("a 1\nb 2\nc 3\n"), "buffer_max_size", "10")
	f(0, "the answer holds no metric", say(""))
	f(0, "malformed line(s), the first is line 1", say("<html>\n<body>\n"))
	f(1, "line 2: 'broken' has no value", say("a 1\nbroken\n"))
	f(0, "EOF", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "a 1\n")
	})
}

func TestAFailureIsSaidOnce(t *testing.T) {
	var good atomic.Bool
	in, k, srv := scraping(t, func(w http.ResponseWriter, _ *http.Request) {
		if !good.Load() {
			w.WriteHeader(500)
		}
		fmt.Fprintln(w, "a 1")
	})
	for range 3 {
		_, err := in.scrape(t.Context())
		in.complain(err)
	}
	good.Store(true)
	_, err := in.scrape(t.Context())
	in.complain(err)
	srv.Close()
	_, err = in.scrape(t.Context())
	in.complain(err)
	if log := k.Log(); strings.Count(log, "status=500") != 1 || strings.Count(log, "in order again") != 1 || strings.Count(log, "level=WARN") != 2 {
		t.Errorf("log:\n%s", log)
	}
}

func TestAServerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	hold := make(chan struct{})
	in, _, _ := scraping(t, func(http.ResponseWriter, *http.Request) { <-hold })
	defer close(hold)
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := in.scrape(ctx); err == nil {
		t.Error("no error")
	}
}

func TestFaultySettingsAreRefused(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		if _, err := inputtest.New().Build(new(config), key, value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v", key, value, err)
		}
	}
	f("buffer_max_size", "0", "test.conf:1:1: buffer_max_size must be more than 0")
	f("metrics_path", "a%zz", "test.conf:1:1: metrics_path: '/a%zz' is no path")
	f("host", "http://x/", "is no name of a host")
	f("port", "70000", "port")
}

var _ plugin.Starter = (*input)(nil)
