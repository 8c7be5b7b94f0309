package modify

import (
	"bytes"
	"slices"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
)

// action is one kind of rule.
type action struct {
	name  string
	form  string // what its value looks like
	words int
	regex bool
	apply func(*rule, []event.Field) ([]event.Field, bool)
	help  string
}

var actions = []action{
	{"Set", "KEY VALUE", 2, false, (*rule).set, "KEY VALUE: put the text VALUE under KEY, at the end of the record, whatever stood there."},
	{"Add", "KEY VALUE", 2, false, (*rule).add, "KEY VALUE: put the text VALUE under KEY unless the record has that key."},
	{"Remove", "KEY", 1, false, (*rule).remove, "KEY: take the key out."},
	{"Remove_wildcard", "PREFIX", 1, false, (*rule).removeWildcard, "PREFIX: take every key out that begins so; a * at the end may be written."},
	{"Remove_regex", "REGEX", 1, true, (*rule).removeRegex, "REGEX: take every key out that matches."},
	{"Move_to_start", "PREFIX", 1, false, (*rule).moveToStart, "PREFIX: move the keys that begin so to the front; a * at the end may be written."},
	{"Move_to_end", "PREFIX", 1, false, (*rule).moveToEnd, "PREFIX: move the keys that begin so to the end; a * at the end may be written."},
	{"Rename", "KEY NEW_KEY", 2, false, (*rule).rename, "KEY NEW: give a key another name unless that name is taken."},
	{"Hard_rename", "KEY NEW_KEY", 2, false, (*rule).hardRename, "KEY NEW: give a key another name; a key that has it already goes."},
	{"Copy", "KEY NEW_KEY", 2, false, (*rule).copy, "KEY NEW: put the value of KEY under NEW as well unless the record has NEW."},
	{"Hard_copy", "KEY NEW_KEY", 2, false, (*rule).hardCopy, "KEY NEW: put the value of KEY under NEW as well, whatever stood there."},
}

// rule is one action with its words. Applied to the fields of a record it returns them as they are after
// it, in the same memory where they fit, and whether it did anything.
type rule struct {
	name   string
	apply  func(*rule, []event.Field) ([]event.Field, bool)
	key    string
	prefix string      // key without a * at its end
	to     string      // the second word …
	value  event.Value // … and the same encoded
	newKey event.Value // key encoded
	re     *regex.Regexp
}

func count(fields []event.Field, key event.Value) int {
	n := 0
	for i := range fields {
		if named(fields[i], key) {
			n++
		}
	}
	return n
}

// named tells whether f stands under key, an encoded text. Texts of up to 31 bytes have but one short form.
func named(f event.Field, key event.Value) bool {
	if f.Key[0]&0xe0 == 0xa0 && key[0]&0xe0 == 0xa0 {
		return bytes.Equal(f.Key, key)
	}
	s := text(f.Key)
	return s != nil && bytes.Equal(s, key.Str())
}

// text returns the bytes of a key that is a text or binary, and nil for others.
func text(key event.Value) []byte {
	if s := key.Str(); s != nil {
		return s
	}
	return key.Bin()
}

func (r *rule) is(f event.Field) bool { return named(f, r.newKey) }

func (r *rule) begins(f event.Field) bool {
	s := text(f.Key)
	return s != nil && len(s) >= len(r.prefix) && string(s[:len(r.prefix)]) == r.prefix
}

func (r *rule) matches(f event.Field) bool {
	return f.Key.Type() == event.TypeStr && r.re.Match(f.Key.Str())
}

func (r *rule) set(fields []event.Field) ([]event.Field, bool) {
	if last := len(fields) - 1; last >= 0 && r.is(fields[last]) && bytes.Equal(fields[last].Val, r.value) && count(fields, r.newKey) == 1 {
		return fields, false // it is what it would become
	}
	fields, _ = r.remove(fields)
	return append(fields, event.Field{Key: r.newKey, Val: r.value}), true
}

func (r *rule) add(fields []event.Field) ([]event.Field, bool) {
	if count(fields, r.newKey) > 0 {
		return fields, false
	}
	return append(fields, event.Field{Key: r.newKey, Val: r.value}), true
}

func (r *rule) remove(fields []event.Field) ([]event.Field, bool) { return without(fields, r.is) }

func (r *rule) removeWildcard(fields []event.Field) ([]event.Field, bool) {
	return without(fields, r.begins)
}

func (r *rule) removeRegex(fields []event.Field) ([]event.Field, bool) {
	return without(fields, r.matches)
}

func without(fields []event.Field, gone func(event.Field) bool) ([]event.Field, bool) {
	left := slices.DeleteFunc(fields, gone)
	return left, len(left) < len(fields)
}

func (r *rule) rename(fields []event.Field) ([]event.Field, bool) {
	if count(fields, r.value) > 0 {
		return fields, false
	}
	return r.renameAll(fields)
}

func (r *rule) renameAll(fields []event.Field) ([]event.Field, bool) {
	did := false
	for i := range fields {
		if r.is(fields[i]) {
			fields[i].Key = r.value
			did = true
		}
	}
	return fields, did
}

func (r *rule) hardRename(fields []event.Field) ([]event.Field, bool) {
	if r.key == r.to || count(fields, r.newKey) == 0 {
		return fields, false
	}
	return r.renameAll(r.freed(fields))
}

// freed takes out what holds the name that the rule wants to give.
func (r *rule) freed(fields []event.Field) []event.Field {
	fields, _ = without(fields, func(f event.Field) bool { return named(f, r.value) })
	return fields
}

func (r *rule) copy(fields []event.Field) ([]event.Field, bool) {
	if count(fields, r.newKey) != 1 || count(fields, r.value) > 0 {
		return fields, false
	}
	return r.insertCopy(fields), true
}

func (r *rule) hardCopy(fields []event.Field) ([]event.Field, bool) {
	if r.key == r.to || count(fields, r.newKey) != 1 || count(fields, r.value) > 1 {
		return fields, false
	}
	return r.insertCopy(r.freed(fields)), true
}

// insertCopy puts the copy right behind its original.
func (r *rule) insertCopy(fields []event.Field) []event.Field {
	i := slices.IndexFunc(fields, r.is)
	return slices.Insert(fields, i+1, event.Field{Key: r.value, Val: fields[i].Val})
}

func (r *rule) moveToEnd(fields []event.Field) ([]event.Field, bool) {
	return gather(fields, func(f event.Field) bool { return !r.begins(f) })
}

func (r *rule) moveToStart(fields []event.Field) ([]event.Field, bool) {
	return gather(fields, r.begins)
}

// gather brings the fields that front picks to the front; both halves keep their order.
func gather(fields []event.Field, front func(event.Field) bool) ([]event.Field, bool) {
	byHalf := func(a, b event.Field) int {
		switch inFront := front(a); {
		case inFront == front(b):
			return 0
		case inFront:
			return -1
		}
		return 1
	}
	if slices.IsSortedFunc(fields, byHalf) {
		return fields, false
	}
	slices.SortStableFunc(fields, byHalf)
	return fields, true
}
