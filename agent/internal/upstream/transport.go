package upstream

import (
	"context"
	"net"
	"net/http"
	"net/url"
)

// Transport returns what net/http needs to send requests to this server, over HTTP/1.1. With a proxy,
// requests go to that: as they are, or through a tunnel when the server speaks TLS.
func (u *Upstream) Transport(proxy *url.URL) (*http.Transport, error) {
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
			return u.dial(ctx, u.place(address), nil)
		},
	}
	t.Protocols.SetHTTP1(true)
	if u.tls != nil {
		t.DialTLSContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			return u.dial(ctx, u.place(address), u.tls)
		}
	}
	if proxy == nil {
		return t, nil
	}
	t.Proxy = http.ProxyURL(proxy)
	if proxy.Scheme == "https" {
		secure, err := u.set.TLS.ProxyClient(proxy.Hostname(), u.log)
		if err != nil {
			return nil, err
		}
		// The library asks for the proxy by it, and sees to the server behind it by itself.
		t.DialTLSContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			return u.dial(ctx, address, secure)
		}
	}
	return t, nil
}

// place is where to connect for an address that net/http asks for.
func (u *Upstream) place(address string) string {
	if u.network == "unix" {
		return u.address
	}
	return address
}
