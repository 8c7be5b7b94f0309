package upstream

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/tlsoption"
	"github.com/fluent/fluent-bit-go/option"
)

// Settings say where the server is and how to talk to it.
type Settings struct {
	Host string
	Port int
	Unix string // a socket's path instead of the two
	TLS  tlsoption.Settings
	Net  Net
}

// Net are the settings net.* of a client.
type Net struct {
	DNSMode, DNSResolver     string
	PreferIPv4, PreferIPv6   bool
	Keepalive                bool
	IdleTimeout              time.Duration
	MaxRecycle               int
	Probes                   bool
	ProbeTime, ProbeInterval int
	ProbeCount               int
	IOTimeout                time.Duration
	ConnectTimeout           time.Duration
	SourceAddress            string
	IgnoreProxyEnv           bool

	meter *meter // nil: nothing is counted

	// For compatibility:
	maxWorkerConnections int
	logTimeout           bool
}

// Options returns host, port, tls.* and net.*; host and port are what Default makes them unless set.
func (s *Settings) Options() []option.Option {
	return append(append(s.Place(), s.TLS.Options()...), s.Net.Options()...)
}

// Place returns the options host and port.
func (s *Settings) Place() []option.Option {
	return []option.Option{
		option.String("host", &s.Host).Help("Name or address of the server; 127.0.0.1 unless set."),
		option.Var("port", "integer", &s.Port, option.Between(option.ParseInt, 0, 65535)).Default("0").Help("Port of the server; 0 for the usual one."),
	}
}

// Default fills in what was not configured.
func (s *Settings) Default(port int) {
	if s.Host == "" {
		s.Host = "127.0.0.1"
	}
	if s.Port == 0 {
		s.Port = port
	}
}

// Options returns the block net.* of clients.
func (n *Net) Options() []option.Option {
	probe := func(name string, p *int) option.Option {
		return option.Var(name, "integer", p, option.AtLeast(option.ParseInt, -1)).Default("-1")
	}
	return []option.Option{
		option.Enum("net.dns.mode", &n.DNSMode, "UDP", "TCP").Help("How name servers are asked first. Either needs Fluent Bit's own resolver, so net.dns.resolver is ASYNC then."),
		option.Enum("net.dns.resolver", &n.DNSResolver, "LEGACY", "ASYNC").Help("Who resolves names: the system's library (LEGACY) or the agent itself (ASYNC). Whichever fits the system unless set."),
		option.Switch("net.dns.prefer_ipv4", &n.PreferIPv4).Default("false").Help("Try a name's IPv4 addresses first."),
		option.Switch("net.dns.prefer_ipv6", &n.PreferIPv6).Default("false").Help("Try a name's IPv6 addresses first."),
		option.Switch("net.keepalive", &n.Keepalive).Default("true").Help("Use a connection for more than one request."),
		option.Duration("net.keepalive_idle_timeout", &n.IdleTimeout).Default("30s").Help("Close a connection that was not used for this long."),
		option.Var("net.keepalive_max_recycle", "integer", &n.MaxRecycle, option.AtLeast(option.ParseInt, 0)).Default("2000").Help("Close a connection after it was used so often; 0 for no limit."),
		option.Switch("net.tcp_keepalive", &n.Probes).Default("off").Help("Have the system probe idle connections as the next three settings say; otherwise it does so every 15 seconds."),
		probe("net.tcp_keepalive_time", &n.ProbeTime).Help("Seconds without traffic before the first probe; -1 for the system's choice."),
		probe("net.tcp_keepalive_interval", &n.ProbeInterval).Help("Seconds between probes; -1 for the system's choice."),
		probe("net.tcp_keepalive_probes", &n.ProbeCount).Help("How many unanswered probes end a connection; -1 for the system's choice."),
		option.Duration("net.io_timeout", &n.IOTimeout).Default("0s").Help("How long a read or write may take until the connection is given up; 0 for no limit."),
		option.Duration("net.connect_timeout", &n.ConnectTimeout).Default("10s").Help("How long connecting may take, the handshake of TLS included; 0 for no limit."),
		option.Switch("net.connect_timeout_log_error", &n.logTimeout).Default("true").Help("Taken for compatibility: of failures in a row the first is logged, and then how many there were."),
		option.String("net.source_address", &n.SourceAddress).Help("Address of this machine to connect from."),
		option.Var("net.max_worker_connections", "integer", &n.maxWorkerConnections, option.AtLeast(option.ParseInt, 0)).Default("0").Help("Taken for compatibility: a worker never uses more than one connection at a time."),
		option.Switch("net.proxy_env_ignore", &n.IgnoreProxyEnv).Default("false").Help("Do not use the proxy that the environment variable HTTP_PROXY names."),
	}
}

func (n *Net) probes() net.KeepAliveConfig {
	if !n.Probes {
		return net.KeepAliveConfig{} // a peer that vanished without a word is found out anyhow
	}
	seconds := func(v int) time.Duration {
		if v <= 0 {
			return -1 // the system's
		}
		return time.Duration(v) * time.Second
	}
	count := n.ProbeCount
	if count <= 0 {
		count = -1
	}
	return net.KeepAliveConfig{Enable: true, Idle: seconds(n.ProbeTime), Interval: seconds(n.ProbeInterval), Count: count}
}

func (n *Net) resolver() *net.Resolver {
	r := &net.Resolver{}
	if n.DNSResolver == "ASYNC" || n.DNSMode != "" {
		r.PreferGo = true
	}
	if n.DNSMode == "TCP" {
		r.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
	return r
}

// preference is the network to try first, "" for whichever answers first.
func (n *Net) preference() string {
	switch {
	case n.PreferIPv4:
		return "tcp4"
	case n.PreferIPv6:
		return "tcp6"
	}
	return ""
}

// Check finds settings that contradict each other, without touching anything.
func (s *Settings) Check() error {
	if s.Net.DNSMode != "" && s.Net.DNSResolver == "LEGACY" {
		return errors.New("net.dns.mode has no effect on the system's resolver; set net.dns.resolver to ASYNC or leave net.dns.mode out")
	}
	if strings.ContainsAny(s.Host, " \t/") {
		return errors.New("host: '" + s.Host + "' is no name of a host; give a name or an address without http:// and path")
	}
	return nil
}
