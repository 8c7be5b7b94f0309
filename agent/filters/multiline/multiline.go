// Package multiline is the filter multiline: it joins records whose texts belong together.
//
// A record that may go on is held back until it is whole or nothing came for flush_ms. Then it goes to the
// filters behind this one, as all others do, and what it was made of counts as delivered when it is.
package multiline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter multiline.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "multiline",
	Summary: "Join records that belong together, such as the lines of a stack trace",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// mode is a value of the key mode.
type mode string

const (
	byParser  mode = "parser"
	byPartial mode = "partial_message"
)

type config struct {
	debug   bool
	buffer  bool
	mode    mode
	flushMs int
	parsers []string
	content string
	emitter string
	storage string
	limit   int64
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.CSVs("multiline.parser", &c.parsers).
			Help("Names of the multiline parsers that join records; the first that takes a record has it."),
		option.String("multiline.key_content", &c.content).
			Help("Key of the text that is joined, instead of the parsers' key_content."),
		option.Enum("mode", &c.mode, byParser, byPartial).Default(string(byParser)).
			Help("parser joins by multiline.parser; partial_message joins the parts into which Docker splits long messages, by their keys partial_message, partial_id and partial_last."),
		option.Switch("buffer", &c.buffer).Default("true").
			Help("Holds back what may go on in a later batch. Otherwise records are joined within one batch only."),
		option.Var("flush_ms", "integer", &c.flushMs, option.AtLeast(option.ParseInt, 1)).Default("2000").
			Help("How long a record waits for its next line, in milliseconds."),
		option.Switch("debug_flush", &c.debug).Default("false").
			Help("Logs each joined record."),
		option.String("emitter_name", &c.emitter).
			Help("Has no effect: there is no hidden input here that could have a name. Joined records count for the input that they came from."),
		option.Enum("emitter_storage.type", &c.storage, "memory", "filesystem", "memrb").Default("memory").
			Help("Has no effect: joined records are stored as the input's storage.type says."),
		option.Size("emitter_mem_buf_limit", &c.limit).Default("10M").
			Help("How much may be held back in all. Beyond it records are given out as far as they have come; none is lost."),
	}
}

// New checks the settings.
func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	f := &filter{
		config: *c, log: env.Log, streams: map[streamKey]*stream{}, wake: make(chan struct{}, 1),
		emitted: env.Metrics.Counter("emit_records_total", "Total number of emitted records"),
		cut:     env.Metrics.Counter("emit_truncated_total", "Joined records that ended at multiline_buffer_limit"),
	}
	what := plugin.Joining{Parsers: c.parsers, Content: c.content, Wait: c.wait()}
	fault := func(key, msg, cure string) error {
		v, _ := option.Lookup(env.Properties, key)
		return &option.Error{Pos: v.Pos, Msg: msg, Cure: cure}
	}
	switch {
	case c.mode == byParser && len(c.parsers) == 0:
		return nil, errors.New("multiline.parser is missing; name at least one, or set mode to partial_message")
	case c.mode == byParser && c.content == "":
		env.Log.Info("multiline.key_content is not set: only parsers with a key_content of their own will join records")
	case c.mode == byPartial && c.content == "":
		return nil, fault("mode", "mode partial_message needs the key of the text", "add multiline.key_content")
	case c.mode == byPartial:
		what.Partial = true
		if !c.buffer {
			env.Log.Warn("parts of messages that come in several batches stay apart: mode partial_message needs buffer on")
		}
	}
	var err error
	if f.join, err = env.Multiline(what); err != nil {
		return nil, fault("multiline.parser", "multiline.parser: "+err.Error(), "correct the name, or name the file that defines it with parsers_file")
	}
	return f, nil
}

func (c *config) wait() time.Duration { return time.Duration(c.flushMs) * time.Millisecond }

type filter struct {
	config
	join plugin.Multiline
	log  *slog.Logger

	emitted, cut *metric.Counter

	mu      sync.Mutex
	streams map[streamKey]*stream
	held    int64 // bytes of records that wait, about
	seq     int64
	scratch []byte
	cuts    int
	stalled time.Time           // Background's
	give    func(plugin.Joined) // takes what joiners give out
	wake    chan struct{}       // of Background; holds one
}

// Background gives out what has waited for too long.
func (f *filter) Background(ctx context.Context) error {
	every := max(f.wait()/8, time.Millisecond)
	tick := time.NewTicker(every)
	tick.Stop()
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
			tick.Reset(every)
			last = time.Now()
		case <-tick.C:
			now := time.Now()
			if now.Sub(last) > 4*every {
				f.stalled = now // the whole process was held up, and so were the records that are waited for
			}
			last = now
			if !f.flush(ctx, now) {
				tick.Stop()
			}
		}
	}
}

// Drain implements [plugin.Drainer].
func (f *filter) Drain(ctx context.Context) error {
	f.flush(ctx, time.Time{})
	return nil
}
