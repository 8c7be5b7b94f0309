package forward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
)

// agent is a running input.
type agent struct {
	*inputtest.Kit
	in      *input
	address string
	stop    func() // ends Run
}

func start(t *testing.T, tweak func(*config), pairs ...string) *agent {
	t.Helper()
	a := &agent{Kit: inputtest.New()}
	a.AnyTag = true
	built, err := a.Build(new(config), append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	a.in = built.(*input)
	a.in.where.Port = 0
	if tweak != nil {
		tweak(&a.in.config)
	}
	if err := a.in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.address = a.in.l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.in.Run(ctx, a) }()
	stopped := false
	a.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { a.stop(); a.in.Close() })
	return a
}

func dial(t *testing.T, a *agent) net.Conn {
	t.Helper()
	c, err := net.Dial(a.in.l.Addr().Network(), a.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func send(t *testing.T, c net.Conn, frames ...[]byte) {
	t.Helper()
	for _, f := range frames {
		if _, err := c.Write(f); err != nil {
			t.Fatal(err)
		}
	}
}

// frame makes a message of a record {"n": n}; chunk may be "" for none.
func frame(tag string, n int, chunk string) []byte {
	f := event.AppendStr(event.AppendArray(nil, 4), tag)
	f = event.AppendInt(f, 5)
	f = event.AppendInt(event.AppendStr(event.AppendMap(f, 1), "n"), int64(n))
	if chunk == "" {
		return event.AppendNil(f)
	}
	return event.AppendStr(event.AppendStr(event.AppendMap(f, 1), "chunk"), chunk)
}

func wantAck(t *testing.T, c net.Conn, chunk string) {
	t.Helper()
	v, err := forward.ReadMessage(c, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := forward.ParseAck(v); err != nil || got != chunk {
		t.Errorf("acknowledged %q, %v, want %q", got, err, chunk)
	}
}

func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if text, err := io.ReadAll(c); len(text) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%q, %v instead of the end", text, err)
	}
}

func TestMessagesArriveHoweverTheyAreCut(t *testing.T) {
	a := start(t, nil)
	c := dial(t, a)
	all := append(frame("a", 1, ""), frame("b.c", 2, "")...)
	for i := range all {
		send(t, c, all[i:i+1])
	}
	a.WaitFor(t, 2)
	a.Want(t, `a {"n":1}`, `b.c {"n":2}`)
}

func TestTagsArePrefixedOrReplaced(t *testing.T) {
	check := func(want string, pairs ...string) {
		t.Helper()
		a := start(t, func(c *config) {}, pairs...)
		send(t, dial(t, a), frame("own", 1, ""))
		a.WaitFor(t, 1)
		a.Want(t, want+` {"n":1}`)
	}
	check("own")
	check("pre.own", "tag_prefix", "pre.")
	a := start(t, nil)
	a.in.tagged = true // as a configured tag makes it
	send(t, dial(t, a), frame("own", 1, ""))
	a.WaitFor(t, 1)
	a.Want(t, `in {"n":1}`)
}

func TestAnAcknowledgementMeansSettled(t *testing.T) {
	a := start(t, nil)
	a.Hold()
	c := dial(t, a)
	send(t, c, frame("t", 1, "one"), frame("t", 2, ""), frame("t", 3, "three"))
	a.WaitFor(t, 3)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Fatal("acknowledged before the settlement")
	}
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	a.Settle(event.GivenUp) // by rule: to send it again would not help
	wantAck(t, c, "one")
	wantAck(t, c, "three")
	send(t, c, frame("t", 4, "four"))
	wantAck(t, c, "four")
}

func TestWhatIsSettledAfterTheInputEndedIsStillAcknowledged(t *testing.T) {
	a := start(t, func(c *config) { c.where.IOTimeout = time.Hour })
	a.Hold()
	c := dial(t, a)
	idle := dial(t, a)
	send(t, c, frame("t", 1, "one"))
	a.WaitFor(t, 1)
	a.stop()
	wantEnd(t, idle)
	a.Settle(event.Delivered)
	wantAck(t, c, "one")
	wantEnd(t, c)
}

func TestWhatIsNeverSettledIsNotAcknowledged(t *testing.T) {
	a := start(t, nil)
	a.Hold()
	c := dial(t, a)
	send(t, c, frame("t", 1, "one"))
	a.WaitFor(t, 1)
	a.stop()
	a.in.Close()
	wantEnd(t, c)
	a.Settle(event.Delivered) // nobody listens, and nothing breaks
	a = start(t, nil)
	a.Refuse(errors.New("the pipeline ends"))
	c = dial(t, a)
	send(t, c, frame("t", 1, "one"))
	wantEnd(t, c)
}

