package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
)

// Transport returns what net/http needs to send requests to this server, over HTTP/1.1. With a proxy,
// requests go to that: as they are, or through a tunnel when the server speaks TLS.
func (u *Upstream) Transport(proxy *url.URL) *http.Transport {
	n := &u.set.Net
	t := &http.Transport{
		DisableCompression: true,
		DisableKeepAlives:  !n.Keepalive,
		IdleConnTimeout:    n.IdleTimeout,
		// Each worker has one; that they are more than two is what the library has to know.
		MaxIdleConnsPerHost: 1 << 10,
		TLSClientConfig:     u.tls,
		Protocols:           new(http.Protocols),
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return u.counted(u.dial(ctx, u.place(address), nil))
		},
	}
	t.Protocols.SetHTTP1(true)
	if u.tls != nil {
		t.DialTLSContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			return u.counted(u.dial(ctx, u.place(address), u.tls))
		}
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
		if proxy.Scheme == "https" {
			t.DialTLSContext = nil // the library asks for the proxy by it
		}
	}
	return t
}

// place is where to connect for an address that net/http asks for.
func (u *Upstream) place(address string) string {
	if u.network == "unix" {
		return u.address
	}
	return address
}

func (u *Upstream) counted(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	if t, ok := c.(*tls.Conn); ok {
		return &countedTLS{Conn: t}, nil
	}
	return &counted{Conn: c}, nil
}

// counted is a connection that knows how many requests it has carried.
type counted struct {
	net.Conn
	uses atomic.Int64
}

type countedTLS struct {
	*tls.Conn
	uses atomic.Int64
}

func (c *counted) Use() int64    { return c.uses.Add(1) }
func (c *countedTLS) Use() int64 { return c.uses.Add(1) }
