package upstream

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
)

// A proxy that lets tunnels through to any port of this machine, if they know the password.
func proxy(t *testing.T) (address string, tunnels *atomic.Int32) {
	t.Helper()
	tunnels = new(atomic.Int32)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dTpw" {
			http.Error(w, "who are you?", http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		tunnels.Add(1)
		from, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, rw); to.Close() }()
		_, _ = io.Copy(from, to)
		from.Close()
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String(), tunnels
}

func TestTheEnvironmentsProxyIsTunnelledThrough(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "server", "127.0.0.1")
	s := serve(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	address, tunnels := proxy(t)
	t.Setenv("HTTP_PROXY", "http://u:p@"+address)
	t.Setenv("NO_PROXY", "")
	check := func(want int32, pairs ...string) {
		t.Helper()
		c, err := open(t, settings(t, append(pairs, "port", s.port(), "tls", "on", "tls.ca_file", a.File, "tls.verify_hostname", "on")...)).Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		echo(t, c, "through")
		if got := tunnels.Swap(0); got != want {
			t.Errorf("%v: %d tunnels, want %d", pairs, got, want)
		}
	}
	check(1)
	check(0, "net.proxy_env_ignore", "true")
	t.Setenv("NO_PROXY", "example.org, 127.0.0.0/8")
	check(0)
	t.Setenv("NO_PROXY", "")
	t.Setenv("HTTP_PROXY", "http://"+address)
	if _, err := open(t, settings(t, "port", s.port())).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "407") {
		t.Error(err)
	}
}

func TestHostsOfNoProxyAreReachedDirectly(t *testing.T) {
	f := func(host, list string, want bool) {
		t.Helper()
		if got := bypassed(host, list); got != want {
			t.Errorf("%s in %q: %v", host, list, got)
		}
	}
	f("a.example", "", false)
	f("a.example", "*", true)
	f("a.example", "example", true)
	f("a.example", "b.example, .example", true)
	f("anexample", "example", false)
	f("10.1.2.3", "10.0.0.0/8", true)
	f("11.1.2.3", "10.0.0.0/8", false)
	f("A.Example.", "a.example:80", true)
}
