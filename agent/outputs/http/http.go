// Package http is the output http: it sends records to a web server.
//
// A chunk is one request, or, with body_key, each record is one. Statuses 200 to 205 mean that the server has
// it. What the server refuses for good (4xx but 408 and 429) is dropped; all else is tried again.
package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/awsauth"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/httpclient"
	"github.com/fluent/fluent-bit-go/agent/internal/oauth2"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output http.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "http",
	Summary: "Send records to an HTTP server",
	Kinds:   event.Logs,
	Workers: 2,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type output struct {
	config
	env    plugin.Env
	http   *httpclient.Client
	tokens *oauth2.Source  // nil without OAuth2
	signer *awsauth.Signer // nil without aws_auth
	sent   progress
}

// Start reads the files that TLS and OAuth2 need. It does not connect: a server may be down for now.
func (o *output) Start(context.Context) (err error) {
	if o.http, err = httpclient.New(o.where, o.client, o.env.Log); err != nil {
		return err
	}
	if o.aws.On {
		o.signer = o.aws.New()
	}
	if o.oauth.Enable {
		o.tokens, err = o.oauth.New(o.where, o.client.ResponseTimeout, o.env.Log)
	}
	return err
}

func (o *output) Close() error {
	if o.http != nil {
		o.http.Close()
	}
	if o.tokens != nil {
		o.tokens.Close()
	}
	return nil
}

var contentTypes = map[format.Format]string{
	format.JSON: "application/json", format.JSONStream: "application/json", formatGELF: "application/json",
	format.JSONLines: "application/x-ndjson", format.MsgPack: "application/msgpack",
}

func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	if o.bodyKey != nil {
		return o.flushEach(ctx, c)
	}
	h := header{"Content-Type": {contentTypes[o.records.Format]}}
	if o.records.Format == formatGELF {
		return o.flushGELF(ctx, c, h)
	}
	body := c.Bytes()
	if o.records.Format != format.MsgPack {
		body = o.records.AppendChunk(make([]byte, 0, 2*len(body)), c)
	}
	return o.send(ctx, c.Tag, body, h)
}

// flushGELF leaves out records that GELF has no form for: they would fail in the same way for ever.
func (o *output) flushGELF(ctx context.Context, c *event.Chunk, h header) error {
	var body []byte
	var bad []int
	var why error
	i := 0
	for r := range c.Records() {
		out, err := o.gelf.Append(body, r, o.records.Style)
		if err != nil {
			bad, why = append(bad, i), err
		} else {
			body = append(out, '\n')
		}
		i++
	}
	if len(body) == 0 {
		return plugin.Drop(why)
	}
	if err := o.send(ctx, c.Tag, body, h); err != nil {
		return err
	}
	return plugin.Reject(why, bad...)
}

// flushEach sends each record on its own. When one has to be tried again, those before it are not.
func (o *output) flushEach(ctx context.Context, c *event.Chunk) error {
	p := o.sent.of(c.ID)
	i := -1
	for r := range c.Records() {
		if i++; i < p.done {
			continue
		}
		err := errNoParts
		if body, h, ok := o.parts(r); ok {
			err = o.send(ctx, c.Tag, body, h)
		}
		if err != nil && !plugin.Dropped(err) && err != errNoParts {
			o.sent.note(c.ID, p)
			return err
		}
		if p.done = i + 1; err != nil {
			p.rejected, p.why = append(p.rejected, i), err
		}
	}
	o.sent.forget(c.ID)
	if len(p.rejected) == c.Len() {
		return plugin.Drop(p.why)
	}
	return plugin.Reject(p.why, p.rejected...)
}

var errNoParts = errors.New("the record lacks a text under body_key or a map under headers_key")

