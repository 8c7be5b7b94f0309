package listen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/option"
)

var quiet = slog.New(slog.DiscardHandler)

func settings(t *testing.T, pairs ...string) *Settings {
	t.Helper()
	s := new(Settings)
	var props []option.Property
	for i := 0; i < len(pairs); i += 2 {
		props = append(props, option.Property{Key: pairs[i], Value: option.Value{Text: pairs[i+1]}})
	}
	if err := option.Decode(s.Options(), props, option.Pos{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, s *Settings) *Listener {
	t.Helper()
	l, err := s.Open(quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// run serves with a name that clients are told, until stop is called.
func run(t *testing.T, l *Listener, name string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- l.Serve(ctx, func(_ context.Context, c net.Conn) After { _, _ = io.WriteString(c, name); return Close })
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func ask(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

func TestASuccessorTakesTheSocketOverWithTheConnectionsThatWaitInIt(t *testing.T) {
	s := settings(t, "listen", "127.0.0.1", "port", free(t))
	first := open(t, s)
	stop := run(t, first, "first")
	if got := ask(t, s.Address()); got != "first" {
		t.Fatal(got)
	}
	second := open(t, s)
	if !second.socket.shared() {
		t.Error("it is not noticed that both have the socket")
	}
	stop()
	if second.socket.shared() {
		t.Error("the first has it still")
	}
	answer := make(chan string)
	go func() { answer <- ask(t, s.Address()) }() // nobody accepts yet
	defer run(t, second, "second")()
	if got := <-answer; got != "second" {
		t.Error(got)
	}
}

func TestTwoInputsCannotHaveOnePort(t *testing.T) {
	s := settings(t, "listen", "127.0.0.1", "port", free(t))
	open(t, s)
	if _, err := s.Open(quiet); err == nil || !strings.Contains(err.Error(), "another input is about to listen on") {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s = settings(t, "listen", "127.0.0.1", "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	if _, err := s.Open(quiet); err == nil || !strings.Contains(err.Error(), "another program listens there") {
		t.Error(err)
	}
}

func TestClientsThatDoNotShakeHandsAreClosed(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "server", "127.0.0.1")
	s := settings(t, "listen", "127.0.0.1", "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	s.AcceptTimeout = 20 * time.Millisecond
	l := open(t, s)
	defer run(t, l, "never said")()
	if got := ask(t, l.Addr().String()); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestAPanicCostsItsConnectionOnly(t *testing.T) {
	s := settings(t, "listen", "127.0.0.1")
	var log bytes.Buffer
	l, err := s.Open(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var panicked atomic.Bool
	go func() {
		done <- l.Serve(ctx, func(_ context.Context, c net.Conn) After {
			if !panicked.Swap(true) {
				panic("nobody thought of this")
			}
			_, _ = io.WriteString(c, "well")
			return Close
		})
	}()
	if got := ask(t, l.Addr().String()) + ask(t, l.Addr().String()); got != "well" {
		t.Error(got)
	}
	stop()
	if err := <-done; err != nil || !strings.Contains(log.String(), "panic: nobody thought of this") {
		t.Error(err, log.String())
	}
}

func TestIdleClientsAreClosed(t *testing.T) {
	s := settings(t, "listen", "127.0.0.1")
	s.IOTimeout = 20 * time.Millisecond
	l := open(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go l.Serve(ctx, func(_ context.Context, c net.Conn) After {
		_, err := c.Read(make([]byte, 1))
		ended <- err
		return Close
	})
	defer cancel()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "net.io_timeout") {
		t.Error(err)
	}
}

func TestTheEndOfServeEndsItsConnections(t *testing.T) {
	s := settings(t, "listen", "127.0.0.1", "net.io_timeout", "1h")
	l := open(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	reading, done := make(chan bool), make(chan error)
	go func() {
		done <- l.Serve(ctx, func(_ context.Context, c net.Conn) After {
			close(reading)
			_, _ = io.Copy(io.Discard, c)
			return Close
		})
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-reading
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPacketsArriveAcrossATakeover(t *testing.T) {
	s := settings(t, "listen", "127.0.0.1", "port", free(t))
	first, err := s.OpenPackets(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := func(p *Packets, want string) {
		t.Helper()
		_, _ = io.WriteString(c, want)
		b := make([]byte, 16)
		_ = p.SetDeadline(time.Now().Add(20 * time.Second))
		if n, _, err := p.ReadFrom(b); err != nil || string(b[:n]) != want {
			t.Errorf("got %q, %v", b[:n], err)
		}
	}
	if _, err := s.OpenPackets(slog.New(slog.DiscardHandler)); err == nil {
		t.Error("two inputs have one port")
	}
	read(first, "one")
	second, err := s.OpenPackets(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	read(second, "two")
}

func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "server", "one.example")
	s := settings(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	conf, err := s.TLS.Server(quiet)
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		t.Helper()
		c, err := conf.GetConfigForClient(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificates[0].Leaf.DNSNames[0]
	}
	if got := shown(); got != "one.example" {
		t.Error(got)
	}
	if err := os.WriteFile(crt, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "one.example" {
		t.Error("a broken file took effect:", got)
	}
	a.Issue(t, "server", "two.example")
	if got := shown(); got != "two.example" {
		t.Error(got)
	}
}

func TestServersNeedTheirFiles(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if err := settings(t, pairs...).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("set tls.crt_file", "tls", "on")
	f("set tls.ca_file", "tls", "on", "tls.crt_file", "x", "tls.verify_client_cert", "on")
}
