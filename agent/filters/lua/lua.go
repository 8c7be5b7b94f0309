// Package lua is the filter and processor lua: a function of a Lua script decides for each record whether it
// stays, goes, or becomes one or many others.
package lua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter lua.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "lua",
	Summary: "Edit, drop or split records with a Lua script",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	script    option.Value
	code      string
	call      string
	ints      string
	arrays    string
	protected bool
	timeTable bool
	null      bool
}

func (c *config) Options() []option.Option {
	script := option.Ordered("string", c.setScript, "script")[0]
	script.Repeats = false
	return []option.Option{
		script.Help("The file with the script. One that is not found in the working directory is looked for beside the configuration file."),
		option.String("code", &c.code).Help("The script itself, in place of a file."),
		option.String("call", &c.call).Required().
			Help("The function to call for each record, with tag, time and record; one with five parameters also gets the group's attributes and the metadata. It returns a code (-1 drop, 0 keep, 1 take time and record, 2 take the record), time, metadata if it got them, and record."),
		option.String("type_int_key", &c.ints).Help("Keys whose numbers become integers, separated by blanks."),
		option.String("type_array_key", &c.arrays).Help("Keys whose tables are arrays also when they are empty, separated by blanks. Arrays that were in the record are known anyway."),
		option.Switch("protected_mode", &c.protected).Default("true").
			Help("Has no effect: an error in the script never ends the agent."),
		option.Switch("time_as_table", &c.timeTable).Default("false").
			Help("Give and take the time as a table with sec and nsec instead of a number, which cannot hold nanoseconds."),
		option.Switch("enable_flb_null", &c.null).Default("false").
			Help("Show null values as flb_null. Without it they are nil, and keys that hold nil vanish."),
	}
}

func (c *config) setScript(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("takes one value, not a list or a map")
	}
	c.script = v
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	s := script{
		call:      c.call,
		timeTable: c.timeTable,
		null:      c.null,
		ints:      strings.Fields(c.ints),
		arrays:    strings.Fields(c.arrays),
		limits:    limits,
		vars:      env.Vars,
	}
	if !c.protected {
		env.Log.Warn("protected_mode off has no effect: an error in the script is logged and its records go on unchanged")
	}
	switch {
	case c.code != "":
		s.name, s.source = "fluentbit.lua", []byte(c.code)
	case c.script.Text != "":
		var err error
		if s.name, s.source, err = read(c.script); err != nil {
			return nil, &option.Error{Pos: c.script.Pos, Msg: "script: " + err.Error(), Cure: "name a file that can be read, or put the script into 'code'"}
		}
	default:
		return nil, errors.New("has no script; name its file with 'script', or write it into 'code'")
	}
	if err := check(&s); err != nil {
		return nil, fmt.Errorf("the script does not compile: %w", err)
	}
	return &filter{
		script:     s,
		log:        env.Log,
		failed:     burst.Log{Counter: env.Metrics.Counter("call_errors_total", "Batches that went on unchanged because the function failed")},
		unexpected: burst.Log{Counter: env.Metrics.Counter("unexpected_codes_total", "Batches in which the function returned a code that means nothing")},
		renewed:    burst.Log{Counter: env.Metrics.Counter("restarts_total", "Times that the script was started anew")},
	}, nil
}

// read finds the script's file.
func read(at option.Value) (name string, source []byte, err error) {
	source, err = os.ReadFile(at.Text)
	if errors.Is(err, os.ErrNotExist) && !filepath.IsAbs(at.Text) && at.Pos.Line > 0 {
		beside := filepath.Join(filepath.Dir(at.Pos.File), at.Text)
		if found, err := os.ReadFile(beside); err == nil {
			return beside, found, nil
		}
	}
	return at.Text, source, err
}

type filter struct {
	script
	log        *slog.Logger
	machine    machine
	out        results
	failed     burst.Log // calls that ended in an error
	unexpected burst.Log // codes that mean nothing
	renewed    burst.Log // interpreters that had to be replaced
}

// Start runs the script once, which defines its functions.
func (f *filter) Start(context.Context) (err error) {
	f.machine, err = start(&f.script)
	return err
}

// Close ends the interpreter.
func (f *filter) Close() error {
	if f.machine != nil {
		f.machine.close()
	}
	return nil
}

// Filter calls the function for all records and then applies what it returned, so that after an error the
// whole batch stays as it was.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	f.out.reset()
	err := f.machine.run(b, &f.out)
	defer f.renew()
	if err != nil {
		f.failed.Error(f.log, fmt.Sprintf("function %s: %v. The %d records with tag '%s' go on unchanged", f.call, err, b.Len(), b.Tag))
		return nil
	}
	if f.out.strange != 0 {
		f.unexpected.Error(f.log, fmt.Sprintf("function %s returned the code %d, its record is kept unchanged; return -1, 0, 1 or 2", f.call, f.out.strange))
	}
	next := 0
	for e := range b.Edit() {
		apply(e, &f.out.list[next])
		next++
	}
	return nil
}

// renew starts the interpreter afresh when it has come out of the last run unfit for another.
func (f *filter) renew() {
	why := f.machine.spent()
	if why == "" {
		return
	}
	f.machine.close()
	m, err := start(&f.script)
	if err != nil {
		m = broken{err}
	}
	f.machine = m
	f.renewed.Error(f.log, why+"; the script was started anew, its variables are lost")
}

// broken stands for an interpreter that could not be started again.
type broken struct{ err error }

func (b broken) run(*event.Batch, *results) error { return b.err }
func (broken) spent() string                      { return "" }
func (broken) close()                             {}

func apply(e *event.Edit, r *result) {
	switch {
	case r.action == keep:
	case r.action == drop:
		e.Drop()
	case r.body.Type() == event.TypeMap && r.meta == nil && r.time == e.Time():
		e.SetBody(r.body)
	default:
		substitute(e, r)
	}
}

// substitute puts the returned records in the place of e.
func substitute(e *event.Edit, r *result) {
	e.Drop()
	meta := r.meta
	if meta == nil {
		meta = e.Meta()
	}
	if r.body.Type() == event.TypeMap {
		e.Insert(r.time, asMap(meta), r.body)
		return
	}
	n, i := r.body.Len(), 0
	for body := range r.body.Elems() {
		own := meta
		if meta.Type() == event.TypeArray && meta.Len() == n {
			own = meta.Index(i)
		}
		e.Insert(r.time, asMap(own), body)
		i++
	}
}

// asMap returns metadata that is no map as none.
func asMap(meta event.Value) event.Value {
	if meta.Type() != event.TypeMap {
		return nil
	}
	return meta
}
