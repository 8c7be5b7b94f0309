//go:build !luajit || !linux

package lua

import (
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/strftime"
	lua "github.com/yuin/gopher-lua"
)

// openLibraries lets the interpreter's libraries do what those of LuaJIT do, where a script could notice.
func openLibraries(l *lua.LState, leash *leash) {
	most := leash.limits.memory / 4
	set := func(library, name string, f lua.LGFunction) {
		l.GetGlobal(library).(*lua.LTable).RawSetString(name, l.NewFunction(f))
	}
	set("string", "upper", func(l *lua.LState) int { return mapASCII(l, 'a', 'z') })
	set("string", "lower", func(l *lua.LState) int { return mapASCII(l, 'A', 'Z') })
	set("string", "rep", func(l *lua.LState) int { return repeat(l, most) })
	set("table", "concat", func(l *lua.LState) int { return concat(l, most) })
	l.GetGlobal("table").(*lua.LTable).RawSetString("unpack", l.GetGlobal("unpack"))
	l.GetGlobal("math").(*lua.LTable).RawSetString("huge", lua.LNumber(math.Inf(1)))
	set("math", "log", func(l *lua.LState) int {
		x := math.Log(number(l, 1))
		if l.GetTop() > 1 {
			x = math.Log2(number(l, 1)) / math.Log2(number(l, 2))
		}
		l.Push(lua.LNumber(x))
		return 1
	})
	override(l, "os", "date", date)
	numeral := l.GetGlobal("tonumber")
	l.SetGlobal("tonumber", l.NewFunction(func(l *lua.LState) int {
		if l.OptInt(2, 10) != 10 {
			return passTo(l, numeral, nil)
		}
		if n, ok := toNumber(l.CheckAny(1)); ok {
			l.Push(n)
		} else {
			l.Push(lua.LNil)
		}
		return 1
	}))
	l.SetGlobal("assert", l.NewFunction(func(l *lua.LState) int {
		if lua.LVIsFalse(l.CheckAny(1)) {
			l.Error(l.Get(2), 0) // without the place, which error adds
		}
		return l.GetTop()
	}))
	l.SetGlobal("collectgarbage", l.NewFunction(func(l *lua.LState) int { // Go does that by itself
		n := lua.LNumber(0)
		if l.OptString(1, "collect") == "count" {
			n = lua.LNumber(leash.heapSize()) / 1024
		}
		l.Push(n)
		return 1
	}))
	openText(l)
	openSearch(l, leash)
	openArithmetic(l)
	openLoad(l)
}

// mapASCII changes the case of ASCII letters only: Lua has no other letters in the C locale.
func mapASCII(l *lua.LState, from, to byte) int {
	s := []byte(l.CheckString(1))
	for i, c := range s {
		if c >= from && c <= to {
			s[i] = c ^ 0x20
		}
	}
	l.Push(lua.LString(s))
	return 1
}

func repeat(l *lua.LState, most int64) int {
	s, n, sep := l.CheckString(1), l.CheckInt(2), l.OptString(3, "")
	if n <= 0 {
		l.Push(lua.LString(""))
		return 1
	}
	if size := int64(len(s) + len(sep)); size > 0 && int64(n) > most/size {
		l.RaiseError("string.rep: the result would be too large")
	}
	l.Push(lua.LString(strings.Repeat(s+sep, n-1) + s))
	return 1
}

// date knows all conversions of strftime.
func date(l *lua.LState, orig lua.LValue) int {
	layout := l.OptString(1, "%c")
	layout, utc := strings.CutPrefix(layout, "!")
	if strings.HasPrefix(layout, "*t") {
		return passTo(l, orig, nil)
	}
	t := time.Now()
	if l.GetTop() > 1 {
		t = time.Unix(integer(number(l, 2)), 0)
	}
	if utc {
		t = t.In(gmt)
	}
	l.Push(lua.LString(strftime.Append(nil, layout, t)))
	return 1
}

var gmt = time.FixedZone("GMT", 0)

// toNumber reads numbers as Lua writes them: 12, 0x1F, 1e3, never octal.
func toNumber(v lua.LValue) (lua.LNumber, bool) {
	s, ok := v.(lua.LString)
	if !ok {
		n, ok := v.(lua.LNumber)
		return n, ok
	}
	text := strings.Trim(string(s), " \t\n\v\f\r")
	if strings.Contains(text, "_") {
		return 0, false
	}
	if digits := strings.TrimLeft(text, "+-"); len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' && !strings.ContainsAny(digits, "pP") {
		text += "p0"
	}
	f, err := strconv.ParseFloat(text, 64)
	return lua.LNumber(f), err == nil || errors.Is(err, strconv.ErrRange)
}

