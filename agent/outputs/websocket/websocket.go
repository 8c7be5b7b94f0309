// Package websocket is the output websocket: each chunk is a message over a WebSocket (RFC 6455). The protocol
// has no answers, so what was written counts as delivered.
package websocket

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output websocket.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "websocket",
	Summary: "Send records over a WebSocket",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

const defaultPort = 80

type config struct {
	where   upstream.Settings
	uri     string
	records format.Records
	headers [][]string
}

func (c *config) Options() []option.Option {
	return append(c.where.Options(),
		option.String("uri", &c.uri).Help("Path to ask for, with a query if need be; / unless set."),
		c.records.FormatOption(format.MsgPack, format.JSON, format.JSONLines, format.JSONStream),
		c.records.DateFormatOption().Default("double"),
		c.records.DateKeyOption(),
		option.WordLists("header", 1, &c.headers).Help("A header of the first request: its name, then its value."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.records.Style = env.JSON
	if !strings.HasPrefix(c.uri, "/") {
		c.uri = "/" + c.uri
	}
	if _, err := url.ParseRequestURI(c.uri); err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	up, err := c.where.Sender(env, defaultPort)
	return &output{config: *c, Sender: up}, err
}

type output struct {
	config
	upstream.Sender
}

func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	frame := o.frame(c)
	conn, err := o.Up.Get(ctx)
	if err != nil {
		return err
	}
	if conn.Data == nil {
		if err := o.upgrade(conn); err != nil {
			conn.Close()
			return fmt.Errorf("%s: %w", o.Up, err)
		}
		conn.Data = true
	}
	return conn.Send(frame)
}

// acceptSalt is what RFC 6455 has a server mix into the key of a client, to show that it knows the protocol.
const acceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// upgrade turns a fresh connection into a WebSocket.
func (o *output) upgrade(conn *upstream.Conn) error {
	if t := o.where.Net.ConnectTimeout; t > 0 {
		_ = conn.SetDeadline(time.Now().Add(t))
		defer func() { _ = conn.SetDeadline(time.Time{}) }()
	}
	var nonce [16]byte
	rand.Read(nonce[:]) // it never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	req, err := http.NewRequest(http.MethodGet, "http://"+o.where.Address()+o.uri, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "Fluent-Bit")
	for _, h := range o.headers {
		if name, val := h[0], strings.Join(h[1:], " "); strings.EqualFold(name, "Host") {
			req.Host = val
		} else {
			req.Header.Add(name, val)
		}
	}
	for name, val := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"} {
		req.Header.Set(name, val)
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	sum := sha1.Sum([]byte(key + acceptSalt))
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("the server does not switch to WebSocket: HTTP status=%s", resp.Status)
	case resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		return errors.New("the server answers as if to somebody else: its Sec-WebSocket-Accept is wrong")
	}
	return nil
}

// frame makes one message of a chunk: fin and kind, length, mask, masked payload.
func (o *output) frame(c *event.Chunk) []byte {
	const fin, text, binaryKind, masked = 0x80, 1, 2, 0x80
	body := c.Bytes()
	kind := byte(binaryKind)
	if o.records.Format != format.MsgPack && o.records.Format != "" {
		kind = text
		body = o.records.AppendChunk(nil, c)
	}
	frame := make([]byte, 0, len(body)+14)
	frame = append(frame, fin|kind)
	switch n := len(body); {
	case n < 126:
		frame = append(frame, masked|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, masked|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, masked|127), uint64(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	frame = append(frame, mask[:]...)
	for i, b := range body {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}
