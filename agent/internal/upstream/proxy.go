package upstream

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// envProxy is the proxy that the environment names for this server, as Fluent Bit understands it: one
// variable for all protocols, and a tunnel for all of them.
func (s *Settings) envProxy() (*url.URL, error) {
	if s.Net.IgnoreProxyEnv {
		return nil, nil
	}
	text := firstOf(os.Getenv("HTTP_PROXY"), os.Getenv("http_proxy"))
	if text == "" || bypassed(s.Host, firstOf(os.Getenv("NO_PROXY"), os.Getenv("no_proxy"))) {
		return nil, nil
	}
	u, err := ParseProxy(text)
	if err != nil {
		return nil, fmt.Errorf("the environment variable HTTP_PROXY %w", err)
	}
	return u, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ParseProxy reads http://[user:password@]host[:port], or the same with https.
func ParseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("is no proxy (http://host:port or https://host:port)")
	}
	return u, nil
}

// bypassed reports whether a host is in the list of NO_PROXY: names, which stand for what lies below them
// too, addresses and networks, or *.
func bypassed(host, list string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, ipErr := netip.ParseAddr(host)
	for item := range strings.SplitSeq(strings.ToLower(list), ",") {
		item = strings.TrimSpace(item)
		if h, _, err := net.SplitHostPort(item); err == nil {
			item = h
		}
		if network, err := netip.ParsePrefix(item); err == nil && ipErr == nil && network.Contains(ip) {
			return true
		}
		name := strings.TrimPrefix(item, ".")
		if item == "*" || name != "" && (host == name || strings.HasSuffix(host, "."+name)) {
			return true
		}
	}
	return false
}

func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// tunnel asks a proxy for a connection to address.
func tunnel(ctx context.Context, conn net.Conn, proxy *url.URL, address string) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{"User-Agent": {"Fluent-Bit"}}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(sparing{conn}), req)
	if err != nil {
		return fmt.Errorf("it does not answer: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it refuses a connection to %s: %s", address, resp.Status)
	}
	return nil
}

// sparing reads one byte at a time, so that none of what the server says behind the proxy's answer is taken.
type sparing struct{ io.Reader }

func (s sparing) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(1, len(p))]) }
