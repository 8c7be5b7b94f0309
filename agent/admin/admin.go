// Package admin is the HTTP API of the running agent, with the paths and shapes of Fluent Bit's: version,
// uptime, plugins, counters, health, and reloading. It is off unless http_server is on.
//
// The server is for a few known clients: it limits how many connections there are, how long a request may
// take to arrive and an answer to be fetched, and how large a request is. A client that has waited longest with
// its request has to leave when there are too many.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/metric"
)

// Agent is what the API shows.
type Agent interface {
	Stats() stats.Stats
	Metrics() metric.Set
	Reload(ctx context.Context) error // see the errors below
}

// Errors of [Agent.Reload] that are told apart from a configuration that is wrong.
var (
	ErrNotEnabled = errors.New("hot reloading is not enabled; start with -Y or set hot_reload on")
	ErrInProgress = errors.New("a reload is in progress")
)

// About is what does not change.
type About struct {
	Version                  string
	Flags                    []string
	Inputs, Filters, Outputs []string // names of all plugins
	Started                  time.Time
}

// Options say where to listen and what counts as healthy.
type Options struct {
	Listen  string // host:port
	Health  Limits
	Storage bool // serve /api/v1/storage
	About   About
	Log     *slog.Logger
}

// Bounds of what a client may do.
const (
	maxConnections = 64
	maxHeader      = 16 << 10
	maxBody        = 1 << 20
	patience       = 10 * time.Second
)

// Server is the API at work.
type Server struct {
	opts   Options
	agent  Agent
	health health
	http   http.Server
	ln     net.Listener
}

// Listen opens the port. The server works from Serve on.
func Listen(o Options, a Agent) (*Server, error) {
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("http_server: %w; change http_listen or http_port", err)
	}
	s := &Server{opts: o, agent: a, ln: newLimited(ln, maxConnections), health: health{limits: o.Health}}
	s.http = http.Server{
		Handler: answering(s.routes()), ConnContext: remember, MaxHeaderBytes: maxHeader, ReadTimeout: patience, WriteTimeout: 3 * patience,
		ReadHeaderTimeout: patience, IdleTimeout: 3 * patience, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	working.Go(func() { s.watchHealth(ctx) })
	working.Go(func() {
		<-ctx.Done()
		_ = s.http.Close()
	})
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h http.HandlerFunc) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				w.Header().Set("Allow", "GET")
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			h(w, r)
		})
	}
	get("/{$}", s.about)
	get("/api/v1/uptime", s.uptime)
	get("/api/v1/plugins", s.plugins)
	get("/api/v1/metrics", func(w http.ResponseWriter, _ *http.Request) { reply(w, counters(s.agent.Metrics())) })
	get("/api/v1/metrics/prometheus", func(w http.ResponseWriter, _ *http.Request) {
		text(w, appendPrometheus1(nil, s.agent.Metrics(), s.opts.About))
	})
	get("/api/v2/metrics", func(w http.ResponseWriter, _ *http.Request) {
		set := s.agent.Metrics()
		text(w, metric.AppendText(nil, &set))
	})
	get("/api/v2/metrics/prometheus", func(w http.ResponseWriter, _ *http.Request) {
		set := s.agent.Metrics()
		text(w, metric.AppendPrometheus(nil, &set, false))
	})
	get("/api/v1/health", s.health1)
	get("/api/v2/health", s.health2)
	if s.opts.Storage {
		get("/api/v1/storage", func(w http.ResponseWriter, _ *http.Request) { reply(w, storage(s.agent.Stats())) })
	}
	mux.HandleFunc("/api/v2/reload", s.reload)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Fluent Bit")
		if _, pattern := mux.Handler(r); pattern == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, v any) { replyWith(w, http.StatusOK, v) }

func replyWith(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that is gone needs no answer
}

func text(w http.ResponseWriter, b []byte) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write(b)
}

func (s *Server) about(w http.ResponseWriter, _ *http.Request) {
	type about struct {
		Version string   `json:"version"`
		Edition string   `json:"edition"`
		Flags   []string `json:"flags"`
	}
	reply(w, map[string]about{"fluent-bit": {s.opts.About.Version, edition, append([]string{}, s.opts.About.Flags...)}})
}

const edition = "Community"

func (s *Server) uptime(w http.ResponseWriter, _ *http.Request) {
	up := int(time.Since(s.opts.About.Started).Seconds())
	few := func(n int, word string) string { // Fluent Bit's words: "0 day"
		if n > 1 {
			word += "s"
		}
		return fmt.Sprintf("%d %s", n, word)
	}
	reply(w, struct {
		Sec  int    `json:"uptime_sec"`
		Text string `json:"uptime_hr"`
	}{up, "Fluent Bit has been running:  " + strings.Join([]string{few(up/86400, "day"), few(up/3600%24, "hour"), few(up/60%60, "minute")}, ", ") +
		" and " + few(up%60, "second")})
}

func (s *Server) plugins(w http.ResponseWriter, _ *http.Request) {
	a := s.opts.About
	reply(w, map[string]any{"plugins": struct {
		Inputs  []string `json:"inputs"`
		Filters []string `json:"filters"`
		Outputs []string `json:"outputs"`
	}{a.Inputs, a.Filters, a.Outputs}})
}

// reload answers GET with the number of reloads, and reloads on POST and PUT.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		reply(w, map[string]uint64{"hot_reload_count": s.agent.Stats().Reloads})
		return
	case http.MethodPost, http.MethodPut:
	default:
		w.Header().Set("Allow", "GET, POST, PUT")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	type result struct {
		Reload string   `json:"reload"`
		Status int      `json:"status"`
		Errors []string `json:"errors,omitempty"`
	}
	err := s.agent.Reload(context.WithoutCancel(r.Context())) // also when the client does not wait for it
	switch {
	case err == nil:
		reply(w, result{Reload: "done"})
	case errors.Is(err, ErrNotEnabled):
		reply(w, result{Reload: "not enabled", Status: -1})
	case errors.Is(err, ErrInProgress):
		replyWith(w, http.StatusBadRequest, result{Reload: "in progress", Status: -2})
	default:
		replyWith(w, http.StatusBadRequest, result{Reload: "halted", Status: -3, Errors: strings.Split(err.Error(), "\n")})
	}
}
