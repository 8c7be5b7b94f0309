// Package checklist is the filter checklist: it sets keys on records whose value is found in a list.
package checklist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter checklist.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "checklist",
	Summary: "Set keys on records whose value is in a list",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// mode is how a value is compared with the list.
type mode string

const (
	exact   mode = "exact"
	partial mode = "partial"
)

type config struct {
	file       string
	mode       mode
	queryTime  bool
	ignoreCase bool
	key        *accessor.Accessor
	records    []event.Field
}

func (c *config) Options() []option.Option {
	record := option.Ordered("space delimited strings (minimum 2)", c.addRecord, "record")[0]
	return []option.Option{
		option.String("file", &c.file).Required().
			Help("The list: a text a line. Empty lines and those that begin with # do not count. It is read when the agent starts."),
		option.Enum("mode", &c.mode, exact, partial).Default("exact").
			Help("exact finds values that are in the list; partial also finds those that begin with a text of the list."),
		option.Switch("print_query_time", &c.queryTime).Default("false").
			Help("Log how long the lookups of each batch took."),
		option.Switch("ignore_case", &c.ignoreCase).Default("false").
			Help("Take upper and lower case for the same."),
		option.Var("lookup_key", "string", &c.key, accessor.CompileKey).Default("log").
			Help("What to look up: a key or a record accessor. Only texts are looked up."),
		record.Help("KEY VALUE: what a record whose value was found gets, in the place of what it has under KEY. true, false and null are written as such, all else as a text."),
	}
}

func (c *config) addRecord(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY VALUE, not a list or a map")
	}
	key, value := words.Pair(v.Text)
	if parts, err := words.Quoted(v.Text); err == nil && len(parts) == 2 {
		key, value = parts[0], parts[1]
	} else if value == "" {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("record: '%s' is not KEY VALUE", v.Text), Cure: `write a key, a blank and the value: flagged true; "" is the empty text`}
	}
	field := event.Field{Key: event.AppendStr(nil, key)}
	switch strings.ToLower(value) {
	case "true":
		field.Val = event.AppendBool(nil, true)
	case "false":
		field.Val = event.AppendBool(nil, false)
	case "null":
		field.Val = event.AppendNil(nil)
	default:
		field.Val = event.AppendStr(nil, value)
	}
	c.records = append(c.records, field)
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	if len(c.records) == 0 {
		env.Log.Warn("this filter sets nothing on the records that it finds; add what it shall set: record flagged true")
	}
	f := &filter{config: *c, log: env.Log, list: list{partial: c.mode == partial, ignoreCase: c.ignoreCase}}
	for _, r := range c.records {
		f.names = append(f.names, string(r.Key.Str()))
	}
	return f, nil
}

type filter struct {
	config
	log    *slog.Logger
	list   list
	names  []string      // the keys of records
	fields []event.Field // of the record in hand; kept for its memory
}

// Start reads the list.
func (f *filter) Start(context.Context) error {
	if err := f.list.load(f.file); err != nil {
		return fmt.Errorf("read the list that 'file' names: %w", err)
	}
	f.log.Info(fmt.Sprintf("%d texts read from '%s'", len(f.list.texts), f.file))
	return nil
}

// Filter sets the keys on the records whose value is found.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	began := time.Now()
	for e := range b.Edit() {
		v := f.key.Get(e.Body())
		if v.Type() != event.TypeStr || !f.list.has(v.Str()) {
			continue
		}
		f.fields = slices.DeleteFunc(event.AppendFields(f.fields[:0], e.Body()), f.replaced)
		f.fields = append(f.fields, f.records...)
		e.SetFields(f.fields)
	}
	if f.queryTime {
		f.log.Info(fmt.Sprintf("lookups for %d records took %s", b.Len(), time.Since(began)))
	}
	return nil
}

// replaced tells whether a field makes room for one of the records.
func (f *filter) replaced(x event.Field) bool {
	for _, name := range f.names {
		if x.Is(name) {
			return true
		}
	}
	return false
}
