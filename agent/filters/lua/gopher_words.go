//go:build !luajit || !linux

package lua

import (
	"hash/maphash"

	lua "github.com/yuin/gopher-lua"
)

// words keeps texts and numbers that come again and again as finished Lua values, since making one allocates.
type words struct {
	seed  maphash.Seed
	slots []word
	small [256]lua.LValue
	keys  map[string]string
}

type word struct {
	text  string
	value lua.LValue
}

const (
	maxWord  = 32   // longer texts seldom repeat
	maxSlots = 1024 // a power of two
	maxKeys  = 4096
	maxKey   = 256 // bytes of a key that is kept
)

func (w *words) text(b []byte) lua.LValue {
	if len(b) > maxWord {
		return lua.LString(b)
	}
	if w.slots == nil {
		w.slots, w.seed = make([]word, maxSlots), maphash.MakeSeed()
	}
	s := &w.slots[maphash.Bytes(w.seed, b)%maxSlots]
	if s.value == nil || s.text != string(b) {
		s.text = string(b)
		s.value = lua.LString(s.text)
	}
	return s.value
}

// key returns the text of a map's key.
func (w *words) key(b []byte) string {
	if len(b) > maxKey {
		return string(b)
	}
	if k, ok := w.keys[string(b)]; ok {
		return k
	}
	if w.keys == nil || len(w.keys) == maxKeys {
		w.keys = map[string]string{}
	}
	k := string(b)
	w.keys[k] = k
	return k
}

func (w *words) number(n int64) lua.LValue {
	if n < 0 || n >= int64(len(w.small)) {
		return lua.LNumber(n)
	}
	if w.small[n] == nil {
		w.small[n] = lua.LNumber(n)
	}
	return w.small[n]
}
