package modify

import (
	"bytes"

	"github.com/fluent/fluent-bit-go/event"
)

// watch sees from a record's keys alone that no rule would change it, which costs half of taking the record
// apart. It knows the rules that name whole keys, up to 8 of them.
type watch struct {
	keys   []event.Value // encoded, each once
	rules  []watched
	seen   seen // of the record in hand
	missed int  // records in a row that had to change
}

// afterMisses is when looking is taken to be in vain; from then on one record in so many is looked at.
const afterMisses = 32

type watched struct {
	key, to int // in keys; to is -1 when the rule has none
	idle    func(w *watched, s *seen) bool
	value   event.Value // of Set
}

// seen is what a record has of the keys.
type seen struct {
	has   uint32 // bit i: keys[i]
	twice bool   // one of them is there more than once
	last  int    // the key at the record's end, or -1
	value event.Value
}

func (s *seen) key(i int) bool { return s.has>>i&1 != 0 }

// idles tells for each kind of rule when it does nothing.
var idles = map[string]func(w *watched, s *seen) bool{
	"Set":         func(w *watched, s *seen) bool { return s.last == w.key && bytes.Equal(s.value, w.value) },
	"Add":         func(w *watched, s *seen) bool { return s.key(w.key) },
	"Remove":      func(w *watched, s *seen) bool { return !s.key(w.key) },
	"Rename":      func(w *watched, s *seen) bool { return !s.key(w.key) || s.key(w.to) },
	"Hard_rename": func(w *watched, s *seen) bool { return !s.key(w.key) || w.key == w.to },
	"Copy":        func(w *watched, s *seen) bool { return !s.key(w.key) || s.key(w.to) },
	"Hard_copy":   func(w *watched, s *seen) bool { return !s.key(w.key) || w.key == w.to },
}

// newWatch returns nil when some rule has to see the record as a whole.
func newWatch(rules []rule) *watch {
	w := new(watch)
	if len(rules) == 0 || len(rules) > 8 {
		return nil
	}
	for _, r := range rules {
		idle := idles[r.name]
		if idle == nil {
			return nil
		}
		x := watched{key: w.key(r.newKey), to: -1, idle: idle, value: r.value}
		if r.value != nil && r.name != "Set" && r.name != "Add" {
			x.to = w.key(r.value)
		}
		w.rules = append(w.rules, x)
	}
	return w
}

func (w *watch) key(k event.Value) int {
	for i, have := range w.keys {
		if bytes.Equal(have, k) {
			return i
		}
	}
	w.keys = append(w.keys, k)
	return len(w.keys) - 1
}

// idle reports that no rule would change the record. false says nothing.
func (w *watch) idle(body event.Value) bool {
	if w.missed++; w.missed > afterMisses && w.missed%afterMisses != 0 {
		return false
	}
	s := &w.seen
	*s = seen{last: -1}
	for k, v := range body.Pairs() {
		s.last = -1
		for i, key := range w.keys {
			if k[0] != key[0] && k[0]&0xe0 == 0xa0 || !named(event.Field{Key: k}, key) {
				continue // the first byte holds a short key's length
			}
			s.twice = s.twice || s.key(i)
			s.has |= 1 << i
			s.last, s.value = i, v
			break
		}
	}
	if s.twice {
		return false
	}
	for i := range w.rules {
		if r := &w.rules[i]; !r.idle(r, s) {
			return false
		}
	}
	w.missed = 0
	return true
}
