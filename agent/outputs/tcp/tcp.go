// Package tcp is the output tcp: records over a connection, as JSON, MessagePack or text.
//
// The protocol has no answers. What was written to a connection counts as delivered, and what a server that
// goes down has not read is lost; outputs whose servers answer (forward, http) lose nothing.
package tcp

import (
	"context"
	"errors"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output tcp.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "tcp",
	Summary: "Send records over TCP",
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
	return append(c.where.Options(),
		c.records.FormatOption(format.MsgPack, format.JSON, format.JSONLines, format.JSONStream).Default("msgpack"),
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
	payload, without := o.payload(c)
	if len(without) == c.Len() && o.raw != nil {
		return plugin.Drop(errNoKey)
	}
	if err := o.Up.Send(ctx, payload); err != nil {
		return err
	}
	return plugin.Reject(errNoKey, without...)
}

var errNoKey = errors.New("the record lacks what raw_message_key names")

// payload is what to send, and the positions of records that have no part in it.
func (o *output) payload(c *event.Chunk) (dst []byte, without []int) {
	switch {
	case o.raw == nil && o.records.Format == format.MsgPack:
		return c.Bytes(), nil
	case o.raw == nil:
		return o.records.AppendChunk(make([]byte, 0, 2*len(c.Bytes())), c), nil
	}
	i := 0
	for r := range c.Records() {
		if out, ok := o.raw.AppendText(dst, accessor.Source{Tag: c.Tag, Body: r.Body()}); ok {
			dst = append(out, '\n')
		} else {
			without = append(without, i)
		}
		i++
	}
	return dst, without
}
