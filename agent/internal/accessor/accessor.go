// Package accessor reads record accessors: texts such as
//
//	$key  $key['sub'][0]  $TAG  $TAG[1]  $0 … $9
//
// with free text around them. They are compiled once and then read or render records without allocation.
package accessor

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/event"
)

type kind uint8

const (
	kindText    kind = iota // text as it stands
	kindKey                 // a value of the record
	kindTag                 // the tag
	kindTagPart             // part n of the tag, between dots
	kindCapture             // capture n of a regular expression
)

type part struct {
	kind kind
	text string
	path []step
	n    int
}

// step is one level down: the value under a key, or an element of an array.
type step struct {
	key   string
	index int // when key is not used: -1 otherwise
}

// Accessor is a compiled text. It may be used by many goroutines at once.
type Accessor struct {
	src   string
	parts []part
}

// Compile reads a text with any number of accessors in it.
//
// An accessor ends at the first character that cannot be part of a key: $a.b is the value of a and then
// ".b". Keys hold letters, digits and _ - / @; others are written in brackets, with a quote in them doubled:
// $['it”s'].
func Compile(text string) (*Accessor, error) {
	a := &Accessor{src: text}
	for rest := text; rest != ""; {
		free, after, found := strings.Cut(rest, "$")
		if free != "" {
			a.parts = append(a.parts, part{kind: kindText, text: free})
		}
		if !found {
			break
		}
		p, size, err := parse(after)
		if err != nil {
			return nil, fmt.Errorf("record accessor '%s': %w", text, err)
		}
		a.parts = append(a.parts, p)
		rest = after[size:]
	}
	return a, nil
}

// CompileKey reads a text that must be one accessor of a record's value. Without a $ it is the key itself,
// or, with brackets in it, an accessor that lacks its $.
func CompileKey(text string) (*Accessor, error) {
	src := text
	if !strings.HasPrefix(text, "$") {
		if !strings.HasSuffix(text, "]") || strings.IndexByte(text, '[') <= 0 {
			return Key(text), nil
		}
		src = "$" + text
	}
	a, err := Compile(src)
	if err != nil {
		return nil, err
	}
	if len(a.parts) != 1 || a.parts[0].kind != kindKey {
		return nil, fmt.Errorf("record accessor '%s': should name one key of a record, as $key['sub'] does; a key with other characters goes into brackets: $['a.b']", text)
	}
	return a, nil
}

// CompileText reads a text with accessors in it, or, without any $, the name of one key.
func CompileText(text string) (*Accessor, error) {
	if !strings.Contains(text, "$") {
		return CompileKey(text)
	}
	return Compile(text)
}

// Key returns the accessor of a key at the record's first level, whatever its characters are.
func Key(name string) *Accessor {
	return &Accessor{src: name, parts: []part{{kind: kindKey, path: []step{{key: name, index: -1}}}}}
}

// parse reads what follows a $ and tells its length.
func parse(s string) (p part, size int, err error) {
	switch {
	case strings.HasPrefix(s, "TAG["):
		digits, _, ok := strings.Cut(s[4:], "]")
		n, err := strconv.ParseUint(digits, 10, 16)
		if !ok || err != nil {
			return p, 0, fmt.Errorf("$TAG[ needs the number of a part and a ']': $TAG[0]")
		}
		return part{kind: kindTagPart, n: int(n)}, 4 + len(digits) + 1, nil
	case strings.HasPrefix(s, "TAG"):
		return part{kind: kindTag}, 3, nil
	case s != "" && s[0] >= '0' && s[0] <= '9':
		return part{kind: kindCapture, n: int(s[0] - '0')}, 1, nil
	}
	name := keyLength(s)
	p = part{kind: kindKey}
	if name > 0 {
		p.path = append(p.path, step{key: s[:name], index: -1})
	}
	for size = name; strings.HasPrefix(s[size:], "["); {
		st, n, err := subkey(s[size:])
		if err != nil {
			return p, 0, err
		}
		p.path = append(p.path, st)
		size += n
	}
	if len(p.path) == 0 {
		return p, 0, fmt.Errorf("no key stands behind a $")
	}
	if p.path[0].index >= 0 {
		return p, 0, fmt.Errorf("a record is no array: begin with a key")
	}
	return p, size, nil
}

// keyLength tells how much of s is the name of a key.
func keyLength(s string) int {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= utf8.RuneSelf:
		case c == '_', c == '-', c == '/', c == '@':
		default:
			return i
		}
	}
	return len(s)
}

// subkey reads ['key'] or [0].
func subkey(s string) (st step, size int, err error) {
	if !strings.HasPrefix(s, "['") {
		digits, _, ok := strings.Cut(s[1:], "]")
		n, err := strconv.ParseUint(digits, 10, 31)
		if !ok || err != nil {
			return st, 0, fmt.Errorf("brackets hold a key in single quotes or the number of an element: ['key'] or [0]")
		}
		return step{index: int(n)}, len(digits) + 2, nil
	}
	var key strings.Builder
	for i := 2; i < len(s); i++ {
		if s[i] != '\'' {
			key.WriteByte(s[i])
			continue
		}
		if strings.HasPrefix(s[i:], "''") {
			key.WriteByte('\'')
			i++
			continue
		}
		if !strings.HasPrefix(s[i:], "']") {
			break
		}
		return step{key: key.String(), index: -1}, i + 2, nil
	}
	return st, 0, fmt.Errorf("a sub-key has no closing ']")
}

// String returns the text as it was written.
func (a *Accessor) String() string { return a.src }

// Static reports whether the text holds no accessor at all.
func (a *Accessor) Static() bool {
	for _, p := range a.parts {
		if p.kind != kindText {
			return false
		}
	}
	return true
}

// OfTag reports whether the text is the same for all records of one tag.
func (a *Accessor) OfTag() bool {
	for _, p := range a.parts {
		if p.kind == kindKey || p.kind == kindCapture {
			return false
		}
	}
	return true
}

// Get returns the value that the first $key of the text names in body, a map; nil when it is not there.
func (a *Accessor) Get(body event.Value) event.Value {
	for i := range a.parts {
		if a.parts[i].kind == kindKey {
			return get(body, a.parts[i].path)
		}
	}
	return nil
}

func get(v event.Value, path []step) event.Value {
	for i := range path {
		if path[i].index >= 0 {
			v = v.Index(path[i].index)
		} else {
			v = v.Get(path[i].key)
		}
		if v == nil {
			return nil
		}
	}
	return v
}
