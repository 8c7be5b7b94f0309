package forward

import (
	"errors"
	"fmt"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const defaultPort = 24224

type config struct {
	where    upstream.Settings
	proto    protocol
	upstream option.Value
}

// protocol is how to talk to one server. The nodes of an upstream may differ in it.
type protocol struct {
	timeAsInteger bool
	keepMeta      bool
	keys          forward.Keys
	emptyKey      bool
	options       bool
	ack           bool
	unixPath      string
	tag           *accessor.Accessor // nil: the records' own
	compress      compression.Kind
	compat        bool
	extra         [][]string
}

func (c *config) Options() []option.Option {
	return append(append(c.where.Options(), c.proto.settings()...),
		option.Nested("upstream", "string", func(v option.Value) error { c.upstream = v; return nil }).Help("Name or file of an upstream: servers that take turns and stand in for each other. It replaces host and port."))
}

func (p *protocol) settings() []option.Option {
	return []option.Option{
		option.Switch("time_as_integer", &p.timeAsInteger).Default("false").Help("Send whole seconds, for Fluentd up to 0.12."),
		option.Switch("retain_metadata_in_forward_mode", &p.keepMeta).Default("true").Help("Send the metadata of records, which other receivers than Fluent Bit may not expect; off for [time, record], as it is with an upstream unless set."),
		option.String("shared_key", &p.keys.Shared).Secret().Help("Key that the server asks for."),
		option.String("self_hostname", &p.keys.Name).Help("Name of this host in the handshake; localhost unless set."),
		option.Switch("empty_shared_key", &p.emptyKey).Default("false").Help("Shake hands with an empty key."),
		option.Switch("send_options", &p.options).Default("false").Help("Send options: the number of records, the kind of signal."),
		option.Switch("require_ack_response", &p.ack).Default("false").Help("Wait until the server acknowledges a chunk, and send it again otherwise."),
		option.String("username", &p.keys.User).Help("User that the server asks for beside the key."),
		option.String("password", &p.keys.Password).Secret().Help("That user's password."),
		option.String("unix_path", &p.unixPath).Help("Path of a unix socket, instead of host and port."),
		option.Var("tag", "string", &p.tag, accessor.Compile).Help("Tag to send instead of the records' own. With record accessors of their keys each record is a message of its own."),
		option.Enum("compress", &p.compress, compression.Gzip, compression.Zstd, "text").Help("Compress the records: gzip, or zstd for servers that know it; text for not at all."),
		option.Switch("fluentd_compat", &p.compat).Default("false").Help("Send metrics and traces in a form that Fluentd takes as records."),
		option.WordLists("add_option", 2, &p.extra).Help("Another option to send: its name, then its value."),
	}
}

// check completes what was configured.
func (p *protocol) check() error {
	if p.keys.Name == "" {
		p.keys.Name = "localhost"
	}
	if p.compress == "text" {
		p.compress = compression.None
	}
	p.options = p.options || p.ack || p.compress != compression.None || len(p.extra) > 0
	switch {
	case !p.secure() && (p.keys.User != "" || p.keys.Password != ""):
		return errors.New("username and password without a shared_key: there is no handshake to send them in; set shared_key, or empty_shared_key on")
	case p.emptyKey && p.keys.Shared != "":
		return errors.New("shared_key and empty_shared_key contradict each other; remove one of them")
	case p.compress != compression.None && p.timeAsInteger:
		return errors.New("compress does not go with time_as_integer, whose servers know no compression")
	case p.compress != compression.None && p.eachRecord():
		return errors.New("compress does not go with a tag that differs from record to record")
	}
	return nil
}

func (p *protocol) secure() bool { return p.keys.Shared != "" || p.emptyKey }

// eachRecord reports whether the tag depends on the records.
func (p *protocol) eachRecord() bool { return p.tag != nil && !p.tag.OfTag() }

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.where.Default(defaultPort)
	c.where.Net.CountIn(env.Metrics)
	if c.upstream.Text == "" {
		c.where.Unix = c.proto.unixPath
		if err := errors.Join(c.where.Check(), c.proto.check()); err != nil {
			return nil, err
		}
		return &output{env: env, patience: c.where.Net.ConnectTimeout, servers: []server{{&c.where, c.proto}}}, nil
	}
	nodes, ok := env.Upstream(c.upstream.Text)
	if !ok || len(nodes) == 0 {
		return nil, &option.Error{Pos: c.upstream.Pos, Msg: fmt.Sprintf("upstream: there is no upstream '%s', or it has no nodes", c.upstream.Text), Cure: "define it, or name its file"}
	}
	if _, said := option.Lookup(env.Properties, "retain_metadata_in_forward_mode"); !said {
		c.proto.keepMeta = false // the C agent's default for upstreams, whose servers are Fluentd's more often than not
	}
	o := &output{env: env, patience: c.where.Net.ConnectTimeout}
	var errs []error
	for _, n := range nodes {
		s, err := node(n, c)
		errs = append(errs, err)
		o.servers = append(o.servers, s)
	}
	return o, errors.Join(errs...)
}

// node reads one server of an upstream. What it does not say about the protocol is what the output says.
func node(n plugin.Node, c *config) (server, error) {
	p := c.proto
	if _, own := option.Lookup(n.Properties, "add_option"); own {
		p.extra = nil
	}
	opts := p.settings()
	for i := range opts {
		opts[i].Fallback = ""
	}
	where, err := upstream.NodeSettings(n, c.where.Net, opts...)
	if err != nil {
		return server{}, err
	}
	if err := p.check(); err != nil {
		return server{}, &option.Error{Pos: n.Pos, Msg: fmt.Sprintf("node '%s': %v", n.Name, err)}
	}
	return server{where, p}, nil
}
