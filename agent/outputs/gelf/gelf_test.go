package gelf

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/plugin"
)

func start(t *testing.T, pairs ...string) *output {
	t.Helper()
	built, err := outputtest.New().Build(new(config), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	o := built.(*output)
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestMessagesArriveOverUDP(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	port := fmt.Sprint(c.LocalAddr().(*net.UDPAddr).Port)
	read := func() []byte {
		t.Helper()
		buf := make([]byte, 1<<16)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return buf[:n]
	}
	chunk := outputtest.Chunk(t, "app", `[1,{"short_message":"x"}]`)
	if err := start(t, "port", port, "compress", "off", "gelf_tag_key", "tag").Flush(t.Context(), chunk); err != nil {
		t.Fatal(err)
	}
	if got := string(read()); got != `{"version":"1.1", "short_message":"x", "_tag":"app", "timestamp":1.000}` {
		t.Error(got)
	}
	if err := start(t, "port", port).Flush(t.Context(), chunk); err != nil {
		t.Fatal(err)
	}
	if got, err := compression.Expand(compression.Gzip, read(), 1000); err != nil || string(got) != `{"version":"1.1", "short_message":"x", "timestamp":1.000}` {
		t.Errorf("%s, %v", got, err)
	}
	// A message that does not fit is compressed, and sent in pieces.
	var long strings.Builder
	for i := range 1000 {
		fmt.Fprint(&long, i*7919)
	}
	if err := start(t, "port", port, "compress", "off", "packet_size", "100").Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{"short_message":"`+long.String()+`"}]`)); err != nil {
		t.Fatal(err)
	}
	var all, id []byte
	for n, count := 0, 1; n < count; n++ {
		p := read()
		if id == nil {
			id, count = p[2:10], int(p[11])
		}
		if !bytes.HasPrefix(p, []byte{0x1e, 0x0f}) || !bytes.Equal(p[2:10], id) || int(p[10]) != n || len(p) > 112 {
			t.Fatalf("piece %d: % x", n, p[:12])
		}
		all = append(all, p[12:]...)
	}
	if got, err := compression.Expand(compression.Gzip, all, 1<<20); err != nil || !strings.Contains(string(got), long.String()) {
		t.Errorf("%.100s, %v", got, err)
	}
}

func TestWhatCannotBeSentIsRejected(t *testing.T) {
	o := start(t, "port", "1", "packet_size", "64")
	var long strings.Builder
	for i := range 20_000 {
		fmt.Fprint(&long, i*7919)
	}
	c := outputtest.Chunk(t, "t", `[1,{"short_message":"`+long.String()+`"}]`, `[1,{"none":1}]`)
	if err := o.Flush(t.Context(), c); !plugin.Dropped(err) {
		t.Error(err)
	}
}

func TestMessagesEndWithAZeroOverTCP(t *testing.T) {
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
		text, _ := io.ReadAll(c)
		got <- string(text)
	}()
	o := start(t, "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "mode", "tcp", "gelf_short_message_key", "m")
	err = o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{"m":"a"}]`, `[1,{}]`, `[2,{"m":"b"}]`))
	if r := plugin.Rejected(err); r == nil || fmt.Sprint(r.Records) != "[1]" {
		t.Error(err)
	}
	o.Close()
	want := "{\"version\":\"1.1\", \"short_message\":\"a\", \"timestamp\":1.000}\x00{\"version\":\"1.1\", \"short_message\":\"b\", \"timestamp\":2.000}\x00"
	if text := <-got; text != want {
		t.Errorf("%q", text)
	}
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`)); !plugin.Dropped(err) {
		t.Error(err)
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if _, err := outputtest.New().Build(new(config), pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("test.conf:1:1: mode udp does not speak TLS", "tls", "on")
	f("is not between 64 and 65000", "packet_size", "10")
}
