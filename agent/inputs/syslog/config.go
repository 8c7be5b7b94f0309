package syslog

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/netinput"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const defaultPort = 5140

type mode string

const (
	unixUDP mode = "unix_udp"
	unixTCP mode = "unix_tcp"
	tcp     mode = "tcp"
	udp     mode = "udp"
)

// unix reports whether messages come through a unix socket.
func (m mode) unix() bool { return m == unixUDP || m == unixTCP }

// datagrams reports whether each message is a datagram.
func (m mode) datagrams() bool { return m == unixUDP || m == udp }

type framing string

const (
	newline framing = "newline"
	octets  framing = "octet_counting"
)

type config struct {
	where      listen.Settings
	mode       mode
	path       string
	perm       fs.FileMode
	chunkSize  int64
	maxSize    int64
	parserName string
	receive    int64
	rawKey     string
	sourceKey  string
	framing    framing
}

func (c *config) Options() []option.Option {
	return append(c.where.Options(),
		option.Enum("mode", &c.mode, unixUDP, unixTCP, tcp, udp).Help("Where messages come from; unix_udp unless set."),
		option.String("path", &c.path).Help("Path of the unix socket, for unix_udp and unix_tcp."),
		listen.UnixOption("unix_perm", &c.perm).Help("Permissions of that socket, in octal; 0644 unless set."),
		option.Size("buffer_chunk_size", &c.chunkSize).Default("32768").Help("How much is read at once."),
		option.Size("buffer_max_size", &c.maxSize).Help("How long a message may be; buffer_chunk_size unless it is more."),
		option.String("parser", &c.parserName).Help("Name of the parser; syslog-rfc5424 for tcp and udp and syslog-rfc3164-local for unix sockets unless set. It has to be defined in a parsers file."),
		option.Size("receive_buffer_size", &c.receive).Help("How much the system may hold of what was not read yet."),
		option.String("raw_message_key", &c.rawKey).Help("Keep the whole message as well, under this key."),
		option.String("source_address_key", &c.sourceKey).Help("Add the sender's address under this key."),
		option.Var("format", "string", &c.framing, parseFraming).Help("How messages are told apart on connections: by line ends (newline), or by their length in front (octet_counting, RFC 6587). newline unless set."),
	)
}

func parseFraming(s string) (framing, error) {
	switch strings.ToLower(s) {
	case "newline":
		return newline, nil
	case "octet_counting", "octet":
		return octets, nil
	}
	return "", errors.New("is neither newline nor octet_counting")
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.mode == "" {
		c.mode = unixUDP
	}
	if c.mode.unix() {
		if c.path == "" {
			return nil, fmt.Errorf("mode %s needs the path of the socket; set path, or mode tcp or udp", c.mode)
		}
		if c.where.Unix, c.where.UnixMode = c.path, c.perm; c.perm == 0 {
			c.where.UnixMode = 0o644
		}
	}
	if c.mode != tcp && c.where.TLS.On {
		return nil, fault(env, "tls", fmt.Sprintf("mode %s does not speak TLS", c.mode), "set mode tcp, or remove tls")
	}
	c.where.Default(defaultPort)
	c.where.CountIn(env.Metrics)
	if c.chunkSize < 64 {
		return nil, fault(env, "buffer_chunk_size", "buffer_chunk_size must be at least 64 bytes", "raise it")
	}
	c.maxSize = max(c.maxSize, c.chunkSize)
	if c.receive > 1<<30 {
		return nil, fault(env, "receive_buffer_size", "receive_buffer_size is more than 1G", "lower it")
	}
	if err := c.where.Check(); err != nil {
		return nil, err
	}
	p, err := c.parser(env)
	if err != nil {
		return nil, err
	}
	in := &input{config: *c, env: env, parser: p, bad: burst.Log{Counter: netinput.Malformed(env)}}
	if c.rawKey != "" {
		in.raw = accessor.Key(c.rawKey)
	}
	if c.sourceKey != "" {
		in.source = accessor.Key(c.sourceKey)
	}
	return in, nil
}

func (c *config) parser(env plugin.Env) (plugin.Parser, error) {
	name := c.parserName
	switch {
	case name != "":
	case c.mode.unix():
		name = "syslog-rfc3164-local"
	default:
		name = "syslog-rfc5424"
	}
	p, ok := env.Parser(name)
	if !ok {
		return nil, fault(env, "parser", fmt.Sprintf("parser: there is no parser '%s'", name), "define it, or name the file that does with parsers_file")
	}
	return p, nil
}

func fault(env plugin.Env, key, msg, cure string) error {
	v, _ := option.Lookup(env.Properties, key)
	return &option.Error{Pos: v.Pos, Msg: msg, Cure: cure}
}
