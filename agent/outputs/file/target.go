package file

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/strftime"
	"github.com/fluent/fluent-bit-go/agent/internal/tagfile"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// target is the name of a file, possibly put together from tag, time and record.
type target struct {
	dir, name   []piece // no name: the tag
	strftime    bool
	fromRecords bool // a piece takes something from the record
}

// piece is one part of a name: a text, the tag, one part of the tag, or a field of the record.
type piece struct {
	text    string
	tag     bool
	tagPart int    // -1 for the whole tag
	field   []step // the way to a field; nil when the piece is none
}

// step goes into a map by key, or into an array by index when key is "".
type step struct {
	key   string
	index int
}

func newTarget(path, file option.Value, dates bool) (t target, err error) {
	if t.dir, err = parseName(path); err != nil {
		return t, err
	}
	if t.name, err = parseName(file); err != nil {
		return t, err
	}
	if len(t.dir) > 0 && t.dir[0].text == "" {
		return t, &option.Error{Pos: path.Pos, Msg: "path: '" + path.Text + "' begins with a record accessor", Cure: "begin with a fixed directory, so that no record can choose any place"}
	}
	if len(t.dir) > 0 && t.dir[0].text == "/" && len(t.dir) > 1 {
		return t, &option.Error{Pos: path.Pos, Msg: "path: '" + path.Text + "' lets records choose any directory", Cure: "begin with a fixed directory such as /var/log/"}
	}
	for _, p := range append(append([]piece(nil), t.dir...), t.name...) {
		t.fromRecords = t.fromRecords || p.field != nil
		t.strftime = t.strftime || dates && strings.Contains(p.text, "%")
	}
	return t, nil
}

// fixed reports whether all records of a chunk go to the same file.
func (t *target) fixed() bool { return !t.strftime && !t.fromRecords }

// render returns the file's path, "" when the record lacks a field. r may be nil when the target is fixed.
func (t *target) render(tag string, r *event.Record) string {
	dir, ok := t.join(t.dir, tag, r)
	if !ok {
		return ""
	}
	if len(t.name) == 0 {
		return filepath.Join(dir, tagfile.Plain(tag))
	}
	name, ok := t.join(t.name, tag, r)
	switch {
	case !ok:
		return ""
	case filepath.IsAbs(name):
		return tagfile.Fit(name) // as configured; what comes from outside cannot begin with a slash
	}
	return tagfile.Fit(filepath.Join(dir, name))
}

func (t *target) join(pieces []piece, tag string, r *event.Record) (string, bool) {
	var b []byte
	for _, p := range pieces {
		switch {
		case p.field != nil:
			word, ok := fieldText(r.Body(), p.field)
			if !ok {
				return "", false
			}
			b = append(b, tagfile.Name(word)...)
		case p.tag && p.tagPart < 0:
			word := tagfile.Path(tag)
			if len(pieces) > 1 { // the tag is a part of a name
				word = tagfile.Name(tag)
			}
			b = append(b, word...)
		case p.tag:
			parts := strings.Split(tag, ".")
			if p.tagPart >= len(parts) {
				return "", false
			}
			b = append(b, tagfile.Name(parts[p.tagPart])...)
		case t.strftime:
			b = strftime.Append(b, p.text, r.Time().Go())
		default:
			b = append(b, p.text...)
		}
	}
	return string(b), true
}

// fieldText returns a field as text; arrays, maps and binary data have no place in a name.
func fieldText(v event.Value, way []step) (string, bool) {
	for _, s := range way {
		if s.key != "" {
			v = v.Get(s.key)
		} else {
			v = v.Index(s.index)
		}
	}
	switch v.Type() {
	case event.TypeStr:
		return string(v.Str()), len(v.Str()) > 0
	case event.TypeBool, event.TypeInt, event.TypeUint, event.TypeFloat32, event.TypeFloat64:
		return string(event.AppendJSON(nil, v, event.JSONStyle{})), true
	}
	return "", false
}

// parseName splits a name at its accessors: $TAG, $TAG[1], $key, $key['sub'][0]. A slash ends a key here,
// other than in record accessors elsewhere, and what each one yields is made safe on its own.
func parseName(v option.Value) ([]piece, error) {
	var pieces []piece
	s := v.Text
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return append(pieces, piece{text: s}), nil
		}
		if i > 0 {
			pieces = append(pieces, piece{text: s[:i]})
		}
		p, rest, ok := parseAccessor(s[i+1:])
		if !ok {
			return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("'%s' has a malformed record accessor at '%s'", v.Text, s[i:]), Cure: "write $key, $key['sub'], $TAG or $TAG[0]"}
		}
		pieces, s = append(pieces, p), rest
	}
	return pieces, nil
}

func parseAccessor(s string) (p piece, rest string, ok bool) {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] == '-' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	name, s := s[:n], s[n:]
	var way []step
	if name != "" {
		way = append(way, step{key: name})
	}
	for strings.HasPrefix(s, "[") {
		var st step
		if st, s, ok = parseStep(s[1:]); !ok {
			return p, s, false
		}
		way = append(way, st)
	}
	switch {
	case len(way) == 0:
		return p, s, false
	case name != "TAG":
		return piece{field: way}, s, true
	case len(way) == 1:
		return piece{tag: true, tagPart: -1}, s, true
	case len(way) == 2 && way[1].key == "":
		return piece{tag: true, tagPart: way[1].index}, s, true
	}
	return p, s, false
}

// parseStep reads 'key'] or 12].
func parseStep(s string) (st step, rest string, ok bool) {
	if strings.HasPrefix(s, "'") {
		for end := 1; end < len(s); end++ {
			switch {
			case s[end] != '\'':
			case strings.HasPrefix(s[end:], "''"): // a quote inside
				end++
			case strings.HasPrefix(s[end:], "']") && end > 1:
				return step{key: strings.ReplaceAll(s[1:end], "''", "'")}, s[end+2:], true
			default:
				return st, s, false
			}
		}
		return st, s, false
	}
	digits, rest, ok := strings.Cut(s, "]")
	n, err := strconv.ParseUint(digits, 10, 16)
	return step{index: int(n)}, rest, ok && err == nil
}

// route returns the file of one record, and false when the record is to be dropped.
func (o *output) route(tag string, r *event.Record) (path string, keep bool, err error) {
	path = o.target.render(tag, r)
	what := o.onMissing
	switch {
	case path == "":
		err = fmt.Errorf("a record of %s lacks a field that path or file names; set on_missing_field to drop or fallback to accept such records", tag)
	case !o.target.fromRecords || o.admit(path):
		return path, true, nil
	default:
		what = o.onLimit
		err = fmt.Errorf("%d files are in use and %s would be one more; raise max_dynamic_files, or set on_limit_reached to drop or fallback", len(o.inUse), path)
	}
	switch what {
	case policyDrop:
		return "", false, nil
	case policyFallback:
		name := o.fallbackFile
		if name == "" {
			name = tagfile.Plain(tag)
		}
		return filepath.Join(o.fallbackPath, name), true, nil
	}
	return "", false, plugin.Drop(err)
}

// admit counts a file among those in use, unless they are too many.
func (o *output) admit(path string) bool {
	now := o.now()
	if _, known := o.inUse[path]; !known && len(o.inUse) >= o.maxFiles {
		for p, last := range o.inUse {
			if now.Sub(last) > idle {
				delete(o.inUse, p)
				delete(o.columns, p)
			}
		}
		if len(o.inUse) >= o.maxFiles {
			return false
		}
	}
	o.inUse[path] = now
	return true
}