// openArithmetic lets texts take part in arithmetic as the numbers that toNumber reads.
func openArithmetic(l *lua.LState) {
	texts := l.GetMetatable(lua.LString("")).(*lua.LTable)
	for name, f := range map[string]func(a, b float64) float64{
		"__add": func(a, b float64) float64 { return a + b },
		"__sub": func(a, b float64) float64 { return a - b },
		"__mul": func(a, b float64) float64 { return a * b },
		"__div": func(a, b float64) float64 { return a / b },
		"__mod": func(a, b float64) float64 { return a - math.Floor(a/b)*b },
		"__pow": math.Pow,
		"__unm": func(a, _ float64) float64 { return -a },
	} {
		texts.RawSetString(name, l.NewFunction(func(l *lua.LState) int {
			a, isA := toNumber(l.Get(1))
			b, isB := toNumber(l.Get(2))
			switch other := l.GetMetaField(l.Get(2), name); {
			case isA && (isB || name == "__unm"):
				l.Push(lua.LNumber(f(float64(a), float64(b))))
				return 1
			case l.Get(2).Type() == lua.LTTable && other != lua.LNil:
				return passTo(l, other, nil)
			}
			wrong := l.Get(1)
			if isA {
				wrong = l.Get(2)
			}
			l.RaiseError("attempt to perform arithmetic on a %s value", wrong.Type())
			return 0
		}))
	}
}

// openLoad lets all that a script loads be compiled as the script itself is.
func openLoad(l *lua.LState) {
	load := l.NewFunction(func(l *lua.LState) int {
		if f, ok := l.Get(1).(*lua.LFunction); ok {
			l.Replace(1, lua.LString(pieces(l, f)))
		}
		source := l.CheckString(1)
		return pushCompiled(l, []byte(source), strings.TrimPrefix(l.OptString(2, source), "@"), nil)
	})
	l.SetGlobal("load", load)
	l.SetGlobal("loadstring", load)
	l.SetGlobal("loadfile", l.NewFunction(func(l *lua.LState) int { return pushFile(l, l.CheckString(1)) }))
	l.SetGlobal("dofile", l.NewFunction(func(l *lua.LState) int {
		if pushFile(l, l.CheckString(1)) > 1 {
			l.RaiseError("%s", l.Get(-1))
		}
		top := l.GetTop() - 1
		l.Call(0, lua.MultRet)
		return l.GetTop() - top
	}))
	loaders := l.GetField(l.GetGlobal("package"), "loaders").(*lua.LTable)
	loaders.RawSetInt(2, l.NewFunction(func(l *lua.LState) int {
		name, tried := strings.ReplaceAll(l.CheckString(1), ".", "/"), ""
		for pattern := range strings.SplitSeq(l.GetField(l.GetGlobal("package"), "path").String(), ";") {
			path := strings.ReplaceAll(pattern, "?", name)
			if _, err := os.Stat(path); err != nil {
				tried += "\n\tno file '" + path + "'"
				continue
			}
			if pushFile(l, path) > 1 {
				l.RaiseError("%s", l.Get(-1))
			}
			return 1
		}
		l.Push(lua.LString(tried))
		return 1
	}))
}

// pieces joins what a function returns until that is nil or empty.
func pieces(l *lua.LState, f lua.LValue) string {
	var all strings.Builder
	for {
		l.Push(f)
		l.Call(0, 1)
		piece, ok := l.Get(-1).(lua.LString)
		l.Pop(1)
		if !ok || piece == "" {
			return all.String()
		}
		all.WriteString(string(piece))
	}
}

func pushFile(l *lua.LState, path string) int {
	source, err := os.ReadFile(path)
	return pushCompiled(l, source, path, err)
}

// pushCompiled pushes a function, or nil and what is wrong.
func pushCompiled(l *lua.LState, source []byte, name string, err error) int {
	if err == nil {
		var proto *lua.FunctionProto
		if proto, err = compile(source, name); err == nil {
			l.Push(l.NewFunctionFromProto(proto))
			return 1
		}
	}
	l.Push(lua.LNil)
	l.Push(lua.LString(err.Error()))
	return 2
}
