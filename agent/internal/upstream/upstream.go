// Package upstream is the client side of the network: the shared settings net.*, tls.*, host and port, and
// what follows from them, which is connecting, reusing connections, proxies and groups of servers.
package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/iotimeout"
)

// Upstream is one server and the connections to it. It is safe for several goroutines.
type Upstream struct {
	set      Settings
	log      *slog.Logger
	network  string // "tcp" or "unix"
	address  string
	proxy    *url.URL // a tunnel through it, nil for none
	dialer   net.Dialer
	resolver *net.Resolver
	tls      *tls.Config // nil: plain
	proxyTLS *tls.Config

	mu      sync.Mutex
	idle    []*Conn // the one used last stands last
	closed  bool
	leaving sync.WaitGroup // connections that wait for the other side's end
}

// New makes an upstream. It reads the files that TLS needs, so it belongs into Start.
func (s *Settings) New(log *slog.Logger) (*Upstream, error) {
	u := &Upstream{set: *s, log: log, network: "tcp", address: s.Address(), resolver: s.Net.resolver()}
	if s.Unix != "" {
		u.network, u.address = "unix", s.Unix
	}
	u.dialer.Resolver = u.resolver
	u.dialer.KeepAliveConfig = s.Net.probes()
	if s.Net.SourceAddress != "" && s.Unix == "" {
		ip, err := net.ResolveIPAddr("ip", s.Net.SourceAddress)
		if err != nil {
			return nil, fmt.Errorf("net.source_address: %w", err)
		}
		u.dialer.LocalAddr = &net.TCPAddr{IP: ip.IP, Zone: ip.Zone}
	}
	var err error
	if u.tls, err = s.TLS.Client(s.Host, log); err != nil {
		return nil, err
	}
	if s.Unix != "" {
		return u, nil
	}
	if u.proxy, err = s.envProxy(); err != nil {
		return nil, err
	}
	if u.proxy != nil && u.proxy.Scheme == "https" {
		u.proxyTLS, err = s.TLS.ProxyClient(u.proxy.Hostname(), log)
	}
	return u, err
}

// Address is host and port as one text.
func (s *Settings) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// String names the server in messages.
func (u *Upstream) String() string { return u.address }

// Dial opens a connection, TLS included, within net.connect_timeout.
func (u *Upstream) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := u.dial(ctx, u.address, u.tls)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", u.address, err)
	}
	return conn, nil
}

func (u *Upstream) dial(ctx context.Context, address string, secure *tls.Config) (net.Conn, error) {
	whole := ctx
	if t := u.set.Net.ConnectTimeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	conn, err := u.connect(ctx, address, secure)
	if err == nil {
		return u.track(conn), nil
	}
	if whole.Err() != nil {
		return nil, err // nobody wants it any more
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w of %v", errTimeout, u.set.Net.ConnectTimeout)
	}
	u.set.Net.meter.fail(err)
	return nil, err
}

var errTimeout = errors.New("no connection within net.connect_timeout")

func (u *Upstream) connect(ctx context.Context, address string, secure *tls.Config) (net.Conn, error) {
	conn, err := u.reach(ctx, address)
	if err == nil && secure != nil {
		conn, err = handshake(ctx, conn, secure)
	}
	if err != nil {
		return nil, err
	}
	return iotimeout.Wrap(context.Background(), conn, u.set.Net.IOTimeout), nil
}

func handshake(ctx context.Context, conn net.Conn, c *tls.Config) (net.Conn, error) {
	t := tls.Client(conn, c)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, kind{fmt.Errorf("handshake: %w", err), errTLS}
	}
	return t, nil
}

// reach opens the connection below TLS, through the proxy if there is one.
func (u *Upstream) reach(ctx context.Context, address string) (net.Conn, error) {
	if u.network == "unix" {
		return u.dialer.DialContext(ctx, "unix", address)
	}
	if u.proxy == nil {
		return u.dialTCP(ctx, address)
	}
	conn, err := u.dialTCP(ctx, hostPort(u.proxy))
	if err != nil {
		return nil, kind{fmt.Errorf("%s: %w", u.proxy.Redacted(), err), errProxy}
	}
	if u.proxyTLS != nil {
		if conn, err = handshake(ctx, conn, u.proxyTLS); err != nil {
			return nil, kind{fmt.Errorf("%s: %w", u.proxy.Redacted(), err), errProxy}
		}
	}
	if err := tunnel(ctx, conn, u.proxy, address); err != nil {
		conn.Close()
		return nil, kind{fmt.Errorf("%s: %w", u.proxy.Redacted(), err), errProxy}
	}
	return conn, nil
}

// dialTCP connects to one of the addresses that a name has, in the order that is preferred.
func (u *Upstream) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	prefer := u.set.Net.preference()
	if prefer == "" {
		return u.dialer.DialContext(ctx, "tcp", address) // fast path
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := u.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int {
		return cmp.Compare(other(a, prefer), other(b, prefer))
	})
	return u.dialInTurn(ctx, ips, port)
}

// other is 0 for the addresses to try first, 1 for the others.
func other(ip netip.Addr, prefer string) int {
	if ip.Unmap().Is4() == (prefer == "tcp4") {
		return 0
	}
	return 1
}

// dialInTurn connects to the first address that answers. Each gets its share of the time, so that one which says
// nothing leaves some to the next.
func (u *Upstream) dialInTurn(ctx context.Context, ips []netip.Addr, port string) (net.Conn, error) {
	var failed []error
	for i, ip := range ips {
		d := u.dialer
		if end, ok := ctx.Deadline(); ok {
			d.Timeout = time.Until(end) / time.Duration(len(ips)-i)
		}
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(ip.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// TLS reports whether connections are encrypted.
func (u *Upstream) TLS() bool { return u.tls != nil }

// DialPackets opens a socket for datagrams to the server. Nothing is sent yet.
func (u *Upstream) DialPackets(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Resolver: u.resolver, Timeout: u.set.Net.ConnectTimeout}
	if from, ok := u.dialer.LocalAddr.(*net.TCPAddr); ok {
		d.LocalAddr = &net.UDPAddr{IP: from.IP, Zone: from.Zone}
	}
	conn, err := d.DialContext(ctx, "udp", u.address)
	if err != nil {
		u.set.Net.meter.fail(err)
		return nil, fmt.Errorf("cannot reach %s: %w", u.address, err)
	}
	return conn, nil
}
