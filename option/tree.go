package option

import (
	"fmt"
	"strings"
)

// Pos is where a piece of configuration stood. Line and Col count from 1; Col counts bytes. A Pos
// without a line names its source alone, such as "command line".
type Pos struct {
	File      string
	Line, Col int
}

// String renders "file:line:col", or less where less is known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Kind is the form of a [Value].
type Kind uint8

// The forms that a value can have. Classic files and the command line know only KindText; a plain YAML
// scalar keeps its type for those who ask (processors), and its spelling for all others.
const (
	KindText Kind = iota
	KindNull
	KindBool
	KindInt   // fits int64 or uint64
	KindFloat // any other YAML number
	KindList
	KindMap
)

// Value is what stood behind a key: its text as written (variables replaced), its position, and from
// YAML its nested form.
type Value struct {
	Kind Kind
	Text string     // the scalar's spelling; for lists and maps a short rendering for messages
	List []Value    // when Kind is KindList
	Map  []Property // when Kind is KindMap, in file order
	Pos  Pos
}

// Property is one key with its value, in the order and the number in which they stood.
type Property struct {
	Key   string // lower case
	Value Value
	Pos   Pos // of the key
}

// Is reports whether p stands under key, in any case.
func (p Property) Is(key string) bool { return strings.EqualFold(p.Key, key) }

// Lookup returns the last value under key, which is the one that counts, or false.
func Lookup(props []Property, key string) (Value, bool) {
	for i := len(props) - 1; i >= 0; i-- {
		if props[i].Is(key) {
			return props[i].Value, true
		}
	}
	return Value{}, false
}

// Error is a fault in a configuration: where, what, and what to do about it.
type Error struct {
	Pos  Pos
	Msg  string // "unknown configuration property 'regexp'"
	Cure string // "did you mean 'regex'?"; may be empty
}

func (e *Error) Error() string {
	var b strings.Builder
	if s := e.Pos.String(); s != "" {
		b.WriteString(s)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Cure != "" {
		b.WriteString("; ")
		b.WriteString(e.Cure)
	}
	return b.String()
}

// Errorf returns an [Error] at pos without a cure.
func Errorf(pos Pos, format string, args ...any) *Error {
	return &Error{Pos: pos, Msg: fmt.Sprintf(format, args...)}
}
