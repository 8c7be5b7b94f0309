// Package prometheus_remote_write is the input prometheus_remote_write: a server for metrics that come by
// Prometheus' remote write protocol.
package prometheus_remote_write

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/agent/internal/httpserver"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/remotewrite"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input prometheus_remote_write.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "prometheus_remote_write",
	Summary: "Metrics that are sent by Prometheus' remote write protocol",
	Kinds:   event.Metrics,
	Retags:  true,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const defaultPort = 80

type config struct {
	where      listen.Settings
	server     httpserver.Settings
	uri        string
	fromURI    bool
	successful int
}

func (c *config) Options() []option.Option {
	opts := append(c.where.Options(), c.server.Options()...)
	return append(opts,
		option.String("uri", &c.uri).Help("The path that requests must have; any unless set. Prometheus is told to write to /api/v1/write, usually."),
		option.Switch("tag_from_uri", &c.fromURI).Default("true").Help("When set to on: make the tag of the path, with _ for slashes. Otherwise it is the configured one, as in Fluent Bit, which does not heed this setting."),
		option.Var("successful_response_code", "integer", &c.successful, func(s string) (int, error) {
			n, err := option.ParseInt(s)
			if err == nil && !slices.Contains([]int{200, 201, 204}, n) {
				err = errors.New("is none of 200, 201, 204")
			}
			return n, err
		}).Default("201").Help("Status of answers to requests that were taken: 200, 201 or 204."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(defaultPort)
	if err := c.where.Check(); err != nil {
		return nil, err
	}
	if c.uri != "" && !strings.HasPrefix(c.uri, "/") {
		c.uri = "/" + c.uri
	}
	if _, said := option.Lookup(env.Properties, "tag_from_uri"); !said {
		c.fromURI = false
	}
	return &input{config: *c, env: env, answers: httpserver.WaitOf(env.Properties)}, nil
}

type input struct {
	config
	env     plugin.Env
	answers httpserver.Wait
	l       *listen.Listener
	to      plugin.Emitter
	names   dictionary
	bad     atomic.Int64 // samples
}

// Start opens the port.
func (in *input) Start(context.Context) (err error) {
	in.l, err = in.where.Open(in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.l != nil {
		in.l.Close()
	}
	return nil
}

// Run serves until ctx ends.
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	in.to = to
	return in.server.Serve(ctx, in.l, in.where.Keepalive, in, in.env.Log)
}

// Replays implements [plugin.Replayer]: a client that is not answered sends again.
func (in *input) Replays() bool { return in.answers != httpserver.ForRoom }

// ServeHTTP takes one request.
func (in *input) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := in.take(w, r)
	if err == nil {
		w.WriteHeader(in.successful)
		return
	}
	in.env.Log.Debug(fmt.Sprintf("request from %s refused: %v", r.RemoteAddr, err))
	status := http.StatusBadRequest
	if no := (*httpserver.Refusal)(nil); errors.As(err, &no) {
		status = no.Status
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "error: %v\n", err)
}

func (in *input) take(w http.ResponseWriter, r *http.Request) error {
	switch {
	case in.uri != "" && r.URL.Path != in.uri:
		return errors.New("invalid endpoint")
	case r.Method != http.MethodPost:
		return errors.New("invalid HTTP method, metrics are sent with POST")
	}
	body, err := in.server.Body(w, r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return errors.New("invalid payload")
	}
	req, err := remotewrite.Parse(body)
	if err != nil {
		return err
	}
	data, bad, err := in.names.payload(req, swell*in.server.MaxBody)
	switch {
	case bad > 0:
		in.complain(bad, err)
	case err != nil:
		return err
	}
	if len(data) == 0 {
		return nil // nothing but what was said about names, or what is left out
	}
	tag := in.env.Tag
	if in.fromURI {
		if t := strings.ReplaceAll(strings.Trim(r.URL.Path, "/"), "/", "_"); t != "" {
			tag = t
		}
	}
	return in.answers.Deliver(r.Context(), in.to, event.Payload(tag, event.Metrics, data))
}

// complain tells of samples that make no sense, ever more seldom: the sender would only send them again.
func (in *input) complain(n int, err error) {
	before := in.bad.Add(int64(n)) - int64(n)
	if before == 0 || bits.Len64(uint64(before)) != bits.Len64(uint64(before)+uint64(n)) {
		in.env.Log.Warn(fmt.Sprintf("%d samples are left out (so far: %d): %v", n, before+int64(n), err))
	}
}
