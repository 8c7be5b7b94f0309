// Package httpclient sends requests the way all HTTP outputs do: over the connections of an upstream, with
// time limits, credentials and the meaning of the answer.
package httpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Settings are what a client needs beside its upstream.
type Settings struct {
	ResponseTimeout time.Duration // from the request's last byte to the answer's, 0 for no limit
	ReadIdle        time.Duration // between two reads; net.io_timeout when 0
	Proxy           *url.URL      // asked for each request, instead of the environment's; nil for none
	Keep            int64         // how much of an answer is kept; 64 KB when 0, enough to say what is wrong
}

// Options returns http.response_timeout and http.read_idle_timeout.
func (s *Settings) Options() []option.Option {
	return []option.Option{
		option.Duration("http.response_timeout", &s.ResponseTimeout).Default("60s").Help("How long a request may take until its answer is complete; 0 for no limit."),
		option.Duration("http.read_idle_timeout", &s.ReadIdle).Default("0s").Help("How long the server may be silent within an answer; 0 for what net.io_timeout says."),
	}
}

// ProxyOption binds the setting proxy.
func (s *Settings) ProxyOption() option.Option {
	return option.Var("proxy", "string", &s.Proxy, upstream.ParseProxy).Help("HTTP proxy to send requests through: http://host:port. The environment's does not count then.")
}

// Client sends requests to one upstream. It is safe for several goroutines.
type Client struct {
	set       Settings
	up        *upstream.Upstream
	base      string // "http://host:port"
	transport *http.Transport
	recycle   int64
}

// New makes a client. It reads the files that TLS needs, so it belongs into Start.
func New(where upstream.Settings, s Settings, log *slog.Logger) (*Client, error) {
	if s.ReadIdle > 0 {
		where.Net.IOTimeout = s.ReadIdle
	}
	if s.Proxy != nil {
		where.Net.IgnoreProxyEnv = true
	}
	u, err := where.New(log)
	if err != nil {
		return nil, err
	}
	c := &Client{set: s, up: u, base: "http://" + where.Address(), recycle: int64(where.Net.MaxRecycle)}
	if where.TLS.On {
		c.base = "https://" + where.Address()
	}
	if c.transport, err = u.Transport(s.Proxy); err != nil {
		return nil, err
	}
	return c, nil
}

// Close lets go of all connections.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.up.Close()
}

// String names the server in messages.
func (c *Client) String() string { return c.up.String() }

// URL completes the path and query of a request.
func (c *Client) URL(uri string) string {
	if !strings.HasPrefix(uri, "/") {
		uri = "/" + uri
	}
	return c.base + uri
}

// CheckURI finds a path, with a query or without, of which no request can be made: what was to be sent with it would
// be lost.
func CheckURI(uri string) error {
	if _, err := url.ParseRequestURI(uri); err != nil {
		return fmt.Errorf("'%s' is no path of a URL", uri)
	}
	return nil
}

const usualAnswer = 64 << 10

// Answer is what came back.
type Answer struct {
	Status int
	Body   []byte // its beginning
}

// Do sends a request and reads the answer.
func (c *Client) Do(req *http.Request) (*Answer, error) {
	ctx := req.Context()
	if t := c.set.ResponseTimeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	outer := req.Context()
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if used, ok := i.Conn.(interface{ Use() int64 }); ok && c.recycle > 0 && used.Use() >= c.recycle {
			req.Header.Set("Connection", "close") // nothing of it was written yet
		}
	}}))
	defer c.up.Working()()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, c.explain(ctx, outer, err)
	}
	defer resp.Body.Close()
	keep := c.set.Keep
	if keep <= 0 {
		keep = usualAnswer
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, keep))
	if err != nil {
		return nil, c.explain(ctx, outer, err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<20) // so that the connection can be used again
	return &Answer{Status: resp.StatusCode, Body: body}, nil
}

func (c *Client) explain(ctx, outer context.Context, err error) error {
	if ctx.Err() != nil && outer.Err() == nil {
		return fmt.Errorf("%s: no answer within http.response_timeout of %v", c, c.set.ResponseTimeout)
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return err // it names the address
	}
	return fmt.Errorf("%s: %w", c, err)
}

// Verdict says what an answer means for a chunk: 200 to 205 is success; what the server refuses for good is
// dropped, since sending it again would only be refused again; everything else may be better later.
func Verdict(server string, a *Answer, withBody bool) error {
	if a.Status >= 200 && a.Status <= 205 {
		return nil
	}
	text := fmt.Sprintf("%s, HTTP status=%d %s", server, a.Status, http.StatusText(a.Status))
	if withBody && len(a.Body) > 0 {
		text += ": " + string(a.Body[:min(len(a.Body), 2000)])
	}
	err := errors.New(text)
	if a.Status >= 400 && a.Status < 500 && a.Status != http.StatusRequestTimeout && a.Status != http.StatusTooManyRequests {
		return plugin.Drop(err)
	}
	return err
}
