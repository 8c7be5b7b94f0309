// Package syslog is the output syslog: each record is a message by RFC 5424 or RFC 3164, over UDP, TCP or TLS.
// Syslog has no answers, so what was written counts as delivered.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output syslog.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "syslog",
	Summary: "Send records as syslog messages",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type output struct {
	config
	upstream.Sender
	bad burst.Log
}

func (o *output) Flush(ctx context.Context, c *event.Chunk) error {
	if o.mode == udp {
		return o.sendPackets(ctx, c)
	}
	var all []byte
	for r := range c.Records() {
		all = append(o.message(all, r), '\n')
	}
	return o.Up.Send(ctx, all)
}

var errLarge = errors.New("the message is too large for a datagram; set syslog_maxsize, or another mode")

func (o *output) sendPackets(ctx context.Context, c *event.Chunk) error {
	conn, err := o.Up.DialPackets(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var packet []byte
	var large []int
	i := -1
	for r := range c.Records() {
		i++
		packet = o.message(packet[:0], r)
		switch _, err := conn.Write(packet); {
		case errors.Is(err, syscall.EMSGSIZE): // the next time as well
			large = append(large, i)
		case err != nil:
			return fmt.Errorf("send to %s: %w", o.Up, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return plugin.Reject(errLarge, large...)
}
