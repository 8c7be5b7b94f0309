package content_modifier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
)

// modifier does one action on one map.
type modifier struct {
	action actionName
	key    event.Value // encoded, as all that goes into a map
	value  event.Value
	to     valueType
	re     *regex.Regexp
	groups []group
	// inPlace has a value set where it stood instead of at the end.
	inPlace bool

	// kept for their memory
	fields []event.Field
	room   []byte // values that were made for the map in hand
	text   []byte
	loc    []int
}

// group is a named group of the pattern.
type group struct {
	n    int
	name event.Value
}

// apply does the action on a map; nil counts as an empty one. What it returns is good until the next call.
func (m *modifier) apply(v event.Value) (fields []event.Field, changed bool) {
	m.fields, m.room = event.AppendFields(m.fields[:0], v), m.room[:0]
	at := m.find(m.key)
	if at < 0 && m.action != actInsert && m.action != actUpsert {
		return m.fields, false
	}
	switch m.action {
	case actInsert:
		if at >= 0 {
			return m.fields, false
		}
		m.put(m.key, m.value)
	case actUpsert:
		m.put(m.key, m.value)
	case actDelete:
		m.drop(m.key)
	case actRename:
		if bytes.Equal(m.key, m.value) {
			return m.fields, false
		}
		for i := range m.fields {
			if same(m.fields[i].Key, m.key) {
				m.fields[i].Key = m.value
			}
		}
	case actHash:
		changed = false
		for i := range m.fields {
			if same(m.fields[i].Key, m.key) {
				changed = m.hash(&m.fields[i]) || changed
			}
		}
		return m.fields, changed
	case actExtract:
		return m.fields, m.extract(m.fields[at].Val)
	case actConvert:
		val, ok := m.convert(m.fields[at].Val)
		if !ok {
			return m.fields, false
		}
		m.put(m.key, val)
	}
	return m.fields, true
}

// same compares keys; two encodings of one text are the same.
func same(a, b event.Value) bool {
	return bytes.Equal(a, b) || a.Type() == event.TypeStr && b.Type() == event.TypeStr && bytes.Equal(a.Str(), b.Str())
}

// find returns where key is, the last place if there are several, or -1.
func (m *modifier) find(key event.Value) int {
	for i := len(m.fields) - 1; i >= 0; i-- {
		if same(m.fields[i].Key, key) {
			return i
		}
	}
	return -1
}

// put sets key at the end of the map.
func (m *modifier) put(key, val event.Value) {
	if at := m.find(key); m.inPlace && at >= 0 {
		m.fields[at].Val = val
		return
	}
	m.drop(key)
	m.fields = append(m.fields, event.Field{Key: key, Val: val})
}

func (m *modifier) drop(key event.Value) {
	left := m.fields[:0]
	for _, f := range m.fields {
		if !same(f.Key, key) {
			left = append(left, f)
		}
	}
	m.fields = left
}

// hash replaces a value by the SHA-256 of its text; an empty text stays.
func (m *modifier) hash(f *event.Field) bool {
	if m.text = appendText(m.text[:0], f.Val); len(m.text) == 0 {
		return false
	}
	sum := sha256.Sum256(m.text)
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	f.Val = m.make(func(dst []byte) []byte { return event.AppendStr(dst, digits[:]) })
	return true
}

// make encodes a value into memory that lives as long as the map in hand.
func (m *modifier) make(encode func(dst []byte) []byte) event.Value {
	from := len(m.room)
	m.room = encode(m.room)
	return m.room[from:len(m.room):len(m.room)]
}

// extract puts the named groups that match in a text behind the other keys.
func (m *modifier) extract(v event.Value) bool {
	if v.Type() != event.TypeStr {
		return false
	}
	text := v.Str()
	m.loc = m.re.Find(m.loc[:0], text)
	if len(m.loc) == 0 {
		return false
	}
	found := false
	for _, g := range m.groups {
		from, to := m.loc[2*g.n], m.loc[2*g.n+1]
		if from < 0 {
			continue
		}
		m.put(g.name, m.make(func(dst []byte) []byte { return event.AppendStr(dst, text[from:to]) }))
		found = true
	}
	return found
}
