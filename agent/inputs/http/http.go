// Package http is the input http: records that clients post as JSON or as a form.
//
// The path is the tag, with _ for what tags should not hold. A request is answered when its records are
// accepted; with file storage, or with wait_for_delivery, when they are settled.
package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/httpserver"
	"github.com/fluent/fluent-bit-go/agent/internal/jwt"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input http.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "http",
	Summary: "Records that clients post over HTTP",
	Kinds:   event.Logs,
	Retags:  true,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const defaultPort = 9880

type config struct {
	where  listen.Settings
	server httpserver.Settings

	addRemote  bool
	remoteKey  string
	headers    [][]string
	tagKey     *accessor.Accessor
	successful int
	health     bool
	wait       bool
	jwt        jwt.Settings
}

func (c *config) Options() []option.Option {
	opts := append(c.where.Options(), c.server.Options()...)
	opts = append(opts,
		option.Switch("add_remote_addr", &c.addRemote).Default("false").Help("Add the client's address to each record: the first in X-Forwarded-For, or the one that the connection comes from."),
		option.String("remote_addr_key", &c.remoteKey).Default("REMOTE_ADDR").Help("The key of that address. A record that has it already keeps its own."),
		option.WordLists("success_header", 1, &c.headers).Help("A header of answers to requests that were taken: its name, then its value."),
		option.Var("tag_key", "string", &c.tagKey, accessor.CompileKey).Help("The key of a record that holds its tag, instead of the path."),
		option.Var("successful_response_code", "integer", &c.successful, func(s string) (int, error) {
			n, err := option.ParseInt(s)
			if err == nil && !slices.Contains([]int{200, 201, 204}, n) {
				err = errors.New("is none of 200, 201, 204")
			}
			return n, err
		}).Default("201").Help("Status of answers to requests that were taken: 200, 201 or 204."),
		option.Switch("enable_health_endpoint", &c.health).Default("false").Help("Answer GET /health."),
	)
	opts = append(opts, c.jwt.Options()...)
	return append(opts,
		option.Switch("wait_for_delivery", &c.wait).Default("false").Help("Answer a request only when its records are settled: stored in files, or delivered by every output. Records that were given up are answered with 500."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(defaultPort)
	c.where.CountIn(env.Metrics)
	if err := errors.Join(c.where.Check(), c.jwt.Check()); err != nil {
		return nil, err
	}
	in := &input{config: *c, env: env, answers: httpserver.WaitOf(env.Properties)}
	if c.wait {
		in.answers = httpserver.ForOutputs
	}
	in.refused.Counter = env.Metrics.Counter("requests_refused_total", "Requests whose records were not taken")
	return in, nil
}

type input struct {
	config
	env     plugin.Env
	answers httpserver.Wait
	l       *listen.Listener
	to      plugin.Emitter
	jwt     *jwt.Checker // nil: everybody is let in

	refused burst.Log
}

func (in *input) Start(context.Context) (err error) {
	if in.config.jwt.Validate {
		if in.jwt, err = in.config.jwt.New(in.env.Log); err != nil {
			return err
		}
	}
	in.l, err = in.where.Open(in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.l != nil {
		in.l.Close()
	}
	if in.jwt != nil {
		in.jwt.Close()
	}
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	in.to = to
	return in.server.Serve(ctx, in.l, in.where.Keepalive, in, in.env.Log)
}

func (in *input) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if in.health && r.Method == http.MethodGet && r.URL.Path == "/health" {
		in.answerHealth(w)
		return
	}
	if err := in.take(w, r); err != nil {
		in.refused.Warn(in.env.Log, fmt.Sprintf("request from %s refused: %v", r.RemoteAddr, err))
		refuse(w, err)
		return
	}
	for _, h := range in.headers {
		w.Header().Add(h[0], strings.Join(h[1:], " "))
	}
	w.WriteHeader(in.successful)
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if no := (*httpserver.Refusal)(nil); errors.As(err, &no) {
		status = no.Status
	}
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusUnauthorized: // and nothing that helps to guess
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(status)
		return
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "error: %v\n", err)
}

// take reads a request's records and brings them to the pipeline.
func (in *input) take(w http.ResponseWriter, r *http.Request) error {
	if in.jwt != nil {
		if err := in.jwt.Check(r.Context(), r.Header.Get("Authorization")); err != nil {
			return &httpserver.Refusal{Status: http.StatusUnauthorized, Reason: err.Error()}
		}
	}
	if r.Method != http.MethodPost {
		return errors.New("invalid HTTP method, records are sent with POST")
	}
	kind, err := contentType(r)
	if err != nil {
		return err
	}
	body, err := in.server.Body(w, r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return errors.New("no payload found")
	}
	records, err := parse(kind, body)
	if err != nil {
		return err
	}
	return in.answers.Deliver(r.Context(), in.to, in.batches(r, records)...)
}

// batches sorts records by their tags.
func (in *input) batches(r *http.Request, records []event.Value) []*event.Batch {
	own := tag(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if own == "" {
		own = in.env.Tag
	}
	remote := in.remote(r)
	key, value := accessor.Key(in.remoteKey), event.AppendStr(nil, remote)
	now := event.Now()
	var all []*event.Batch
	places := map[string]int{} // in all, by tag: a client may name as many as it sends records
	var scratch []byte
	for _, body := range records {
		t := own
		if in.tagKey != nil {
			if v := in.tagKey.Get(body); v.Type() == event.TypeStr && len(v.Str()) > 0 {
				t = tag(string(v.Str()))
			}
		}
		if remote != "" && body.Get(in.remoteKey) == nil {
			scratch, _ = key.AppendSet(scratch[:0], body, value)
			body = scratch
		}
		i, known := places[t]
		if !known {
			i = len(all)
			places[t] = i
			all = append(all, event.New(t))
		}
		all[i].Append(now, nil, body)
	}
	return all
}

// Replays implements [plugin.Replayer]: a client that waits and is not answered sends again.
func (in *input) Replays() bool { return in.answers != httpserver.ForRoom }
