package upstream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

var quiet = slog.New(slog.DiscardHandler)

func props(pairs ...string) (list []option.Property) {
	for i := 0; i < len(pairs); i += 2 {
		pos := option.Pos{File: "t.conf", Line: i/2 + 1, Col: 1}
		list = append(list, option.Property{Key: pairs[i], Value: option.Value{Text: pairs[i+1], Pos: pos}, Pos: pos})
	}
	return list
}

func settings(t *testing.T, pairs ...string) *Settings {
	t.Helper()
	s := new(Settings)
	if err := option.Decode(s.Options(), props(pairs...), option.Pos{}); err != nil {
		t.Fatal(err)
	}
	s.Default(1)
	return s
}

func open(t *testing.T, s *Settings) *Upstream {
	t.Helper()
	u, err := s.New(quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

// server echoes lines and counts connections.
type server struct {
	addr  *net.TCPAddr
	conns atomic.Int32
	l     *listen.Listener
}

func serve(t *testing.T, pairs ...string) *server {
	t.Helper()
	var set listen.Settings
	if err := option.Decode(set.Options(), props(append([]string{"listen", "127.0.0.1"}, pairs...)...), option.Pos{}); err != nil {
		t.Fatal(err)
	}
	l, err := set.Open(quiet)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: l.Addr().(*net.TCPAddr), l: l}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- l.Serve(ctx, func(_ context.Context, c net.Conn) listen.After {
			s.conns.Add(1)
			_, _ = io.Copy(c, c)
			return listen.Close
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) port() string { return fmt.Sprint(s.addr.Port) }

func echo(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || got != text+"\n" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	check := func(want int32, pairs ...string) {
		t.Helper()
		s := serve(t)
		u := open(t, settings(t, append(pairs, "port", s.port())...))
		for range 4 {
			c, err := u.Get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			echo(t, c, "hello")
			c.Release()
		}
		if got := s.conns.Load(); got != want {
			t.Errorf("%v: %d connections, want %d", pairs, got, want)
		}
	}
	check(1)
	check(2, "net.keepalive_max_recycle", "2")
	check(4, "net.keepalive", "off")
}

func TestAConnectionThatTheServerClosedIsNotUsedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u := open(t, settings(t, "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port)))
	for range 2 {
		c, err := u.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
		peer.Close()
		for !waitFor(func() bool { return !u.idle[0].quiet() }) {
			t.Fatal("the end was not noticed")
		}
	}
}

func waitFor(cond func() bool) bool {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}

func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	s := serve(t)
	set := settings(t, "port", s.port())
	set.Net.IdleTimeout = time.Millisecond
	u := open(t, set)
	c, err := u.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	if !waitFor(func() bool { u.mu.Lock(); defer u.mu.Unlock(); return len(u.idle) == 0 }) {
		t.Error("still there")
	}
}

func TestTheEndOfTheContextInterrupts(t *testing.T) {
	s := serve(t)
	u := open(t, settings(t, "port", s.port()))
	ctx, cancel := context.WithCancel(t.Context())
	c, err := u.Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("read something")
	}
	c.Release()
	if len(u.idle) != 0 {
		t.Error("a broken connection was kept")
	}
}

func TestConnectingHasATimeLimitTLSIncluded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	set := settings(t, "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "tls", "on")
	set.Net.ConnectTimeout = 20 * time.Millisecond
	_, err = open(t, set).Get(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no connection within net.connect_timeout of 20ms") {
		t.Error(err)
	}
}

func TestReadingHasATimeLimit(t *testing.T) {
	s := serve(t)
	set := settings(t, "port", s.port())
	set.Net.IOTimeout = 20 * time.Millisecond
	c, err := open(t, set).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "nothing moved within net.io_timeout of 20ms") {
		t.Error(err)
	}
}

func TestServersAreVerifiedAsConfigured(t *testing.T) {
	a := certtest.New(t)
	other := certtest.New(t)
	crt, key := a.Issue(t, "server", "log.example")
	mine, mineKey := a.Issue(t, "client")
	foreign, foreignKey := other.Issue(t, "client")
	s := serve(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	strict := serve(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key, "tls.verify_client_cert", "on", "tls.ca_file", a.File)
	old := serve(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key, "tls.max_version", "TLSv1.2")
	check := func(s *server, want string, pairs ...string) {
		t.Helper()
		pairs = append(pairs, "tls", "on", "port", s.port())
		c, err := open(t, settings(t, pairs...)).Get(t.Context())
		if err == nil {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = c.Write([]byte("x"))
			_, err = c.Read(make([]byte, 1))
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%v: %v", pairs, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v: got %v, want …%s…", pairs, err, want)
		}
	}
	check(s, "", "tls.ca_file", a.File)
	check(s, "", "tls.ca_path", a.Dir)
	check(s, "", "tls.verify", "off")
	check(s, "unknown authority")
	check(s, "unknown authority", "tls.ca_file", other.File)
	check(s, "", "tls.ca_file", a.File, "tls.verify_hostname", "on", "tls.vhost", "log.example")
	check(s, "127.0.0.1", "tls.ca_file", a.File, "tls.verify_hostname", "on")
	check(strict, "", "tls.ca_file", a.File, "tls.crt_file", mine, "tls.key_file", mineKey)
	check(strict, "certificate", "tls.ca_file", a.File)
	check(strict, "certificate", "tls.ca_file", a.File, "tls.crt_file", foreign, "tls.key_file", foreignKey)
	check(old, "version", "tls.ca_file", a.File, "tls.min_version", "TLSv1.3")
	check(old, "", "tls.ca_file", a.File, "tls.ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384:TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
	check(old, "handshake failure", "tls.ca_file", a.File, "tls.ciphers", "ECDHE-RSA-AES128-GCM-SHA256")
}

func TestNodesTakeTurns(t *testing.T) {
	var g Group[int]
	for i := range 3 {
		s, err := NodeSettings(plugin.Node{Name: "n", Properties: props("host", "127.0.0.1", "port", "9")}, Net{})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Add(s, i, quiet); err != nil {
			t.Fatal(err)
		}
	}
	defer g.Close()
	var order []int
	for range 4 {
		for _, m := range g.Turn() {
			order = append(order, m.Data)
		}
	}
	if got := fmt.Sprint(order); got != "[0 1 2 1 2 0 2 0 1 0 1 2]" {
		t.Error(got)
	}
	_, err := NodeSettings(plugin.Node{Name: "n", Properties: props("host", "h"), Pos: option.Pos{File: "u.conf", Line: 3}}, Net{})
	if err == nil || err.Error() != "u.conf:3: the upstream's node 'n' has no port; add the property 'port'" {
		t.Error(err)
	}
}

func TestUnixSocketsAreReached(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := (&listen.Settings{Unix: path, UnixMode: 0o600}).Open(quiet)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- l.Serve(ctx, func(_ context.Context, c net.Conn) listen.After { _, _ = io.Copy(c, c); return listen.Close })
	}()
	c, err := open(t, &Settings{Unix: path}).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	echo(t, c, "hello")
	c.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket was left behind")
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		s := new(Settings)
		err := option.Decode(s.Options(), props(pairs...), option.Pos{})
		if err == nil {
			err = s.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want …%s…", pairs, err, want)
		}
	}
	f("t.conf:1:1: tls.min_version: 'SSLv3' is no version of TLS", "tls.min_version", "SSLv3")
	f("names no cipher suite that is known here: 'ROT13'", "tls.ciphers", "ROT13")
	f("did you mean 'net.keepalive'?", "net.keepaliveS", "on")
	f("is no name of a host", "host", "http://example.org/")
	f("net.dns.mode has no effect", "net.dns.mode", "TCP", "net.dns.resolver", "LEGACY")
}
