// Package wasm is the filter wasm: a function of a WebAssembly module gets each record as text and returns what
// takes its place.
package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter wasm.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "wasm",
	Summary: "Edit or drop records with a WebAssembly module",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// format is how the function gets and returns records.
type format string

const (
	asJSON    format = "json"
	asMsgpack format = "msgpack"
)

type config struct {
	path     option.Value
	function string
	paths    []string
	format   format
	heap     int64
	stack    int64
}

func (c *config) Options() []option.Option {
	path := option.Ordered("string", c.setPath, "wasm_path")[0]
	path.Repeats = false
	return []option.Option{
		option.Enum("event_format", &c.format, asJSON, asMsgpack).Default("json").
			Help("How the function gets the record and returns it: as JSON, or as MessagePack."),
		path.Required().Help("The file with the module."),
		option.CSV("accessible_paths", &c.paths).Default(".").Help("Folders that the module may use through WASI."),
		option.String("function_name", &c.function).Required().
			Help("The exported function to call for each record, with tag, its length, seconds, nanoseconds, record and its length. It returns the address of the new record; 0 or an empty text drops the record."),
		option.Size("wasm_heap_size", &c.heap).Default("8192").
			Help("Memory to add for tag and record when the module exports no malloc. It grows when a record needs more."),
		option.Size("wasm_stack_size", &c.stack).Default("8192").
			Help("Has no effect: the stack grows as the module needs it."),
	}
}

func (c *config) setPath(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("takes one value, not a list or a map")
	}
	c.path = v
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	if _, err := os.Stat(c.path.Text); err != nil {
		return nil, &option.Error{Pos: c.path.Pos, Msg: "wasm_path: " + err.Error(), Cure: "name a WebAssembly file that can be read"}
	}
	return &filter{
		config: *c,
		log:    env.Log,
		style:  env.JSON,
		failed: burst.Log{Counter: env.Metrics.Counter("call_errors_total", "Records that went on unchanged because the call failed")},
	}, nil
}

type filter struct {
	config
	log    *slog.Logger
	style  event.JSONStyle
	module *module
	failed burst.Log
	text   []byte // a record in the function's format; kept for its memory, …
	body   []byte // … as is what it returned
}

// Start compiles the module and starts it.
func (f *filter) Start(ctx context.Context) (err error) {
	code, err := os.ReadFile(f.path.Text)
	if err != nil {
		return fmt.Errorf("read the module that 'wasm_path' names: %w", err)
	}
	f.module, err = load(ctx, code, settings{f.function, f.paths, f.heap, limits})
	return err
}

// Close ends the module.
func (f *filter) Close() error {
	if f.module == nil {
		return nil
	}
	return f.module.close()
}

var errNoMap = errors.New("it returned no map")

// Filter calls the function for each record. One whose call fails stays as it was.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	done := f.module.watch()
	defer done()
	for e := range b.Edit() {
		body, err := f.call(ctx, b.Tag, &e.Record)
		switch {
		case err != nil:
			f.failed.Error(f.log, fmt.Sprintf("function %s: %v. The record with tag '%s' goes on unchanged", f.function, err, b.Tag))
		case body == nil:
			e.Drop()
		default:
			e.SetBody(body)
		}
	}
	return nil
}

// call returns the new body, or nil when the record shall be dropped.
func (f *filter) call(ctx context.Context, tag string, r *event.Record) (event.Value, error) {
	if f.format == asMsgpack {
		out, err := f.module.call(ctx, tag, r.Time(), r.Body())
		if out == nil || err != nil {
			return nil, err
		}
		v, _, err := event.CheckValue(out)
		if err == nil && v.Type() != event.TypeMap {
			err = errNoMap
		}
		return v, err
	}
	f.text = append(event.AppendJSON(f.text[:0], r.Body(), f.style), 0)
	out, err := f.module.call(ctx, tag, r.Time(), f.text[:len(f.text)-1])
	if out == nil || err != nil {
		return nil, err
	}
	n := bytes.IndexByte(out, 0)
	if n < 0 {
		return nil, errors.New("it returned a text without an end")
	}
	if n == 0 {
		return nil, nil
	}
	return f.parse(out[:n])
}

func (f *filter) parse(text []byte) (event.Value, error) {
	body, used, err := event.ParseJSON(f.body[:0], text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it returned no JSON: %w", err)
	case event.Value(body).Type() != event.TypeMap:
		return nil, errNoMap
	case len(bytes.TrimSpace(text[used:])) > 0:
		return nil, fmt.Errorf("it returned more than one JSON value")
	}
	f.body = body
	return body, nil
}
