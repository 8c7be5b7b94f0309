// Package udp is the output udp: each record in a datagram of its own. Nobody knows whether one arrives.
package udp

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output udp.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "udp",
	Summary: "Send each record as a UDP datagram",
	Kinds:   event.Logs,
	Workers: 2,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

const defaultPort = 5170

type config struct {
	where   upstream.Settings
	records format.Records
	raw     *accessor.Accessor
}

func (c *config) Options() []option.Option {
	return append(append(c.where.Place(), c.where.Net.Options()...),
		c.records.FormatOption(format.MsgPack, format.JSON, format.JSONLines, format.JSONStream).Default("json_lines"),
		c.records.DateFormatOption().Default("double"),
		c.records.DateKeyOption(),
		option.Var("raw_message_key", "string", &c.raw, accessor.CompileText).Help("Send this key's text of each record, and a line end, instead of the format. It may be a text with record accessors."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	c.records.Style = env.JSON
	up, err := c.where.Sender(env, defaultPort)
	return &output{config: *c, Sender: up}, err
}

type output struct {
	config
	upstream.Sender
}

func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	conn, err := o.Up.DialPackets(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var packet []byte
	var bad []int
	var why error
	i := -1
	for r := range c.Records() {
		i++
		out, err := o.packet(packet[:0], c.Tag, r)
		if err == nil {
			packet = out
			_, err = conn.Write(packet)
		}
		switch {
		case errors.Is(err, errNoKey), errors.Is(err, syscall.EMSGSIZE): // the next time as well
			bad, why = append(bad, i), err
		case err != nil:
			return fmt.Errorf("send to %s: %w", o.Up, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return plugin.Reject(why, bad...)
}

var errNoKey = errors.New("the record lacks what raw_message_key names")

func (o *output) packet(dst []byte, tag string, r *event.Record) ([]byte, error) {
	if o.raw != nil {
		dst, ok := o.raw.AppendText(dst, accessor.Source{Tag: tag, Body: r.Body()})
		if !ok {
			return nil, errNoKey
		}
		return append(dst, '\n'), nil
	}
	switch o.records.Format {
	case format.MsgPack:
		return append(dst, r.Raw()...), nil
	case format.JSON:
		dst = append(dst, '[')
		dst = append(o.records.AppendObject(dst, r), ']')
	default:
		dst = o.records.AppendObject(dst, r)
	}
	return append(dst, '\n'), nil
}
