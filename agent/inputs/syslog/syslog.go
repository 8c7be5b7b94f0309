// Package syslog is the input syslog: messages over UDP, TCP, TLS and unix sockets, read by a parser.
package syslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input syslog.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "syslog",
	Summary: "Syslog messages over UDP, TCP, TLS and unix sockets",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type input struct {
	config
	env         plugin.Env
	parser      plugin.Parser
	raw, source *accessor.Accessor // nil: not wanted
	l           *listen.Listener   // for connections
	c           *listen.Packets    // for datagrams
	bad         burst.Log
}

func (in *input) Start(context.Context) (err error) {
	if !in.mode.datagrams() {
		in.l, err = in.where.Open(in.env.Log)
		return err
	}
	if in.c, err = in.where.OpenPackets(in.env.Log); err != nil {
		return err
	}
	if s, ok := in.c.PacketConn.(interface{ SetReadBuffer(int) error }); ok && in.receive > 0 {
		return s.SetReadBuffer(int(in.receive))
	}
	return nil
}

func (in *input) Close() error {
	if in.l != nil {
		in.l.Close()
	}
	if in.c != nil {
		in.c.Close()
	}
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	if in.mode.datagrams() {
		return in.receiveAll(ctx, to)
	}
	return in.l.Serve(ctx, func(ctx context.Context, c net.Conn) listen.After {
		if err := in.read(ctx, c, to); err != nil && ctx.Err() == nil {
			in.l.Refuse(c, err)
		}
		return listen.Close
	})
}

func (in *input) receiveAll(ctx context.Context, to plugin.Emitter) error {
	return in.c.Run(ctx, to, func(packet []byte, from net.Addr) *event.Batch {
		b := event.New(in.env.Tag)
		in.message(b, in.address("udp", from), packet)
		return b
	})
}

// address is a sender's, as records show it.
func (in *input) address(network string, a net.Addr) string {
	switch {
	case in.source == nil:
		return ""
	case in.mode.unix():
		return "unix://" + in.path
	}
	return network + "://" + a.String()
}

// read takes messages from a connection until its end. While the input is paused nothing is read, so the
// client waits as well.
func (in *input) read(ctx context.Context, c net.Conn, to plugin.Emitter) error {
	from := in.address("tcp", c.RemoteAddr())
	buf := make([]byte, 0, in.chunkSize)
	for {
		if len(buf) == cap(buf) {
			if int64(len(buf)) >= in.maxSize {
				return fmt.Errorf("a message is longer than buffer_max_size of %d bytes", in.maxSize)
			}
			buf = append(make([]byte, 0, min(in.maxSize, 2*int64(cap(buf)))), buf...)
		}
		n, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		b := event.New(in.env.Tag)
		used, bad := in.decode(b, from, buf, err != nil && ctx.Err() == nil) // a stop ends nobody's line
		if b.Len() > 0 {
			if err := to.Emit(ctx, b); err != nil {
				return err
			}
		}
		switch {
		case bad != nil:
			return bad
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		buf = buf[:copy(buf, buf[used:])]
	}
}

// decode adds the messages that begin buf to b and returns how much of buf it is done with. After atEnd
// nothing more comes.
func (in *input) decode(b *event.Batch, from string, buf []byte, atEnd bool) (used int, err error) {
	for {
		text, size, err := in.next(buf[used:])
		if err != nil {
			return used, err
		}
		if size == 0 {
			break
		}
		in.message(b, from, text)
		used += size
	}
	if atEnd && in.framing != octets {
		in.message(b, from, buf[used:])
		used = len(buf)
	}
	return used, nil
}

var errLength = errors.New("a message does not begin with its length; is the sender's framing octet counting?")

// next cuts the first message off; size is 0 when it is not complete.
func (in *input) next(buf []byte) (text []byte, size int, err error) {
	if in.framing != octets {
		i := bytes.IndexAny(buf, "\n\x00")
		if i < 0 {
			return nil, 0, nil
		}
		return buf[:i], i + 1, nil
	}
	skip := len(buf) - len(bytes.TrimLeft(buf, "\r\n")) // some senders end messages twice
	n, digits := int64(0), 0
	for _, c := range buf[skip:] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
		if digits++; n > in.maxSize {
			return nil, 0, fmt.Errorf("a message says that it is longer than buffer_max_size of %d bytes", in.maxSize)
		}
	}
	at := skip + digits
	switch {
	case at == len(buf):
		return nil, 0, nil
	case digits == 0 || buf[at] != ' ':
		return nil, 0, errLength
	case int64(len(buf)-at-1) < n:
		return nil, 0, nil
	}
	end := at + 1 + int(n)
	return buf[at+1 : end], end, nil
}

// message adds what the parser makes of one message. One that it cannot read is left out.
func (in *input) message(b *event.Batch, from string, text []byte) {
	if len(text) == 0 {
		return
	}
	body, t, err := in.parser.Parse(nil, text)
	if err != nil {
		in.bad.Warn(in.env.Log, fmt.Sprintf("message left out: %.80q: %v", text, err))
		return
	}
	if t == (event.Time{}) {
		t = event.Now()
	}
	if in.raw != nil {
		body, _ = in.raw.AppendSet(nil, body, event.AppendStr(nil, text))
	}
	if from != "" {
		body, _ = in.source.AppendSet(nil, body, event.AppendStr(nil, from))
	}
	b.Append(t, nil, body)
}
