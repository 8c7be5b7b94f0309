// Package plugin is the contract between the agent and its plugins, whether they are compiled in, live in
// a worker process, or are loaded by the C Fluent Bit.
//
// A plugin exports one [Spec]. The agent asks it for a [Config], fills the options, and calls New: New
// looks, Start touches, Run works. New may be called for a mere check and must not open sockets, files or
// goroutines; Start, if there is one, opens them and may fail; then Run, Filter or Flush do the work until
// the context ends; Close lets go.
package plugin

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
)

// Input produces batches until ctx ends. Run returning nil earlier means that the input has no more to
// give; an error is logged and the input stays down. The rest of the agent goes on in both cases.
type Input interface {
	Run(ctx context.Context, to Emitter) error
}

// Emitter owns a batch from the moment Emit is called, also when it returns an error. Emit blocks while
// the input is paused. nil means that the pipeline holds the batch; what OnSettled registered fires later.
type Emitter interface {
	Emit(ctx context.Context, b *event.Batch) error
}

// Filter edits a batch in place before it is stored. Calls to one instance never overlap. After an error,
// which is logged, the batch goes on as the filter left it.
type Filter interface {
	Filter(ctx context.Context, b *event.Batch) error
}

// Output delivers one stored chunk, which it may read until it returns. Calls to one instance overlap only
// up to its workers. A plain error asks for a retry; [Drop] says that a retry cannot help.
type Output interface {
	Flush(ctx context.Context, c *event.Chunk) error
}

// Parser turns one line into a record's body, one encoded map appended to dst. A zero time means that the
// line had none.
type Parser interface {
	Parse(dst, line []byte) (body []byte, t event.Time, err error)
}

// StreamParser is optional for parsers: ParseFirst parses the first record of buf, which may hold many and
// may end in the middle of one, and tells how many bytes it took.
type StreamParser interface {
	ParseFirst(dst, buf []byte) (body []byte, t event.Time, used int, err error)
}

// Custom is a plugin that is neither input, filter nor output; it works in Background.
type Custom interface {
	Background(ctx context.Context) error
}

// Starter is optional: Start opens sockets and files once the whole configuration was found good. Its
// failure stops the agent's start, or has a reload refused.
type Starter interface {
	Start(ctx context.Context) error
}

// Replayer is optional for inputs: Replays tells whether, as it is configured, records that were not settled
// when the agent ended come again. It is asked after New.
type Replayer interface {
	Replays() bool
}

// Background is optional for filters and outputs: timers and listeners, until ctx ends. It begins before
// data flows.
type Background interface {
	Background(ctx context.Context) error
}

// Config holds one instance's settings; P is the kind of plugin that they build.
type Config[P any] interface {
	Options() []option.Option // each bound to the field that it fills
	New(env Env) (P, error)   // checks and builds; opens no socket, file or goroutine
}

// Spec is what a plugin's package exports.
type Spec[P any] struct {
	Name    string // Fluent Bit's name, in lower case
	Summary string // one line for the help
	Kinds   event.Kinds
	Workers int  // outputs: how many flushes may overlap unless `workers` says otherwise; 0 counts as 1
	Retags  bool // batches may carry tags other than the configured one
	Rereads bool // inputs: what was not read yet stays at the source, so being held back costs nothing
	Config  func() Config[P]
}

// Set lists the plugins that an agent knows. Processors are filters that may take more than logs and are
// configured inside of inputs and outputs.
type Set struct {
	Inputs     []Spec[Input]
	Filters    []Spec[Filter]
	Processors []Spec[Filter]
	Outputs    []Spec[Output]
	Parsers    []Spec[Parser] // named after their format: json, regex, …
	Customs    []Spec[Custom]
}

// Env is what the agent lends one instance.
type Env struct {
	Name  string // the instance: "grep.0"
	Alias string // the configured alias, or ""
	Tag   string // inputs: the configured tag, or the instance's name
	Log   *slog.Logger

	// Metrics makes counters and gauges that appear among the agent's metrics, with the instance's name.
	Metrics *metric.Registry

	// Properties are all configured keys of the instance, those that the agent uses itself included.
	Properties []option.Property

	// Agent yields the agent's own metrics; it is nil where the host does not tell them.
	Agent func() metric.Set

	// Vars are the variables that the configuration defines with @SET and env sections.
	Vars map[string]string

	// Parser finds a configured parser; false when there is none of that name.
	Parser func(name string) (Parser, bool)

	// Multiline finds multiline parsers; the error names one that is not there, or cannot be used so.
	Multiline func(Joining) (Multiline, error)

	// Upstream finds a group of servers by its name or file; false when the configuration has none such.
	Upstream func(name string) ([]Node, bool)

	// JoinLimit is how many bytes of text are joined of lines at most; 0 for no limit.
	JoinLimit int64

	// Emit brings a batch that a filter or output made to the pipeline's start. A parent's settlement
	// waits for batches that were derived from it.
	Emit func(ctx context.Context, b *event.Batch) error

	// Stop ends the agent in an orderly manner: what is pending is delivered first, then it exits with
	// code. It returns at once.
	Stop func(code int)

	// JSON says how the service wants JSON to be written.
	JSON event.JSONStyle

	// Grace is how long the agent waits for pending work when it stops.
	Grace time.Duration
}

// Node is one server of an upstream: what its definition says, in order.
type Node struct {
	Name       string
	Properties []option.Property
	Pos        option.Pos
}

type markedError struct {
	error
	mark mark
}

type mark uint8

const (
	markDrop mark = iota + 1
	markPoison
)

func (e markedError) Unwrap() error { return e.error }

// Drop marks err, which a Flush returns, as one that retrying cannot mend. Drop(nil) is nil.
func Drop(err error) error { return wrap(err, markDrop) }

// Dropped reports whether err was marked by [Drop].
func Dropped(err error) bool { return marked(err, markDrop) }

// Poison marks err as caused by the chunk itself: delivering it again would again harm the plugin. Such a
// chunk is set aside, or retried seldom, but never thrown away.
func Poison(err error) error { return wrap(err, markPoison) }

// Poisoned reports whether err was marked by [Poison].
func Poisoned(err error) bool { return marked(err, markPoison) }

func wrap(err error, m mark) error {
	if err == nil {
		return nil
	}
	return markedError{err, m}
}

func marked(err error, m mark) bool {
	var e markedError
	for errors.As(err, &e) {
		if e.mark == m {
			return true
		}
		err = e.error
	}
	return false
}

// Every calls collect each interval until ctx ends or collect fails, first after one interval. A tick
// that comes while collect still works is left out.
func Every(ctx context.Context, interval time.Duration, collect func() error) error {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := collect(); err != nil {
				return err
			}
		}
	}
}
