// Package webhook is an output that posts records to a URL as a JSON array, in requests of a bounded size.
//
// The receiver's answer decides: 2xx is delivered; 429 and 5xx, and no answer at all, are tried again; any
// other status means that a retry cannot help. A 207 may name records that were refused, as
// {"rejected": [{"index": 3, "error": "…"}]}; those alone are given up.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output webhook.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "webhook",
	Summary: "Post records to a URL as JSON",
	Workers: 2,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type config struct {
	url     *url.URL
	token   string
	timeout time.Duration
	batch   int
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Var("url", "string", &c.url, parseURL).Required().Help("Where records are posted to."),
		option.String("token", &c.token).Secret().Help("Sent as a bearer token."),
		option.Duration("timeout", &c.timeout).Default("10s").Help("How long one request may take."),
		option.Var("batch", "integer", &c.batch, option.Between(option.ParseInt, 1, 10000)).Default("500").
			Help("How many records one request holds at most."),
	}
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("is no URL such as https://logs.example.com/in")
	}
	return u, nil
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	return &output{
		config: *c, style: env.JSON,
		client: &http.Client{Timeout: c.timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 8}},
		posts:  env.Metrics.Counter("posts_total", "Requests that were answered."),
	}, nil
}

type output struct {
	config
	style  event.JSONStyle
	client *http.Client
	posts  *metric.Counter
}

// Close ends connections that are kept for later.
func (o *output) Close() error {
	o.client.CloseIdleConnections()
	return nil
}

// Flush posts a chunk in as many requests as it takes. When one fails the whole chunk comes again, so that
// the receiver may see records twice but never misses one.
func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	var body []byte
	var refused []int
	var why error
	first, n := 0, 0 // the request in hand begins with this record, and holds so many
	post := func() error {
		if n == 0 {
			return nil
		}
		bad, err := o.post(ctx, append(body, ']'))
		for _, r := range bad {
			if r.Index >= 0 && r.Index < n {
				refused = append(refused, first+r.Index)
				why = errors.New(r.Error)
			}
		}
		first, n = first+n, 0
		return err
	}
	for r := range c.Records() {
		if n == o.batch {
			if err := post(); err != nil {
				return err
			}
		}
		sep := byte(',')
		if n == 0 {
			body, sep = body[:0], '['
		}
		body = event.AppendJSON(append(body, sep), r.Body(), o.style)
		n++
	}
	if err := post(); err != nil {
		return err
	}
	return plugin.Reject(why, refused...)
}

type rejected struct {
	Index int    `json:"index"`
	Error string `json:"error"`
}

func (o *output) post(ctx context.Context, body []byte) ([]rejected, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, plugin.Drop(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if o.token != "" {
		req.Header.Set("Authorization", "Bearer "+o.token)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	o.posts.Inc()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	switch s := resp.StatusCode; {
	case s == http.StatusMultiStatus:
		var partial struct {
			Rejected []rejected `json:"rejected"`
		}
		if err := json.Unmarshal(answer, &partial); err != nil {
			return nil, fmt.Errorf("status 207 with an answer that is not understood: %w", err)
		}
		return partial.Rejected, nil
	case s < 300:
		return nil, nil
	case s == http.StatusTooManyRequests, s >= 500:
		return nil, fmt.Errorf("%s answers %s", o.url.Host, resp.Status)
	default:
		return nil, plugin.Drop(fmt.Errorf("%s answers %s: %s", o.url.Host, resp.Status, strings.TrimSpace(string(answer[:min(len(answer), 200)]))))
	}
}
