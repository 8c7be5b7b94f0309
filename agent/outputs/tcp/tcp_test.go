package tcp

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/plugin"
)

// deliver flushes one chunk and returns what arrived.
func deliver(t *testing.T, pairs ...string) (string, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- ""
			return
		}
		defer c.Close()
		text, _ := io.ReadAll(c)
		got <- string(text)
	}()
	built, err := outputtest.New().Build(new(config), append(pairs, "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))...)
	if err != nil {
		t.Fatal(err)
	}
	o := built.(*output)
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{"log":"one","n":1}]`, `[2,{"n":2}]`))
	o.Close()
	l.Close()
	return <-got, err
}

func TestEachFormatArrives(t *testing.T) {
	check := func(want string, pairs ...string) {
		t.Helper()
		if got, err := deliver(t, pairs...); err != nil || got != want {
			t.Errorf("%v: %q, %v\nwant %q", pairs, got, err, want)
		}
	}
	check(string(outputtest.Chunk(t, "app", `[1,{"log":"one","n":1}]`, `[2,{"n":2}]`).Bytes()))
	check(`[{"date":1.0,"log":"one","n":1},{"date":2.0,"n":2}]`, "format", "json")
	check("{\"t\":1,\"log\":\"one\",\"n\":1}\n{\"t\":2,\"n\":2}\n", "format", "json_lines", "json_date_key", "t", "json_date_format", "epoch")
	check(`{"log":"one","n":1}{"n":2}`, "format", "json_stream", "json_date_key", "false")
	if got, err := deliver(t, "raw_message_key", "log"); got != "one\n" || plugin.Rejected(err) == nil {
		t.Errorf("%q, %v", got, err)
	}
	check("app: 1\napp: 2\n", "raw_message_key", "$TAG: $n")
}

func TestNothingToSendIsDroppedAndNoServerIsRetried(t *testing.T) {
	if _, err := deliver(t, "raw_message_key", "$nothing"); !plugin.Dropped(err) {
		t.Error(err)
	}
	built, err := outputtest.New().Build(new(config), "port", "1")
	if err != nil {
		t.Fatal(err)
	}
	o := built.(*output)
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	err = o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{}]`))
	if err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), "cannot connect to 127.0.0.1:1") {
		t.Error(err)
	}
}
