// Package record_modifier is the filter record_modifier: it appends fixed keys to records and takes keys out
// by name.
package record_modifier

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter record_modifier.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "record_modifier",
	Summary: "Append fixed keys to records and take keys out by name",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	add     []event.Field
	remove  []name
	allow   []name
	uuidKey string
	both    option.Pos // of the first key whose list excludes the other
}

// name is the name of a key, or its beginning.
type name struct {
	text   string
	prefix bool
}

func (c *config) Options() []option.Option {
	return []option.Option{
		each("record", "space delimited strings (minimum 2)", c.addRecord).
			Help("KEY VALUE: append this pair to every record. A value with blanks may stand in double quotes."),
		each("remove_key", "string", func(v option.Value) error { return c.addName(&c.remove, v) }).
			Help("Take this key out, whatever its case; a * at the end takes all keys that begin so."),
		each("allowlist_key", "string", func(v option.Value) error { return c.addName(&c.allow, v) }).
			Help("Keep only the keys listed so, whatever their case; a * at the end keeps all keys that begin so."),
		each("whitelist_key", "string", func(v option.Value) error { return c.addName(&c.allow, v) }).
			Help("The older name of allowlist_key."),
		option.String("uuid_key", &c.uuidKey).Help("Append a random UUID (version 4) to every record under this key."),
	}
}

// each binds a key that may be given many times, or once as a YAML list, and needs the place of each value.
func each(key, typ string, set func(option.Value) error) option.Option {
	return option.Ordered(typ, func(_ string, v option.Value) error { return set(v) }, key)[0]
}

func (c *config) addRecord(v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY VALUE, not a list or a map")
	}
	key, value := words.Pair(v.Text)
	if parts, err := words.Quoted(v.Text); err == nil && len(parts) == 2 {
		key, value = parts[0], parts[1]
	} else if value == "" {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("record: '%s' has no value", v.Text), Cure: `write a key, a blank and the value: env test; "" is the empty text`}
	}
	c.add = append(c.add, event.Field{Key: event.AppendStr(nil, key), Val: event.AppendStr(nil, value)})
	return nil
}

func (c *config) addName(list *[]name, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be the name of a key, not a list or a map")
	}
	text, prefix := strings.CutSuffix(v.Text, "*")
	if v.Text == "" {
		return errors.New("should be the name of a key")
	}
	*list = append(*list, name{text, prefix})
	if len(c.remove) > 0 && len(c.allow) > 0 && c.both == (option.Pos{}) {
		c.both = v.Pos
	}
	return nil
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if len(c.remove) > 0 && len(c.allow) > 0 {
		return nil, &option.Error{Pos: c.both, Msg: "remove_key and allowlist_key exclude each other", Cure: "keep one of them: allowlist_key takes out whatever it does not list"}
	}
	f := &filter{config: *c}
	if c.uuidKey != "" {
		f.uuidName = event.AppendStr(nil, c.uuidKey)
	}
	return f, nil
}

type filter struct {
	config
	fields   []event.Field // of the record in hand; kept for its memory
	uuidName event.Value
	random   [16 * 64]byte
	unused   int // bytes of random, at its end
	uuid     [38]byte
}

// Filter edits every record. A batch without a key that must go stays as it is; of others a record that has no
// key left is dropped.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	adds := len(f.add) > 0 || f.uuidName != nil
	if !adds && !f.cutsAny(b) {
		return nil
	}
	for e := range b.Edit() {
		if !adds && e.Body().Len() > 0 && !f.cuts(e.Body()) {
			continue
		}
		f.fields = event.AppendFields(f.fields[:0], e.Body())
		if len(f.remove) > 0 || len(f.allow) > 0 {
			f.fields = f.cut(f.fields)
		}
		f.fields = append(f.fields, f.add...)
		if f.uuidName != nil {
			f.fields = append(f.fields, event.Field{Key: f.uuidName, Val: f.nextUUID()})
		}
		if len(f.fields) == 0 {
			e.Drop()
			continue
		}
		e.SetFields(f.fields)
	}
	return nil
}

func (f *filter) cutsAny(b *event.Batch) bool {
	for r := range b.Records() {
		if f.cuts(r.Body()) {
			return true
		}
	}
	return false
}

// cuts tells whether a record has a key that must go.
func (f *filter) cuts(body event.Value) bool {
	for k := range body.Pairs() {
		if f.goes(k) {
			return true
		}
	}
	return false
}

func (f *filter) cut(fields []event.Field) []event.Field {
	left := fields[:0]
	for _, field := range fields {
		if !f.goes(field.Key) {
			left = append(left, field)
		}
	}
	return left
}

func (f *filter) goes(key event.Value) bool {
	if len(f.allow) > 0 {
		return !listed(f.allow, key)
	}
	return listed(f.remove, key)
}

func listed(list []name, key event.Value) bool {
	s := key.Str()
	if s == nil {
		s = key.Bin()
	}
	for i := range list {
		n := &list[i]
		if len(s) == len(n.text) || n.prefix && len(s) > len(n.text) {
			if equalFold(s[:len(n.text)], n.text) {
				return true
			}
		}
	}
	return false
}

// equalFold compares texts of one length; only ASCII letters have a case here.
func equalFold(a []byte, b string) bool {
	for i, c := range a {
		if c != b[i] && lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// nextUUID returns an encoded UUID of version 4 (RFC 9562), good until the next call.
func (f *filter) nextUUID() event.Value {
	if f.unused == 0 {
		rand.Read(f.random[:]) // never fails
		f.unused = len(f.random)
	}
	u := f.random[len(f.random)-f.unused:][:16]
	f.unused -= 16
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	out := append(f.uuid[:0], 0xd9, 36) // a text of 36 bytes
	for i, group := range [][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, u[group[0]:group[1]])
	}
	return out
}
