package upstream

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
)

// tickets makes a server of TLS 1.3 send tickets behind the handshake, as one with OpenSSL does unasked.
func tickets(u *Upstream) { u.tls.ClientSessionCache = tls.NewLRUClientSessionCache(1) }

func TestTicketsOfTLSDoNotCostTheConnection(t *testing.T) {
	ca := certtest.New(t)
	crt, key := ca.Issue(t, "server")
	s := serve(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	u := open(t, settings(t, "host", "127.0.0.1", "port", s.port(), "tls", "on", "tls.ca_file", ca.File, "net.io_timeout", "1h"))
	tickets(u)
	for range 3 {
		c, err := u.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for c.uses == 1 && c.silent() { // the tickets are on their way
			time.Sleep(time.Millisecond)
		}
		if err := c.Send(nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestWhatTheServerSaysDoesNotCostWhatWasWritten(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Write([]byte("hello, who is there?"))
		time.Sleep(100 * time.Millisecond) // a server that is slow
		all, _ := io.ReadAll(c)
		got <- string(all)
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	u := open(t, settings(t, "host", "127.0.0.1", "port", port, "net.keepalive", "off"))
	text := strings.Repeat("records\n", 100_000)
	if err := u.Send(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	if all := <-got; all != text {
		t.Errorf("%d bytes of %d have arrived", len(all), len(text))
	}
}

func TestAnAddressThatSaysNothingLeavesTimeForTheNext(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	raw, err := deaf.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	for { // until nobody else may even wait to be accepted
		c, err := net.DialTimeout("tcp", deaf.Addr().String(), 100*time.Millisecond)
		if err != nil {
			break
		}
		defer c.Close()
	}
	_, port, _ := net.SplitHostPort(deaf.Addr().String())
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	u := open(t, settings(t, "port", port))
	c, err := u.dialInTurn(ctx, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
