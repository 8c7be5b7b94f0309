// Package statsd is the input statsd: what programs measure and send over UDP, a line each, as records or as
// metrics.
package statsd

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input statsd.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "statsd",
	Summary: "Measurements in the protocol of StatsD over UDP",
	Kinds:   event.Logs | event.Metrics,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const defaultPort = 8125

type config struct {
	where   listen.Settings
	metrics bool
}

func (c *config) Options() []option.Option {
	return append(append(c.where.Place(), c.where.Net()...),
		option.Switch("metrics", &c.metrics).Default("off").Help("Emit metrics instead of records. Counters tell what came since the last time; tags become labels."))
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(defaultPort)
	return &input{config: *c, env: env}, nil
}

type input struct {
	config
	env plugin.Env
	c   *listen.Packets
	bad int // lines so far
}

// Start opens the socket.
func (in *input) Start(context.Context) (err error) {
	in.c, err = in.where.OpenPackets(in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.c != nil {
		in.c.Close()
	}
	return nil
}

// Run emits a batch per packet.
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return in.c.Run(ctx, to, in.batch)
}

// batch makes one of a packet's lines.
func (in *input) batch(packet []byte, from net.Addr) *event.Batch {
	b := event.New(in.env.Tag)
	var set metric.Set
	now := event.Now()
	for text := range strings.SplitSeq(string(packet), "\n") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		l, err := parseLine(text)
		switch {
		case err != nil:
			in.refuse(text, from, err)
		case in.metrics:
			l.addTo(&set, now.Go().UnixNano())
		default:
			b.Commit(l.appendRecord(b.Begin(now)))
		}
	}
	if in.metrics && set.Len() > 0 {
		return event.Payload(in.env.Tag, event.Metrics, metric.Append(nil, &set))
	}
	return b
}

// refuse tells of the first malformed line, and then ever more seldom.
func (in *input) refuse(text string, from net.Addr, err error) {
	if in.bad++; in.bad&(in.bad-1) == 0 {
		in.env.Log.Warn(fmt.Sprintf("a line from %v %v and is left out: %.80q (lines so far: %d)", from, err, text, in.bad))
	}
}
