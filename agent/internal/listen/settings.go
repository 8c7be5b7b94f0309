// Package listen is the server side of the network: the shared settings listen, port, net.* and tls.*, and
// what follows from them, which is accepting connections and handing sockets over on a reload.
package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/tlsoption"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
)

// Settings say where to listen and how.
type Settings struct {
	Listen        string
	Port          int
	Unix          string      // a socket's path instead of the two
	UnixMode      fs.FileMode // of that socket; 0 for what the umask makes
	TLS           tlsoption.Settings
	SharePort     bool
	Backlog       int
	IOTimeout     time.Duration
	AcceptTimeout time.Duration
	LogTimeout    bool
	Keepalive     bool

	Refused *metric.Counter // counts connections that are refused or closed for a fault; may be nil

	host string // for compatibility
}

// Options returns the whole block for a server over TCP.
func (s *Settings) Options() []option.Option {
	return append(append(s.Place(), s.TLS.Options()...), s.Net()...)
}

// Place returns listen, host and port.
func (s *Settings) Place() []option.Option {
	return []option.Option{
		option.String("listen", &s.Listen).Default("0.0.0.0").Help("Address of this machine to listen on."),
		option.String("host", &s.host).Default("localhost").Help("Taken for compatibility; listen is what counts."),
		option.Var("port", "integer", &s.Port, option.Between(option.ParseInt, 0, 65535)).Default("0").Help("Port to listen on; 0 for the usual one."),
	}
}

// Net returns the block net.* of servers.
func (s *Settings) Net() []option.Option {
	return []option.Option{
		option.Switch("net.share_port", &s.SharePort).Default("false").Help("Let other processes listen on the same port; the system spreads the connections."),
		option.Var("net.backlog", "integer", &s.Backlog, option.AtLeast(option.ParseInt, 1)).Default("128").Help("How many connections may wait to be accepted."),
		option.Duration("net.io_timeout", &s.IOTimeout).Default("0s").Help("Close a connection on which nothing moves for this long; 0 for no limit."),
		option.Duration("net.accept_timeout", &s.AcceptTimeout).Default("10s").Help("How long a new connection may take for its handshake."),
		option.Switch("net.accept_timeout_log_error", &s.LogTimeout).Default("true").Help("off: log at debug level that a handshake took too long."),
		option.Switch("net.keepalive", &s.Keepalive).Default("true").Help("off: close a connection after its first request, for protocols that have requests."),
	}
}

// UnixOption binds a setting that holds a socket's permissions in octal.
func UnixOption(name string, mode *fs.FileMode) option.Option {
	return option.Var(name, "string", mode, func(s string) (fs.FileMode, error) {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o777 {
			return 0, errors.New("is no file mode in octal, such as 0644")
		}
		return fs.FileMode(n), nil
	})
}

// CountIn has the listener count among an instance's metrics.
func (s *Settings) CountIn(r *metric.Registry) {
	s.Refused = r.Counter("connections_refused_total", "Connections that were refused, or closed for what came over them")
}

// Default fills in what was not configured.
func (s *Settings) Default(port int) {
	if s.Port == 0 {
		s.Port = port
	}
}

// Check finds settings that cannot work, without touching anything.
func (s *Settings) Check() error { return s.TLS.CheckServer() }

// Address is where to listen, as one text.
func (s *Settings) Address() string {
	if s.Unix != "" {
		return s.Unix
	}
	return net.JoinHostPort(s.Listen, strconv.Itoa(s.Port))
}

func (s *Settings) failed(err error) error {
	return fmt.Errorf("cannot listen on %s: %w", s.Address(), err)
}
