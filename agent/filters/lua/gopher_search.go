//go:build !luajit || !linux

package lua

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openSearch defines the functions that take patterns.
func openSearch(l *lua.LState, leash *leash) {
	library := l.GetGlobal("string").(*lua.LTable)
	for name, f := range map[string]func(m *pattern) int{
		"find":   func(m *pattern) int { return m.search(true) },
		"match":  func(m *pattern) int { return m.search(false) },
		"gmatch": (*pattern).all,
		"gsub":   (*pattern).replace,
	} {
		library.RawSetString(name, l.NewFunction(func(l *lua.LState) int {
			l.Replace(1, asText(l.Get(1)))
			return f(&pattern{l: l, leash: leash, s: l.CheckString(1), p: l.CheckString(2)})
		}))
	}
}

// search is find, which returns places before the captures, and match.
func (m *pattern) search(places bool) int {
	from := m.l.OptInt(3, 1)
	if from < 0 {
		from += len(m.s) + 1
	}
	from = min(max(from-1, 0), len(m.s))
	if places && (lua.LVAsBool(m.l.Get(4)) || !strings.ContainsAny(m.p, "^$*+?.([%-")) {
		i := strings.Index(m.s[from:], m.p)
		if i < 0 {
			m.l.Push(lua.LNil)
			return 1
		}
		m.l.Push(lua.LNumber(from + i + 1))
		m.l.Push(lua.LNumber(from + i + len(m.p)))
		return 2
	}
	rest, anchored := strings.CutPrefix(m.p, "^")
	s, e := m.find(from, len(m.p)-len(rest), anchored)
	switch {
	case e < 0:
		m.l.Push(lua.LNil)
		return 1
	case !places:
		return m.push(s, e)
	}
	m.l.Push(lua.LNumber(s + 1))
	m.l.Push(lua.LNumber(e))
	if m.count == 0 {
		return 2
	}
	return 2 + m.push(s, e)
}

// all is gmatch.
func (m *pattern) all() int {
	from := 0
	m.l.Push(m.l.NewFunction(func(l *lua.LState) int {
		m.l = l
		s, e := m.find(from, 0, false)
		if e < 0 {
			from = len(m.s) + 1
			l.Push(lua.LNil)
			return 1
		}
		if from = e; s == e {
			from++
		}
		return m.push(s, e)
	}))
	return 1
}

// replace is gsub.
func (m *pattern) replace() int {
	by := asText(m.l.Get(3))
	switch by.Type() {
	case lua.LTString, lua.LTTable, lua.LTFunction:
	default:
		m.l.RaiseError("bad argument #3 to 'gsub' (string/function/table expected, got %s)", by.Type())
	}
	most := m.l.OptInt(4, math.MaxInt)
	rest, anchored := strings.CutPrefix(m.p, "^")
	var out []byte
	n, s := 0, 0
	for n < most {
		m.count = 0
		e := m.match(s, len(m.p)-len(rest))
		if e >= 0 {
			n++
			out = m.appendReplaced(out, by, s, e)
		}
		switch {
		case e > s:
			s = e
		case s < len(m.s):
			out = append(out, m.s[s])
			s++
		default:
			s++ // the end
		}
		if s > len(m.s) || anchored {
			break
		}
	}
	if n == 0 {
		m.l.Push(lua.LString(m.s))
	} else {
		m.l.Push(lua.LString(append(out, m.s[min(s, len(m.s)):]...)))
	}
	m.l.Push(lua.LNumber(n))
	return 2
}

func (m *pattern) appendReplaced(out []byte, by lua.LValue, s, e int) []byte {
	var v lua.LValue
	switch by := by.(type) {
	case lua.LString:
		return m.appendTemplate(out, string(by), s, e)
	case *lua.LTable:
		v = m.l.GetTable(by, m.value(0, s, e))
	default:
		m.l.Push(by)
		m.l.Call(m.push(s, e), 1)
		v = m.l.Get(-1)
		m.l.Pop(1)
	}
	switch v := asText(v).(type) {
	case lua.LString:
		return append(out, v...)
	default:
		if lua.LVAsBool(v) {
			m.l.RaiseError("invalid replacement value (a %s)", v.Type())
		}
	}
	return append(out, m.s[s:e]...)
}

// appendTemplate appends a text in which %1 stands for a capture and %0 for all.
func (m *pattern) appendTemplate(out []byte, t string, s, e int) []byte {
	for i := 0; i < len(t); i++ {
		if t[i] != '%' || i+1 == len(t) {
			out = append(out, t[i])
			continue
		}
		i++
		switch c := t[i]; {
		case c == '0':
			out = append(out, m.s[s:e]...)
		case c > '0' && c <= '9':
			out = append(out, asText(m.value(int(c-'1'), s, e)).String()...)
		default:
			out = append(out, c)
		}
	}
	return out
}
