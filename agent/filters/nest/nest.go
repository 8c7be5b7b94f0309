// Package nest is the filter nest: it gathers keys of the record under one map, or lifts the keys of a map up
// into the record.
package nest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter nest.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "nest",
	Summary: "Gather keys under a map, or lift the keys of a map",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// operation is the direction.
type operation string

const (
	nest operation = "nest"
	lift operation = "lift"
)

type config struct {
	op        operation
	wildcards []wildcard
	under     string // the map to make
	from      string // the map to lift
	add       string
	remove    string
}

// wildcard is the name of a key, or its beginning.
type wildcard struct {
	text   string
	prefix bool
}

func parseWildcard(s string) (wildcard, error) {
	if s == "" {
		return wildcard{}, errors.New("is empty; write the name of a key, or its beginning and a *")
	}
	text, prefix := strings.CutSuffix(s, "*")
	return wildcard{text, prefix}, nil
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Enum("operation", &c.op, nest, lift).Required().
			Help("nest puts keys under a map of their own; lift puts the keys of a map into the record, in the map's place."),
		option.Each("wildcard", "string", &c.wildcards, parseWildcard).
			Help("nest: a key to gather; with a * at its end all keys that begin so."),
		option.String("nest_under", &c.under).Help("nest: the key of the map that is made."),
		option.String("nested_under", &c.from).Help("lift: the key of the map to lift. Records that have no map there stay as they are."),
		option.String("add_prefix", &c.add).Help("Put this before the name of each key that moves."),
		option.String("remove_prefix", &c.remove).Help("Take this off the name of each key that moves and begins with it."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	c.under, c.from = cmp.Or(c.under, c.from), cmp.Or(c.from, c.under) // Fluent Bit does not tell them apart
	switch {
	case c.op == nest && c.under == "":
		return nil, errors.New("operation nest needs the name of the map to make; set nest_under")
	case c.op == lift && c.from == "":
		return nil, errors.New("operation lift needs the name of the map to lift; set nested_under")
	case c.add != "" && c.remove != "":
		return nil, errors.New("add_prefix and remove_prefix exclude each other; keep one, and use a second nest filter for the other")
	}
	if c.op == nest && len(c.wildcards) == 0 {
		env.Log.Warn("operation nest gathers no key; set wildcard to one, or to the beginning of several and a *")
	}
	return &filter{config: *c, underKey: event.AppendStr(nil, c.under), removed: []byte(c.remove)}, nil
}

type filter struct {
	config
	underKey event.Value
	removed  []byte
	rest     []event.Field // keys that stay; kept for its memory, …
	moving   []event.Field // … as these are: keys that move …
	name     []byte        // … a new name …
	keys     []byte        // … the new names, encoded …
	made     []byte        // … and the map that is made
}

// Filter moves the keys.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	apply := f.nest
	if f.op == lift {
		apply = f.lift
	}
	for e := range b.Edit() {
		if fields := apply(e.Body()); fields != nil {
			e.SetFields(fields)
		}
	}
	return nil
}

// nest returns the fields of body with the map behind them, or nil when there is nothing to gather.
func (f *filter) nest(body event.Value) []event.Field {
	if !f.concerns(body) {
		return nil // fast path
	}
	f.clear()
	for k, v := range body.Pairs() {
		if f.gathers(k) {
			f.move(k, v)
			continue
		}
		f.rest = append(f.rest, event.Field{Key: k, Val: v})
	}
	f.made = event.AppendMapOf(f.made[:0], f.moving)
	f.rest = append(f.rest, event.Field{Key: f.underKey, Val: f.made})
	return f.rest
}

func (f *filter) concerns(body event.Value) bool {
	for k := range body.Pairs() {
		if f.gathers(k) {
			return true
		}
	}
	return false
}

func (f *filter) gathers(key event.Value) bool {
	name := text(key)
	if name == nil {
		return false
	}
	for i := range f.wildcards {
		w := &f.wildcards[i]
		if len(name) >= len(w.text) && (w.prefix || len(name) == len(w.text)) && string(name[:len(w.text)]) == w.text {
			return true
		}
	}
	return false
}

// lift returns the fields of body with those of the map behind them, or nil when there is no map.
func (f *filter) lift(body event.Value) []event.Field {
	if body.Get(f.from) == nil {
		return nil // fast path: the map is not there
	}
	f.clear()
	found := false
	for k, v := range body.Pairs() {
		field := event.Field{Key: k, Val: v}
		if v.Type() != event.TypeMap || !field.Is(f.from) {
			f.rest = append(f.rest, field)
			continue
		}
		found = true
		for k, v := range v.Pairs() {
			f.move(k, v)
		}
	}
	if !found {
		return nil
	}
	f.rest = append(f.rest, f.moving...)
	return f.rest
}

func (f *filter) clear() {
	f.rest, f.moving, f.keys = f.rest[:0], f.moving[:0], f.keys[:0]
	if f.rest == nil {
		f.rest = make([]event.Field, 0, 16) // nil means that nothing happens
	}
}

// move takes a pair along under its new name.
func (f *filter) move(key, val event.Value) {
	f.moving = append(f.moving, event.Field{Key: f.renamed(key), Val: val})
}

func (f *filter) renamed(key event.Value) event.Value {
	name := text(key)
	if name == nil {
		return key
	}
	at := len(f.keys)
	switch {
	case f.add != "":
		f.name = append(append(f.name[:0], f.add...), name...)
		f.keys = event.AppendStr(f.keys, f.name)
	case f.remove != "" && bytes.HasPrefix(name, f.removed):
		f.keys = event.AppendStr(f.keys, name[len(f.removed):])
	default:
		return key
	}
	return f.keys[at:len(f.keys):len(f.keys)]
}

// text returns the bytes of a key that is a text or binary, and nil for others.
func text(key event.Value) []byte {
	if s := key.Str(); s != nil {
		return s
	}
	return key.Bin()
}
