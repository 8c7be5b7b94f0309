// Package httpserver is what HTTP inputs have in common: the settings http_server.*, a server that slow and
// hostile clients cannot hold up, and bodies that are read within limits.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/option"
)

// Settings are the options http_server.*.
type Settings struct {
	HTTP2          bool
	IdleTimeout    time.Duration
	MaxBody        int64
	MaxConnections int64

	// For compatibility:
	chunk, events, bytes int64
	workers              int
}

// Options returns the block. Fluent Bit takes most of it without the prefix as well.
func (s *Settings) Options() []option.Option {
	const prefix = "http_server."
	block := func(p string) []option.Option {
		return []option.Option{
			option.Switch(p+"http2", &s.HTTP2).Default("true").Help("Speak HTTP/2 with clients that want to."),
			option.Size(p+"buffer_max_size", &s.MaxBody).Default("4M").Help("How large a body may be, before and after it is decompressed. A larger one is refused with 413."),
			option.Size(p+"buffer_chunk_size", &s.chunk).Default("512K").Help("Taken for compatibility: memory grows with the body."),
			option.Size(p+"max_connections", &s.MaxConnections).Default("0").Help("How many clients may be connected at a time; others wait. 0 for no limit."),
			option.Int(p+"workers", &s.workers).Default("1").Help("Taken for compatibility: every connection is served on its own."),
		}
	}
	return append(append(block(prefix),
		option.Duration(prefix+"idle_timeout", &s.IdleTimeout).Default("10s").Help("How long a client may be silent: between requests, within a header, within a body."),
		option.Size(prefix+"ingress_queue_event_limit", &s.events).Default("8192").Help("Taken for compatibility: a client waits while the input is paused."),
		option.Size(prefix+"ingress_queue_byte_limit", &s.bytes).Default("256M").Help("Taken for compatibility: a client waits while the input is paused."),
	), block("")...)
}

// Serve answers requests until ctx ends. Requests see that by their context, and have a second to answer.
func (s *Settings) Serve(ctx context.Context, l *listen.Listener, keepalive bool, h http.Handler, logger *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.IdleTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		TLSConfig:         l.TLS(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(lines{logger}, "", 0),
		Protocols:         new(http.Protocols),
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(s.HTTP2)
	srv.Protocols.SetUnencryptedHTTP2(s.HTTP2)
	srv.SetKeepAlivesEnabled(keepalive)
	var ended sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if srv.Shutdown(within) != nil {
			srv.Close()
		}
		ended.Done()
	})
	ended.Add(1)
	err := s.serve(srv, l)
	if stop() {
		ended.Done()
		srv.Close()
	}
	ended.Wait()
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Settings) serve(srv *http.Server, l *listen.Listener) error {
	var accept net.Listener = l
	if s.MaxConnections > 0 {
		accept = &limited{l, make(chan struct{}, s.MaxConnections)}
	}
	if srv.TLSConfig == nil {
		return srv.Serve(accept)
	}
	srv.TLSConfig.NextProtos = []string{"http/1.1"}
	if s.HTTP2 {
		srv.TLSConfig.NextProtos = []string{"h2", "http/1.1"}
	}
	return srv.ServeTLS(accept, "", "")
}

// limited accepts a connection only when there is room for one more.
type limited struct {
	net.Listener
	room chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &leaving{Conn: c, leave: func() { <-l.room }}, nil
}

type leaving struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *leaving) Close() error {
	defer c.once.Do(c.leave)
	return c.Conn.Close()
}

// lines passes on what net/http complains about, which is what clients do, or a panic of ours.
type lines struct{ log *slog.Logger }

func (l lines) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if strings.Contains(text, ": panic serving ") {
		l.log.Error(text)
	} else {
		l.log.Debug(text)
	}
	return len(p), nil
}

// Refusal is a request that cannot be taken, and why.
type Refusal struct {
	Status int
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// step is how much of a body must arrive within each idle_timeout: a client that sends a byte now and then
// is not kept.
const step = 16 << 10

// Body reads and decompresses a request's body. Errors are refusals.
func (s *Settings) Body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > s.MaxBody {
		return nil, s.tooLarge()
	}
	body, err := s.read(w, r)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(strings.Split(r.Header.Get("Content-Encoding"), ",")) { // the last was put on last
		kind := compression.Kind(strings.ToLower(strings.TrimSpace(name)))
		if kind == "identity" {
			kind = compression.None
		}
		body, err = compression.Expand(kind, body, s.MaxBody)
		if large := (*compression.TooLarge)(nil); errors.As(err, &large) {
			return nil, s.tooLarge()
		}
		if err != nil {
			return nil, &Refusal{http.StatusBadRequest, fmt.Sprintf("the body cannot be decompressed: %v", err)}
		}
	}
	return body, nil
}

func (s *Settings) tooLarge() error {
	return &Refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than buffer_max_size of %d bytes", s.MaxBody)}
}

func (s *Settings) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	c := http.NewResponseController(w)
	body := make([]byte, 0, max(512, min(r.ContentLength+1, step)))
	for next := 0; ; {
		if len(body) >= next && s.IdleTimeout > 0 {
			_ = c.SetReadDeadline(time.Now().Add(s.IdleTimeout))
			next = len(body) + step
		}
		body = slices.Grow(body, 512)
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > s.MaxBody:
			return nil, s.tooLarge()
		case err == io.EOF:
			_ = c.SetReadDeadline(time.Time{})
			return body, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, &Refusal{http.StatusRequestTimeout, fmt.Sprintf("the body does not arrive: %d bytes within http_server.idle_timeout of %v are the least", step, s.IdleTimeout)}
		case err != nil:
			return nil, &Refusal{http.StatusBadRequest, fmt.Sprintf("the body cannot be read: %v", err)}
		}
	}
}
