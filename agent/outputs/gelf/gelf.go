// Package gelf is the output gelf: each record is a message in the Graylog Extended Log Format, over UDP, TCP or
// TLS. Nothing is answered, so what was written counts as delivered.
package gelf

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/gelf"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output gelf.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "gelf",
	Summary: "Send records to Graylog as GELF messages",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

const defaultPort = 12201

type mode string

const (
	udp mode = "udp"
	tcp mode = "tcp"
	tls mode = "tls"
)

type config struct {
	where    upstream.Settings
	mode     mode
	tagKey   string
	keys     gelf.Keys
	packet   int
	compress bool
}

func (c *config) Options() []option.Option {
	opts := append(c.where.Options(),
		option.Enum("mode", &c.mode, udp, tcp, tls).Default("udp").Help("How messages are sent."),
		option.String("gelf_tag_key", &c.tagKey).Help("Add the tag to each record under this key."))
	return append(append(opts, c.keys.Options()...),
		option.Var("packet_size", "integer", &c.packet, option.Between(option.ParseInt, 64, 65_000)).Default("1420").Help("Mode udp: how large a datagram may be. A larger message is sent in up to 128 pieces."),
		option.Switch("compress", &c.compress).Default("true").Help("Mode udp: compress messages with gzip. Those that do not fit into one datagram always are."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	v, _ := option.Lookup(env.Properties, "tls")
	if c.mode == udp && c.where.TLS.On {
		return nil, &option.Error{Pos: v.Pos, Msg: "mode udp does not speak TLS", Cure: "set mode tls"}
	}
	c.where.TLS.On = c.where.TLS.On || c.mode == tls
	up, err := c.where.Sender(env, defaultPort)
	o := &output{config: *c, Sender: up}
	if c.tagKey != "" {
		o.tag = accessor.Key(c.tagKey)
	}
	return o, err
}

type output struct {
	config
	upstream.Sender
	tag *accessor.Accessor // nil: the tag is not wanted
}

func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	if o.mode == udp {
		return o.flushPackets(ctx, c)
	}
	var all []byte
	bad, why := o.each(c, func(message []byte) error {
		all = append(append(all, message...), 0)
		return nil
	})
	if len(all) == 0 {
		return plugin.Drop(why)
	}
	if err := o.Up.Send(ctx, all); err != nil {
		return err
	}
	return plugin.Reject(why, bad...)
}

// unfit is an error of a message that will fail the next time as well.
type unfit struct{ error }

// each calls send with every message. It returns the positions of records that cannot be sent, and why the last
// of them cannot; any other failure of send ends it with no positions.
func (o *output) each(c *event.Chunk, send func([]byte) error) (bad []int, why error) {
	var message, scratch []byte
	i := -1
	for r := range c.Records() {
		i++
		body := r.Body()
		if o.tag != nil {
			scratch, _ = o.tag.AppendSet(scratch[:0], body, event.AppendStr(nil, c.Tag))
			body = scratch
		}
		out, err := o.keys.AppendBody(message[:0], r.Time(), body, o.Env.JSON)
		if err != nil {
			bad, why = append(bad, i), err
			continue
		}
		message = out
		if err := send(message); errors.As(err, new(unfit)) {
			bad, why = append(bad, i), err
		} else if err != nil {
			return nil, err
		}
	}
	return bad, why
}

func (o *output) flushPackets(ctx context.Context, c *event.Chunk) error {
	conn, err := o.Up.DialPackets(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	bad, why := o.each(c, func(message []byte) error {
		return errors.Join(o.send(conn, message), ctx.Err())
	})
	switch {
	case why != nil && bad == nil:
		return fmt.Errorf("send to %s: %w", o.Up, why)
	case len(bad) == c.Len():
		return plugin.Drop(why)
	}
	return plugin.Reject(why, bad...)
}

// maxPieces is the most that Graylog puts together.
const maxPieces = 128

// send sends a message in one datagram or in pieces: 1e 0f, an ID of 8 bytes, the piece's number, their count.
func (o *output) send(conn net.Conn, message []byte) error {
	if o.compress || len(message) > o.packet {
		message = compression.Append(nil, compression.Gzip, message)
	}
	if len(message) <= o.packet {
		_, err := conn.Write(message)
		return err
	}
	pieces := (len(message) + o.packet - 1) / o.packet
	if pieces > maxPieces {
		return unfit{fmt.Errorf("a message of %d bytes, compressed, takes more than %d datagrams; raise packet_size or set mode tcp", len(message), maxPieces)}
	}
	piece := make([]byte, 12, 12+o.packet)
	piece[0], piece[1], piece[11] = 0x1e, 0x0f, byte(pieces)
	rand.Read(piece[2:10])
	for n := range pieces {
		piece[10] = byte(n)
		part := message[n*o.packet : min((n+1)*o.packet, len(message))]
		if _, err := conn.Write(append(piece[:12], part...)); err != nil {
			return err
		}
	}
	return nil
}
