package mqtt

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

func start(t *testing.T, k *inputtest.Kit, pairs ...string) func() net.Conn {
	t.Helper()
	built, err := k.Build(new(config), append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.where.Port = 0
	k.Serve(t, in)
	return func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", in.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		return c
	}
}

// packet makes one with a short body.
func packet(head byte, body string) string { return string([]byte{head, byte(len(body))}) + body }

var hello = packet(connect<<4, "\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me")

// message publishes; id is for quality 1 and 2.
func message(quality byte, topic, id, payload string) string {
	return packet(publish<<4|quality<<1, "\x00"+string(rune(len(topic)))+topic+id+payload)
}

func exchange(t *testing.T, c net.Conn, send, want string) {
	t.Helper()
	if send != "" {
		_, _ = io.WriteString(c, send)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("% x, %v, want % x", got, err, want)
	}
}

func TestPublishedMapsBecomeRecords(t *testing.T) {
	k := inputtest.New()
	c := start(t, k)()
	exchange(t, c, hello, "\x20\x02\x00\x00")
	exchange(t, c, message(0, "room/one", "", `{"t":21.5}`)+packet(pingreq<<4, ""), "\xd0\x00")
	exchange(t, c, message(1, "a", "\x00\x07", ` {"q":1} `), "\x40\x02\x00\x07")
	exchange(t, c, message(2, "a", "\x00\x08", `{"q":2}`), "\x50\x02\x00\x08")
	exchange(t, c, message(2, "a", "\x00\x08", `{"q":2}`), "\x50\x02\x00\x08") // once more, and taken once
	exchange(t, c, packet(pubrel<<4|2, "\x00\x08"), "\x70\x02\x00\x08")
	exchange(t, c, message(1, "a", "\x00\x09", "[1\n]")+message(1, "a", "\x00\x0a", `{`), "\x40\x02\x00\x09\x40\x02\x00\x0a")
	_, _ = io.WriteString(c, packet(disconnect<<4, ""))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	k.Want(t, `{"topic":"room/one","t":21.5}`, `{"topic":"a","q":1}`, `{"topic":"a","q":2}`)
	if !strings.Contains(k.Log(), `left out: \"[1\\n]\"`) { // escaped, so that it makes no line of its own
		t.Error(k.Log())
	}
}

func TestWhoAlsoSubscribesMayPublish(t *testing.T) {
	k := inputtest.New()
	c := start(t, k)()
	exchange(t, c, hello+packet(subscribe<<4|2, "\x00\x05\x00\x01a\x00\x00\x02bc\x01"), "\x20\x02\x00\x00\x90\x04\x00\x05\x80\x80")
	exchange(t, c, packet(subscribe<<4|2, "\x00\x06\xff\xff"), "\x90\x03\x00\x06\x80")
	exchange(t, c, message(1, "a", "\x00\x01", `{"n":1}`), "\x40\x02\x00\x01")
	k.Want(t, `{"topic":"a","n":1}`)
}

func TestThePayloadMayStandApart(t *testing.T) {
	k := inputtest.New()
	c := start(t, k, "payload_key", "data")()
	exchange(t, c, hello+message(1, "a", "\x00\x01", `{"topic":1}`), "\x20\x02\x00\x00\x40\x02\x00\x01")
	k.Want(t, `{"topic":"a","data":{"topic":1}}`)
}

func TestWithFileStorageTheAnswerMeansStored(t *testing.T) {
	k := inputtest.New()
	k.Env.Properties = []option.Property{{Key: "storage.type", Value: option.Value{Text: "filesystem"}}}
	c := new(config)
	if err := option.Decode(c.Options(), nil, option.Pos{}); err != nil {
		t.Fatal(err)
	}
	built, err := c.New(k.Env)
	if err != nil {
		t.Fatal(err)
	}
	k.Hold()
	client, server := net.Pipe()
	s := session{in: built.(*input), conn: server, r: bufio.NewReader(server), to: k, received: map[uint16]bool{}}
	done := make(chan error, 1)
	go func() { done <- s.run(t.Context()) }()
	exchange(t, client, hello, "\x20\x02\x00\x00")
	_, _ = io.WriteString(client, message(1, "a", "\x00\x01", `{}`))
	k.WaitFor(t, 1)
	_ = client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("answered before the settlement")
	}
	_ = client.SetReadDeadline(time.Time{})
	k.Settle(event.Delivered)
	exchange(t, client, "", "\x40\x02\x00\x01")
	client.Close()
	if err := <-done; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func TestHostileClientsAreClosed(t *testing.T) {
	k := inputtest.New()
	dial := start(t, k, "buffer_size", "100")
	for _, text := range []string{
		"GET / HTTP/1.1\r\n\r\n", message(0, "a", "", "{}"), hello + "\x30\xff\xff\xff\xff\x7f", hello + "\x30\x80\x80\x01", hello + packet(publish<<4, "\xff\xff"),
		hello + packet(publish<<4|2, "\x00\x01a"), hello + packet(10<<4|2, "\x00\x01\x00\x01a"), hello + "\x30\x10abc",
	} {
		c := dial()
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: %v", text, err)
		}
	}
	k.Want(t)
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte(hello + message(1, "a", "\x00\x01", `{"b":1}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := new(config)
		if err := option.Decode(c.Options(), nil, option.Pos{}); err != nil {
			t.Fatal(err)
		}
		k := inputtest.New()
		built, err := c.New(k.Env)
		if err != nil {
			t.Fatal(err)
		}
		a, b := net.Pipe()
		a.Close()
		s := session{in: built.(*input), conn: discard{b}, r: bufio.NewReader(bytes.NewReader(text)), to: k, received: map[uint16]bool{}}
		_ = s.run(t.Context())
	})
}

// discard is a connection that takes everything.
type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }
