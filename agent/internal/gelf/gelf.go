// Package gelf writes records in the Graylog Extended Log Format 1.1
// (https://go2docs.graylog.org/current/getting_in_log_data/gelf.html).
package gelf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// Keys say which keys of a record have a meaning in GELF.
type Keys struct{ Timestamp, Host, Short, Full, Level string }

// Options returns gelf_timestamp_key and so on.
func (k *Keys) Options() []option.Option {
	key := func(name string, p *string, what, unless string) option.Option {
		return option.String(name, p).Help(fmt.Sprintf("The key that holds the %s of a GELF message; %s unless set.", what, unless))
	}
	return []option.Option{
		key("gelf_timestamp_key", &k.Timestamp, "time, instead of the record's own", "timestamp"),
		key("gelf_host_key", &k.Host, "name of the host", "host"),
		key("gelf_short_message_key", &k.Short, "message, which every record needs", "short_message"),
		key("gelf_full_message_key", &k.Full, "long form of the message", "full_message"),
		key("gelf_level_key", &k.Level, "severity, 0 to 7 or a name of syslog's", "level"),
	}
}

// ErrShort is the fault of a record without a message.
var ErrShort = errors.New("the record has no short_message, which GELF demands; name its key with gelf_short_message_key")

var errLevel = errors.New("the record's level is neither a number nor a text")

var levels = map[string]byte{
	"emerg": '0', "alert": '1', "crit": '2', "err": '3', "warning": '4', "notice": '5', "info": '6', "debug": '7',
}

// role names the field of GELF that a key stands for, "" for one of the user's.
func (k *Keys) role(key []byte) string {
	for _, r := range [...]struct{ configured, name string }{
		{k.Host, "host"}, {k.Short, "short_message"}, {k.Timestamp, "timestamp"}, {k.Level, "level"}, {k.Full, "full_message"},
	} {
		if string(key) == r.configured || r.configured == "" && string(key) == r.name {
			return r.name
		}
	}
	return ""
}

// Append appends one record.
func (k *Keys) Append(dst []byte, r *event.Record, s event.JSONStyle) ([]byte, error) {
	return k.AppendBody(dst, r.Time(), r.Body(), s)
}

// AppendBody appends a record of the given time and body.
func (k *Keys) AppendBody(dst []byte, t event.Time, body event.Value, s event.JSONStyle) ([]byte, error) {
	start := len(dst)
	w := writer{dst: append(dst, `{"version":"1.1"`...), style: s}
	var seen [4]string
	given := seen[:0]
	for key, val := range body.Pairs() {
		name := key.Str()
		if name == nil {
			if name = key.Bin(); name == nil {
				continue
			}
		}
		role := k.role(name)
		if role == "" {
			if string(name) != "id" { // reserved by GELF
				w.field(name, val)
			}
			continue
		}
		if contains(given, role) || val.Type() == event.TypeNil {
			continue
		}
		given = append(given, role)
		if role == "level" {
			if err := w.level(val); err != nil {
				return dst[:start], err
			}
			continue
		}
		w.known(role, val)
	}
	if !contains(given, "short_message") {
		return dst[:start], ErrShort
	}
	dst = w.dst
	if !contains(given, "timestamp") {
		dst = append(dst, fmt.Sprintf(`, "timestamp":%d.%03d`, t.Sec, t.Nsec/1e6)...)
	}
	return append(dst, '}'), nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

type writer struct {
	dst   []byte
	style event.JSONStyle
}

// name begins a field; characters that GELF forbids become _.
func (w *writer) name(parts ...[]byte) {
	w.dst = append(w.dst, `, "`...)
	for _, p := range parts {
		for _, c := range p {
			if c != '_' && c != '.' && c != '-' && !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
				c = '_'
			}
			w.dst = append(w.dst, c)
		}
	}
	w.dst = append(w.dst, `":`...)
}

// field writes a field of the user's: a map becomes one field for each of its values.
func (w *writer) field(name []byte, v event.Value) {
	if v.Type() != event.TypeNil {
		w.flatten(append(append(make([]byte, 0, 64), '_'), name...), v)
	}
}

func (w *writer) flatten(name []byte, v event.Value) {
	if v.Type() != event.TypeMap {
		w.name(name)
		w.value(v)
		return
	}
	for key, val := range v.Pairs() {
		part := key.Str()
		if part == nil {
			part = key.Bin()
		}
		n := len(name)
		name = append(append(name, '_'), part...)
		w.flatten(name, val)
		name = name[:n]
	}
}

// known writes a field that GELF defines.
func (w *writer) known(role string, v event.Value) {
	if v.Type() == event.TypeMap {
		w.field([]byte(role), v)
		return
	}
	w.name([]byte(role))
	w.value(v)
}

// value writes numbers as they are and all else as text, which is all that GELF knows.
func (w *writer) value(v event.Value) {
	switch v.Type() {
	case event.TypeInt:
		n, _ := v.Int()
		w.dst = strconv.AppendInt(w.dst, n, 10)
	case event.TypeUint:
		n, _ := v.Uint()
		w.dst = strconv.AppendUint(w.dst, n, 10)
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) { // which JSON cannot hold
			w.dst = event.AppendJSON(w.dst, v, w.style)
			return
		}
		w.dst = strconv.AppendFloat(w.dst, f, 'f', 6, 64)
	case event.TypeNil:
		w.dst = append(w.dst, "null"...)
	case event.TypeStr:
		w.dst = event.AppendJSONString(w.dst, v.Str(), w.style)
	case event.TypeBin:
		w.dst = event.AppendJSONString(w.dst, v.Bin(), w.style)
	case event.TypeArray:
		w.dst = event.AppendJSONString(w.dst, w.list(v), w.style)
	default:
		w.dst = event.AppendJSONString(w.dst, event.AppendJSON(nil, v, w.style), w.style)
	}
}

// list renders an array's items with commas between them, maps as key=value.
func (w *writer) list(v event.Value) []byte {
	var out []byte
	for e := range v.Elems() {
		if len(out) > 0 {
			out = append(out, ", "...)
		}
		out = w.item(out, "", e)
	}
	return out
}

func (w *writer) item(out []byte, prefix string, e event.Value) []byte {
	switch e.Type() {
	case event.TypeStr:
		return append(out, e.Str()...)
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := e.Float()
		return strconv.AppendFloat(out, f, 'f', 6, 64)
	case event.TypeArray:
		return append(out, w.list(e)...)
	case event.TypeMap:
		start := len(out)
		for key, val := range e.Pairs() {
			name := prefix + string(key.Str())
			if len(out) > start {
				out = append(out, ' ')
			}
			if val.Type() == event.TypeMap {
				out = w.item(out, name+"_", val)
				continue
			}
			out = w.item(append(append(out, name...), '='), "", val)
		}
		return out
	}
	return event.AppendJSON(out, e, w.style)
}

// level writes the severity: a name of syslog's becomes its number, any other text stays.
func (w *writer) level(v event.Value) error {
	switch v.Type() {
	case event.TypeStr:
		s := v.Str()
		w.name([]byte("level"))
		if d, ok := levels[strings.ToLower(string(s))]; ok {
			w.dst = append(w.dst, d)
		} else if len(s) == 1 && s[0] >= '0' && s[0] <= '7' {
			w.dst = append(w.dst, s[0])
		} else {
			w.dst = event.AppendJSONString(w.dst, s, w.style)
		}
		return nil
	case event.TypeInt, event.TypeUint:
		if n, ok := v.Uint(); ok {
			w.name([]byte("level"))
			w.dst = strconv.AppendUint(w.dst, n, 10)
			return nil
		}
	}
	return errLevel
}
