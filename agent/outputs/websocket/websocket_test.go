package websocket

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/plugin"
)

// message is what a server got.
type message struct {
	kind byte
	text string
}

// serve accepts WebSockets and tells of messages and requests.
func serve(t *testing.T, accept func(key string) string) (port string, messages chan message, requests chan *http.Request) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	messages, requests = make(chan message, 10), make(chan *http.Request, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				requests <- req
				answer := accept(req.Header.Get("Sec-WebSocket-Key"))
				if answer == "" {
					fmt.Fprint(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
					return
				}
				fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", answer)
				for {
					m, err := read(r)
					if err != nil {
						return
					}
					messages <- m
				}
			}()
		}
	}()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port), messages, requests
}

func read(r io.Reader) (m message, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil || head[0]&0x80 == 0 || head[1]&0x80 == 0 {
		return m, fmt.Errorf("%x %v", head, err)
	}
	body := make([]byte, 4+n)
	if _, err := io.ReadFull(r, body); err != nil {
		return m, err
	}
	for i := range body[4:] {
		body[4+i] ^= body[i%4]
	}
	return message{head[0] & 0x0f, string(body[4:])}, nil
}

func good(key string) string {
	sum := sha1.Sum([]byte(key + acceptSalt))
	return base64.StdEncoding.EncodeToString(sum[:])
}

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

func TestChunksAreMessages(t *testing.T) {
	port, messages, requests := serve(t, good)
	o := start(t, "port", port, "uri", "in?x=1", "format", "json", "json_date_key", "off", "header", "X-Who me and you", "header", "Host log.example")
	for _, size := range []int{1, 1000, 100_000} {
		body := strings.Repeat("x", size)
		if err := o.Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{"a":"`+body+`"}]`)); err != nil {
			t.Fatal(err)
		}
		if m := <-messages; m.kind != 1 || m.text != `[{"a":"`+body+`"}]` {
			t.Errorf("%d: %d, %d bytes", size, m.kind, len(m.text))
		}
	}
	if r := <-requests; r.URL.RequestURI() != "/in?x=1" || r.Host != "log.example" || r.Header.Get("X-Who") != "me and you" || len(requests) > 0 {
		t.Error(r.URL, r.Host, r.Header, len(requests))
	}
	c := outputtest.Chunk(t, "t", `[1,{}]`)
	if err := start(t, "port", port).Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if m := <-messages; m.kind != 2 || m.text != string(c.Bytes()) {
		t.Errorf("%d %x", m.kind, m.text)
	}
}

func TestServersThatDoNotSwitchAreTriedAgainLater(t *testing.T) {
	check := func(answer, want string) {
		t.Helper()
		port, _, _ := serve(t, func(string) string { return answer })
		err := start(t, "port", port).Flush(t.Context(), outputtest.Chunk(t, "t", `[1,{}]`))
		if err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
	check("", "does not switch to WebSocket: HTTP status=403")
	check("x", "Sec-WebSocket-Accept is wrong")
}