func TestHostileClientsAreClosedAndTheOthersServed(t *testing.T) {
	a := start(t, nil, "buffer_max_size", "2000")
	bomb := event.AppendStr(event.AppendArray(nil, 2), "t")
	bomb = event.AppendBin(bomb, compression.Append(nil, compression.Gzip, make([]byte, 1_000_000)))
	for _, text := range []string{
		"GET / HTTP/1.1\r\n\r\n", "\xc1", "\x93", "\xdd\xff\xff\xff\xff", "\x92\xa1t\xdb\xff\xff\xff\xff", "\x92\xa1t\xc6\x00\x01\x00\x00",
		strings.Repeat("\x91", 1999), "\x92\xa1t\xde\xff\xff", string(bomb), "\x94\xa1t\x05\x80\x81\xa5chunk\x07",
	} {
		c := dial(t, a)
		send(t, c, []byte(text))
		_ = c.(*net.TCPConn).CloseWrite()
		wantEnd(t, c)
	}
	c := dial(t, a)
	send(t, c, frame("t", 1, "one"))
	wantAck(t, c, "one")
	a.Want(t, `t {"n":1}`)
	if !strings.Contains(a.Log(), "connection closed") {
		t.Error(a.Log())
	}
}

func TestBadRecordsAreLeftOutAndTheRestIsAcknowledged(t *testing.T) {
	a := start(t, nil)
	c := dial(t, a)
	f := event.AppendStr(event.AppendArray(nil, 3), "t")
	f = event.AppendArray(f, 3)
	f = append(f, 0x92, 0x05, 0x80, 0x92, 0x05, 0xa1, 'x', 0x92, 0x06, 0x80)
	f = event.AppendStr(event.AppendStr(event.AppendMap(f, 1), "chunk"), "c")
	send(t, c, f)
	wantAck(t, c, "c")
	a.Want(t, `t {}`, `t {}`)
	if !strings.Contains(a.Log(), "1 malformed record(s)") {
		t.Error(a.Log())
	}
}

func TestOnlyThoseWhoKnowTheKeyAreTaken(t *testing.T) {
	a := start(t, nil, "shared_key", "sesame", "security.users", "ann open up", "security.users", "bob x")
	connect := func(k forward.Keys) error {
		c := dial(t, a)
		if err := k.Connect(c); err != nil {
			return err
		}
		send(t, c, frame("t", 1, "one"))
		wantAck(t, c, "one")
		return nil
	}
	if err := connect(forward.Keys{Shared: "sesame", User: "ann", Password: "open up"}); err != nil {
		t.Error(err)
	}
	if err := connect(forward.Keys{Shared: "sesame", User: "bob", Password: "x"}); err != nil {
		t.Error(err)
	}
	if err := connect(forward.Keys{Shared: "sesame", User: "bob", Password: "y"}); err == nil || !strings.Contains(err.Error(), "username/password mismatch") {
		t.Error(err)
	}
	if err := connect(forward.Keys{Shared: "wrong", User: "bob", Password: "x"}); err == nil || !strings.Contains(err.Error(), "the shared keys differ") {
		t.Error(err)
	}
	c := dial(t, a)
	send(t, c, frame("t", 2, "two"))
	if text, _ := io.ReadAll(bufio.NewReader(c)); strings.Contains(string(text), "two") {
		t.Error("taken without a handshake")
	}
	a.Want(t, `t {"n":1}`, `t {"n":1}`)
}

func TestClientsThatDoNotShakeHandsAreClosed(t *testing.T) {
	a := start(t, func(c *config) { c.where.AcceptTimeout, c.where.IOTimeout = 20*time.Millisecond, time.Hour }, "empty_shared_key", "on")
	c := dial(t, a)
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func TestUnixSocketsAreListenedOn(t *testing.T) {
	path := t.TempDir() + "/socket"
	a := start(t, nil, "unix_path", path, "unix_perm", "0600")
	c := dial(t, a)
	send(t, c, frame("t", 1, "one"))
	wantAck(t, c, "one")
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if _, err := inputtest.New().Build(new(config), pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("test.conf:1:1: security.users without a shared_key", "security.users", "ann secret")
	f("is not a user and a password", "security.users", "ann")
	f("contradict each other", "shared_key", "x", "empty_shared_key", "on")
	f("is no file mode", "unix_perm", "rw")
	f("buffer_chunk_size must be at least 1 byte", "buffer_chunk_size", "0")
	f("set tls.crt_file", "tls", "on")
}

func BenchmarkMessages(b *testing.B) {
	var text []byte
	for i := range 100 {
		text = append(text, frame("t", i, "")...)
	}
	c := &conn{in: &input{config: config{maxSize: 1 << 20}}}
	k := discard{}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s := event.Scanner{Limit: 1 << 20}
		for rest := text; len(rest) > 0; {
			size, err := s.Next(rest)
			if err == nil {
				err = c.take(b.Context(), k, rest[:size])
			}
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[size:]
		}
	}
}

type discard struct{}

func (discard) Emit(_ context.Context, b *event.Batch) error { b.Release(); return nil }

func TestClientsThatWaitHoldNoLargeBuffers(t *testing.T) {
	a := start(t, nil)
	const clients, size = 30, 1 << 20
	text := strings.Repeat("x", size)
	f := event.AppendInt(event.AppendStr(event.AppendArray(nil, 3), "t"), 5)
	f = event.AppendStr(event.AppendStr(event.AppendMap(f, 1), "n"), text)
	for i := range clients {
		send(t, dial(t, a), f)
		a.WaitFor(t, i+1)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // a pool gives up its own with the second one
	runtime.ReadMemStats(&before)
	a.stop()
	a.in.Close()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int(before.HeapAlloc) - int(after.HeapAlloc); held > clients*size/4 {
		t.Errorf("%d clients hold %d MB", clients, held>>20)
	}
}
