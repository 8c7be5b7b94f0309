// Package prometheus_scrape is the input prometheus_scrape: it fetches metrics from a server that shows them in
// Prometheus' text format.
package prometheus_scrape

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/httpclient"
	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input prometheus_scrape.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "prometheus_scrape",
	Summary: "Metrics fetched from a server in Prometheus' text format",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const (
	defaultPort = 9100
	leastTime   = 5 * time.Second // for an answer, however short the interval
)

type config struct {
	where    upstream.Settings
	listen   string
	interval time.Duration
	limit    int64
	path     string
	user     string
	password string
	token    string
}

func (c *config) Options() []option.Option {
	opts := append([]option.Option{
		option.String("listen", &c.listen).Default("0.0.0.0").Help("Taken for compatibility: nothing is listened on."),
		option.String("host", &c.where.Host).Default("localhost").Help("Name or address of the server."),
		option.Var("port", "integer", &c.where.Port, option.Between(option.ParseInt, 0, 65535)).Default("0").Help("Port of the server; 0 for 9100."),
		option.Duration("scrape_interval", &c.interval).Default("10s").Help("How long to wait between two requests."),
		option.Size("buffer_max_size", &c.limit).Default("10M").Help("How large an answer may be; a larger one is refused."),
		option.String("metrics_path", &c.path).Default("/metrics").Help("Path of the request, with a query if need be."),
		option.String("http_user", &c.user).Help("User for basic authentication."),
		option.String("http_passwd", &c.password).Secret().Help("Password for basic authentication."),
		option.String("bearer_token", &c.token).Secret().Help("Token for bearer authentication, when there is no http_user."),
	}, c.where.TLS.Options()...)
	return append(opts, c.where.Net.Options()...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(defaultPort)
	c.where.Net.CountIn(env.Metrics)
	if c.interval <= 0 {
		c.interval = 10 * time.Second
	}
	if !strings.HasPrefix(c.path, "/") {
		c.path = "/" + c.path
	}
	if err := httpclient.CheckURI(c.path); err != nil {
		v, _ := option.Lookup(env.Properties, "metrics_path")
		return nil, &option.Error{Pos: v.Pos, Msg: "metrics_path: " + err.Error(), Cure: "escape what has no place in it as %XX"}
	}
	if c.limit < 1 {
		v, _ := option.Lookup(env.Properties, "buffer_max_size")
		return nil, &option.Error{Pos: v.Pos, Msg: "buffer_max_size must be more than 0"}
	}
	return &input{config: *c, env: env}, c.where.Check()
}

type input struct {
	config
	env  plugin.Env
	http *httpclient.Client
	said string // what the log has heard last
}

// Start reads the files that TLS needs. It does not connect: a server may be down for now.
func (in *input) Start(context.Context) (err error) {
	in.http, err = httpclient.New(in.where, httpclient.Settings{ResponseTimeout: max(in.interval, leastTime), Keep: in.limit + 1}, in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.http != nil {
		in.http.Close()
	}
	return nil
}

// Run implements [plugin.Input].
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return plugin.Every(ctx, in.interval, func() error {
		set, err := in.scrape(ctx)
		if ctx.Err() != nil {
			return nil
		}
		in.complain(err)
		if set.Len() == 0 {
			return nil
		}
		return to.Emit(ctx, event.Payload(in.env.Tag, event.Metrics, metric.Append(nil, &set)))
	})
}

// scrape fetches one page. What is malformed in it is an error, and the set holds the rest.
func (in *input) scrape(ctx context.Context) (metric.Set, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, in.http.URL(in.path), nil)
	if err != nil {
		return metric.Set{}, err
	}
	req.Header.Set("User-Agent", "Fluent-Bit")
	req.Header.Set("Accept", "text/plain; version=0.0.4")
	switch {
	case in.user != "":
		req.SetBasicAuth(in.user, in.password)
	case in.token != "":
		req.Header.Set("Authorization", "Bearer "+in.token)
	}
	a, err := in.http.Do(req)
	if err != nil {
		return metric.Set{}, err
	}
	switch {
	case a.Status != http.StatusOK:
		return metric.Set{}, fmt.Errorf("%s: HTTP status=%d %s", in.path, a.Status, http.StatusText(a.Status))
	case int64(len(a.Body)) > in.limit:
		return metric.Set{}, fmt.Errorf("%s: the answer is larger than buffer_max_size of %d bytes; raise that", in.path, in.limit)
	}
	set, err := promtext.Parse(a.Body, time.Now().UnixNano())
	if err == nil && set.Len() == 0 {
		err = errors.New("the answer holds no metric")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", in.path, err)
	}
	return set, err
}

// complain logs what is wrong, once until something else is.
func (in *input) complain(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == in.said {
		return
	}
	in.said = text
	if err == nil {
		in.env.Log.Info(in.where.Address() + " is in order again")
		return
	}
	in.env.Log.Warn(text)
}