func (o *output) parts(r *event.Record) (body []byte, h header, ok bool) {
	v := o.bodyKey.Get(r.Body())
	switch v.Type() {
	case event.TypeStr:
		body = v.Str()
	case event.TypeBin:
		body = v.Bin()
	default:
		return nil, nil, false
	}
	m := o.headersKey.Get(r.Body())
	if m.Type() != event.TypeMap {
		return nil, nil, false
	}
	h = header{}
	for k, v := range m.Pairs() {
		name, val := string(k.Str()), v.Str()
		// What comes from a record must not become a second header, or a second request.
		if v.Type() == event.TypeStr && httpclient.CheckHeader(name, string(val)) == nil {
			h.add(name, string(val), o.duplicates)
		}
	}
	return body, h, true
}

// header keeps names as they are written, which some servers look at.
type header map[string][]string

func (h header) add(name, value string, duplicates bool) {
	for other := range h {
		if strings.EqualFold(other, name) {
			if duplicates {
				h[other] = append(h[other], value)
			} else {
				delete(h, other)
				h[name] = []string{value}
			}
			return
		}
	}
	h[name] = []string{value}
}

// single sees to headers of which there can be only one. Those that say where the request ends are not for records
// to set: what a record's text goes on with would be a request of its own.
func (h header) single(req *http.Request) {
	agent := "Fluent-Bit"
	for name, values := range h {
		switch last := values[len(values)-1]; textproto.CanonicalMIMEHeaderKey(name) {
		case "Host":
			req.Host = last
			delete(h, name)
		case "User-Agent":
			agent = last
			delete(h, name)
		case "Content-Length", "Transfer-Encoding", "Trailer":
			delete(h, name)
		}
	}
	h["User-Agent"] = []string{agent}
}

func (o *output) send(ctx context.Context, tag string, body []byte, h header) error {
	if o.compress != compression.None {
		body = compression.Append(nil, o.compress, body)
	}
	a, err := o.post(ctx, tag, body, h)
	if err != nil {
		return err
	}
	err = httpclient.Verdict(o.http.String(), a, o.logAnswer)
	if err == nil {
		text := fmt.Sprintf("%s, HTTP status=%d", o.http, a.Status)
		if o.logAnswer && len(a.Body) > 0 {
			text += "\n" + string(a.Body)
		}
		o.env.Log.Info(text)
	}
	return err
}

// post sends one request; with OAuth2 or AWS, once more with a new token or key when the server refuses the
// old one.
func (o *output) post(ctx context.Context, tag string, body []byte, h header) (*httpclient.Answer, error) {
	for again := false; ; again = true {
		req, err := o.request(ctx, tag, body, h)
		if err != nil {
			return nil, plugin.Drop(err)
		}
		forget, err := o.authorize(req, body)
		if err != nil {
			return nil, err
		}
		a, err := o.http.Do(req)
		if err != nil || again || forget == nil || a.Status != http.StatusUnauthorized && a.Status != http.StatusForbidden {
			return a, err
		}
		forget()
	}
}

// authorize proves who sends a request. forget throws away what was used for it; nil when there was nothing.
func (o *output) authorize(req *http.Request, body []byte) (forget func(), err error) {
	switch {
	case o.signer != nil:
		return o.signer.Forget, o.signer.Sign(req.Context(), req, body)
	case o.tokens != nil:
		token, err := o.tokens.Token(req.Context())
		req.Header["Authorization"] = []string{"Bearer " + token}
		return func() { o.tokens.Forget(token) }, err
	}
	return nil, nil
}

func (o *output) request(ctx context.Context, tag string, body []byte, h header) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, o.method, o.http.URL(o.uri), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	all := header{}
	for name, values := range h {
		all[name] = append([]string(nil), values...)
	}
	if o.headerTag != "" {
		all.add(o.headerTag, clean(tag), o.duplicates)
	}
	if o.compress != compression.None {
		all.add("Content-Encoding", string(o.compress), o.duplicates)
	}
	if o.user != "" {
		req.SetBasicAuth(o.user, o.password)
		all.add("Authorization", req.Header.Get("Authorization"), o.duplicates)
	}
	for _, configured := range o.headers {
		all.add(configured[0], value(configured), o.duplicates)
	}
	all.single(req)
	req.Header = http.Header(all)
	return req, nil
}

// clean makes a tag fit for a header: it may come from a client's URL or a file's name.
func clean(tag string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '_'
		}
		return c
	}, tag)
}
