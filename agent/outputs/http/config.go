package http

import (
	"errors"
	"net/http"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/awsauth"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/gelf"
	"github.com/fluent/fluent-bit-go/agent/internal/httpclient"
	"github.com/fluent/fluent-bit-go/agent/internal/oauth2"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const formatGELF format.Format = "gelf"

type config struct {
	where   upstream.Settings
	client  httpclient.Settings
	oauth   oauth2.Settings
	records format.Records
	gelf    gelf.Keys

	duplicates bool
	logAnswer  bool
	user       string
	password   string
	headerTag  string
	compress   compression.Kind
	headers    [][]string
	uri        string
	method     string
	bodyKey    *accessor.Accessor
	headersKey *accessor.Accessor
	aws        awsauth.Settings
}

func (c *config) Options() []option.Option {
	c.records.Format = format.JSON
	opts := c.where.Options()
	opts = append(opts,
		c.client.ProxyOption(),
		option.Switch("allow_duplicated_headers", &c.duplicates).Default("true").Help("off: of headers with one name only the last is sent."),
		option.Switch("log_response_payload", &c.logAnswer).Default("true").Help("Log what the server says beside its status."),
	)
	opts = append(opts, c.client.Options()...)
	opts = append(opts,
		option.String("http_user", &c.user).Help("User for basic authentication."),
		option.String("http_passwd", &c.password).Secret().Help("Password for basic authentication."),
	)
	opts = append(opts, c.oauth.Options()...)
	opts = append(opts, c.aws.Options("aws_service")...)
	opts = append(opts,
		option.String("header_tag", &c.headerTag).Help("Name of a header that carries the tag."),
		c.records.FormatOption(format.MsgPack, format.JSON, format.JSONLines, format.JSONStream, formatGELF).Default("json"),
		c.records.DateFormatOption(),
		c.records.DateKeyOption(),
		option.Enum("compress", &c.compress, compression.Gzip, compression.Snappy, compression.Zstd).Help("Compress the body."),
		option.WordLists("header", 1, &c.headers).Help("A header to send: its name, then its value."),
		option.String("uri", &c.uri).Help("Path of the request, with a query if need be; / unless set."),
		option.Enum("http_method", &c.method, http.MethodPost, http.MethodPut).Default("POST").Help("Method of the request."),
	)
	opts = append(opts, c.gelf.Options()...)
	return append(opts,
		key("body_key", &c.bodyKey).Help("Send each record on its own: the text under this key, as it is, with the headers under headers_key."),
		key("headers_key", &c.headersKey).Help("Where a record keeps its headers, a map of texts."),
	)
}

func key(name string, p **accessor.Accessor) option.Option {
	return option.Var(name, "string", p, accessor.CompileKey)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.where.Default(80)
	c.where.Net.CountIn(env.Metrics)
	c.records.Style = env.JSON
	switch {
	case c.aws.On && c.oauth.Enable:
		return nil, errors.New("aws_auth and oauth2.enable both want the header Authorization; use one of them")
	case (c.bodyKey == nil) != (c.headersKey == nil):
		return nil, errors.New("body_key and headers_key belong together; set both or none")
	}
	for _, h := range c.headers {
		if err := httpclient.CheckHeader(h[0], value(h)); err != nil {
			return nil, fault(env, "header", err.Error(), "write a name and a value, such as: header X-Name some value")
		}
	}
	if err := errors.Join(c.where.Check(), c.oauth.Check(), c.aws.Check()); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(c.uri, "/") {
		c.uri = "/" + c.uri
	}
	if err := httpclient.CheckURI(c.uri); err != nil {
		return nil, fault(env, "uri", "uri: "+err.Error(), "escape what has no place in it as %XX")
	}
	return &output{config: *c, env: env, sent: progress{}}, nil
}

// value is what follows the name of a configured header.
func value(header []string) string { return strings.Join(header[1:], " ") }

// fault is an error at the place where key was configured.
func fault(env plugin.Env, key, msg, cure string) error {
	v, _ := option.Lookup(env.Properties, key)
	return &option.Error{Pos: v.Pos, Msg: msg, Cure: cure}
}
