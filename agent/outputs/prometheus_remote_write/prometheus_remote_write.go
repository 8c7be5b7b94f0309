// Package prometheus_remote_write is the output prometheus_remote_write: it sends metrics to a server that
// takes Prometheus' remote write protocol.
package prometheus_remote_write

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/awsauth"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/httpclient"
	"github.com/fluent/fluent-bit-go/agent/internal/remotewrite"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output prometheus_remote_write.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "prometheus_remote_write",
	Summary: "Send metrics by Prometheus' remote write protocol",
	Kinds:   event.Metrics,
	Workers: 2,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type config struct {
	where     upstream.Settings
	client    httpclient.Settings
	labels    [][]string
	headers   [][]string
	user      string
	password  string
	compress  compression.Kind
	uri       string
	logAnswer bool
	aws       awsauth.Settings
}

func (c *config) Options() []option.Option {
	opts := append(c.where.Options(),
		option.WordLists("add_label", 1, &c.labels).Help("NAME VALUE: a label for all metrics that have none of that name. Can be given many times."),
		c.client.ProxyOption(),
		option.String("http_user", &c.user).Help("User for basic authentication."),
		option.String("http_passwd", &c.password).Secret().Help("Password for basic authentication."),
		option.Enum("compression", &c.compress, compression.Snappy, compression.Gzip).Default("snappy").Help("How the body is compressed; the protocol asks for snappy."),
	)
	aws := c.aws.Options("aws_service")
	aws[1] = aws[1].Default("aps")
	opts = append(opts, aws...)
	return append(opts,
		option.WordLists("header", 1, &c.headers).Help("A header to send: its name, then its value. Can be given many times."),
		option.String("uri", &c.uri).Help("Path of the request, with a query if need be; / unless set. Prometheus takes /api/v1/write."),
		option.Switch("log_response_payload", &c.logAnswer).Default("true").Help("Log what the server says beside its status."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.where.Default(80)
	c.where.Net.CountIn(env.Metrics)
	c.client.ResponseTimeout = time.Minute
	at := func(key string) option.Pos { v, _ := option.Lookup(env.Properties, key); return v.Pos }
	if !strings.HasPrefix(c.uri, "/") {
		c.uri = "/" + c.uri
	}
	if err := httpclient.CheckURI(c.uri); err != nil {
		return nil, &option.Error{Pos: at("uri"), Msg: "uri: " + err.Error(), Cure: "escape what has no place in it as %XX"}
	}
	o := &output{config: *c, env: env}
	for _, l := range c.labels {
		if len(l) != 2 {
			return nil, &option.Error{Pos: at("add_label"), Msg: fmt.Sprintf("add_label: '%s' has no value", l[0]), Cure: "write a name, a blank and the value"}
		}
		o.add = append(o.add, metric.L(l[0], l[1]))
	}
	var err error
	if o.header, err = httpclient.Header(c.headers); err != nil {
		return nil, &option.Error{Pos: at("header"), Msg: err.Error(), Cure: "write a name and a value, such as: header X-Name some value"}
	}
	return o, errors.Join(c.where.Check(), c.aws.Check())
}

type output struct {
	config
	env    plugin.Env
	add    []metric.Label
	header http.Header
	http   *httpclient.Client
	signer *awsauth.Signer // nil without aws_auth
}

// Start reads the files that TLS needs. It does not connect: a server may be down for now.
func (o *output) Start(context.Context) (err error) {
	if o.aws.On {
		o.signer = o.aws.New()
	}
	o.http, err = httpclient.New(o.where, o.client, o.env.Log)
	return err
}

func (o *output) Close() error {
	if o.http != nil {
		o.http.Close()
	}
	return nil
}

// Flush sends all sets of a chunk as one request.
func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	var body []byte
	for s, err := range metric.All(c.Bytes()) {
		if err != nil {
			return plugin.Drop(fmt.Errorf("chunk of %d bytes: %w", len(c.Bytes()), err))
		}
		body = remotewrite.Append(body, s, o.add)
	}
	if len(body) == 0 {
		return nil
	}
	a, err := o.post(ctx, compression.Append(nil, o.compress, body), false)
	if err != nil {
		return err
	}
	return httpclient.Verdict(o.http.String(), a, o.logAnswer)
}

// post sends one request; when the server refuses what it was signed with, once more with new credentials.
func (o *output) post(ctx context.Context, body []byte, again bool) (*httpclient.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.http.URL(o.uri), bytes.NewReader(body))
	if err != nil {
		return nil, plugin.Drop(err)
	}
	req.Header.Set("User-Agent", "Fluent-Bit")
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", string(o.compress))
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	if o.user != "" {
		req.SetBasicAuth(o.user, o.password)
	}
	for name, values := range o.header {
		req.Header[name] = values
	}
	if o.signer == nil {
		return o.http.Do(req)
	}
	if err := o.signer.Sign(ctx, req, body); err != nil {
		return nil, err
	}
	a, err := o.http.Do(req)
	if err != nil || again || a.Status != http.StatusUnauthorized && a.Status != http.StatusForbidden {
		return a, err
	}
	o.signer.Forget()
	return o.post(ctx, body, true)
}
