package health

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

func TestPortsAreReachedOrNot(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	open := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	check := func(want string, pairs ...string) {
		t.Helper()
		k := inputtest.New()
		ctx, cancel := context.WithCancel(t.Context())
		run := k.Start(t, ctx, new(config), append(pairs, "host", "127.0.0.1", "interval_sec", "0", "interval_nsec", "1000000")...)
		done := make(chan error)
		go func() { done <- run() }()
		k.WaitFor(t, 1)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := k.Records()[0]; got != want {
			t.Errorf("%v: %s", pairs, got)
		}
	}
	check(`{"alive":true}`, "port", open)
	check(`{"alive":false,"hostname":"127.0.0.1","port":1}`, "port", "1", "add_host", "on", "add_port", "on", "alert", "on")
}
