package tcp

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

func start(t *testing.T, k *inputtest.Kit, pairs ...string) (address string) {
	t.Helper()
	built, err := k.Build(new(config), append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.where.Port = 0
	k.Serve(t, in)
	return in.l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func TestEveryConnectionIsAStreamOfItsOwn(t *testing.T) {
	k := inputtest.New()
	address := start(t, k)
	a, b := dial(t, address), dial(t, address)
	fmt.Fprint(a, `{"a":`)
	fmt.Fprint(b, `{"b":1}`)
	k.WaitFor(t, 1)
	fmt.Fprint(a, `1}`)
	k.WaitFor(t, 2)
	fmt.Fprint(b, `{"never":`)
	b.Close()
	fmt.Fprint(a, `{"a":2}`)
	k.WaitFor(t, 3)
	k.Want(t, `{"b":1}`, `{"a":1}`, `{"a":2}`)
}

func TestTheLastTextNeedsNoSeparator(t *testing.T) {
	k := inputtest.New()
	c := dial(t, start(t, k, "format", "none"))
	fmt.Fprint(c, "one\ntwo")
	c.Close()
	k.WaitFor(t, 2)
	k.Want(t, `{"log":"one"}`, `{"log":"two"}`)
}

func TestAStopMakesNoRecordOfHalfALine(t *testing.T) {
	k := inputtest.New()
	built, err := k.Build(new(config), "format", "none", "listen", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.where.Port = 0
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, k) }()
	fmt.Fprint(dial(t, in.l.Addr().String()), "one\nhalf a li")
	k.WaitFor(t, 1)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	k.Want(t, `{"log":"one"}`)
}

func TestARecordBeyondTheBufferEndsItsConnection(t *testing.T) {
	k := inputtest.New()
	address := start(t, k, "chunk_size", "1", "buffer_size", "4")
	c := dial(t, address)
	fmt.Fprintf(c, `{"fits":"%s"}{"large":"%s`, strings.Repeat("x", 3000), strings.Repeat("x", 5000))
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	if !strings.Contains(k.Log(), "a record is longer than buffer_size of 4 KB") {
		t.Error(k.Log())
	}
	fmt.Fprint(dial(t, address), `{"well":1}`)
	k.WaitFor(t, 2)
}
