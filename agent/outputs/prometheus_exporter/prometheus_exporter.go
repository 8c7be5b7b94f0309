// Package prometheus_exporter is the output prometheus_exporter: a page of metrics for Prometheus to fetch.
//
// The page holds, for each instance and tag that metrics come from, what came from there last.
package prometheus_exporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/httpserver"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output prometheus_exporter.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "prometheus_exporter",
	Summary: "Metrics as a page that Prometheus fetches",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

const (
	defaultPort = 2021
	patience    = 30 * time.Second // for a client that fetches a page
)

type config struct {
	where  listen.Settings
	server httpserver.Settings
	timed  bool
	labels [][]string
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.String("host", &c.where.Listen).Help("Address of this machine to listen on; 0.0.0.0 unless set."),
		option.Var("port", "integer", &c.where.Port, option.Between(option.ParseInt, 0, 65535)).Default("0").Help("Port to listen on; 0 for 2021."),
		option.Switch("add_timestamp", &c.timed).Default("false").Help("Write each value's time beside it."),
		option.WordLists("add_label", 1, &c.labels).Help("NAME VALUE: a label for all metrics. Can be given many times."),
	}, c.server.Options()...)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	if c.where.Listen == "" {
		c.where.Listen = "0.0.0.0"
	}
	c.where.Default(defaultPort)
	c.where.Backlog = 128 // the options net.* of outputs are those of clients
	o := &output{config: *c, log: env.Log}
	for _, l := range c.labels {
		if len(l) != 2 {
			v, _ := option.Lookup(env.Properties, "add_label")
			return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("add_label: '%s' has no value", l[0]), Cure: "write a name, a blank and the value"}
		}
		o.book.labels = append(o.book.labels, metric.L(l[0], l[1]))
	}
	return o, nil
}

type output struct {
	config
	log  *slog.Logger
	l    *listen.Listener
	book book
}

// Start opens the port.
func (o *output) Start(context.Context) (err error) {
	o.l, err = o.where.Open(o.log)
	return err
}

// Close lets go of the port.
func (o *output) Close() error {
	if o.l != nil {
		o.l.Close()
	}
	return nil
}

// Background serves the page.
func (o *output) Background(ctx context.Context) error {
	return o.server.Serve(ctx, o.l, true, http.HandlerFunc(o.answer), o.log)
}

// Flush takes a chunk into the page. Its sets before one that cannot be read count.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	var sets []*metric.Set
	var bad error
	for s, err := range metric.All(c.Bytes()) {
		if err != nil {
			bad = plugin.Drop(fmt.Errorf("chunk of %d bytes: %w", len(c.Bytes()), err))
			break
		}
		sets = append(sets, s)
	}
	if len(sets) > 0 {
		o.book.put(source{c.Source, c.Tag}, sets)
	}
	return bad
}

func (o *output) answer(w http.ResponseWriter, r *http.Request) {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return
	}
	w.Header().Set("Server", "Fluent Bit")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		_, _ = w.Write([]byte("Fluent Bit Prometheus Exporter\n"))
	case r.URL.Path == "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(o.book.page(o.timed)) // a client that is gone needs no answer
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
