//go:build !luajit || !linux

package lua

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// gopher is the interpreter in Go.
type gopher struct {
	*script
	l        *lua.LState
	fn       *lua.LFunction
	args     int // 3, or 5 when the function takes the group's attributes and the metadata
	leash    leash
	null     lua.LValue // what nulls are for the script
	maps     lua.LValue // metatable of tables that were maps in a record …
	lists    lua.LValue // … and of those that were arrays
	words    words
	err      error     // of the conversion that is under way
	seen     int       // how deep it is
	weighing time.Time // when its variables are weighed next
}

// The interpreter fills an array up to whatever index a script sets. From this one on tables are hashed.
var _ = func() int {
	lua.MaxArrayIndex = 1 << 22
	return lua.MaxArrayIndex
}()

// check compiles the script.
func check(s *script) error {
	_, err := compile(s.source, s.name)
	return err
}

func compile(source []byte, name string) (*lua.FunctionProto, error) {
	if bytes.HasPrefix(source, []byte("#")) { // #!/usr/bin/lua
		source = append([]byte("--"), source...)
	}
	chunk, err := parse.Parse(bytes.NewReader(decimalEscapes(source)), name)
	if err != nil {
		return nil, err
	}
	textOperands(reflect.ValueOf(chunk))
	return lua.Compile(chunk, name)
}

// start makes a machine and runs the script, which defines its functions.
func start(s *script) (machine, error) {
	proto, err := compile(s.source, s.name)
	if err != nil {
		return nil, err
	}
	g := &gopher{script: s, null: lua.LNil, args: 3}
	g.l = lua.NewState(lua.Options{
		CallStackSize:       200,
		MinimizeStackMemory: true,
		RegistrySize:        1024,
		RegistryMaxSize:     1 << 20,
		RegistryGrowStep:    1024,
	})
	g.leash.limits = s.limits
	if err := g.prepare(proto); err != nil {
		g.l.Close()
		return nil, err
	}
	return g, nil
}

func (g *gopher) prepare(proto *lua.FunctionProto) error {
	g.l.SetContext(&g.leash)
	openBit(g.l)
	openLibraries(g.l, &g.leash)
	guardLibraries(g.l, &g.leash)
	g.maps, g.lists = g.typed(2), g.typed(1)
	if g.script.null {
		g.null = g.l.NewUserData()
		g.l.SetGlobal("flb_null", g.null)
	}
	vars := g.l.NewTable()
	for k, v := range g.variables() {
		vars.RawSetString(k, lua.LString(v))
	}
	g.l.SetGlobal("FLB_ENV", vars)
	g.leash.begin()
	g.l.Push(g.l.NewFunctionFromProto(proto))
	if err := g.l.PCall(0, 0, nil); err != nil {
		return fmt.Errorf("run the script: %w", g.explain(err))
	}
	fn, ok := g.l.GetGlobal(g.call).(*lua.LFunction)
	if !ok {
		return fmt.Errorf("the script has no function '%s'; 'call' names the one to use", g.call)
	}
	g.fn = fn
	if !fn.IsG && fn.Proto.NumParameters >= 5 {
		g.args = 5
	}
	return nil
}

// typed is a metatable with the mark by which scripts and the way back know what a table was.
func (g *gopher) typed(kind int) lua.LValue {
	t := g.l.NewTable()
	t.RawSetString("type", lua.LNumber(kind))
	return t
}

func (g *gopher) close() { g.l.Close() }

func (g *gopher) run(b *event.Batch, out *results) error {
	tag := lua.LString(b.Tag)
	for r := range b.Records() {
		if err := g.one(tag, r, out); err != nil {
			g.l.SetTop(0)
			return err
		}
	}
	out.cut()
	return nil
}

func (g *gopher) one(tag lua.LValue, r *event.Record, out *results) error {
	l, t := g.l, r.Time()
	// The script may have put another function in its place.
	if fn, ok := l.GetGlobal(g.call).(*lua.LFunction); ok {
		g.fn = fn
	}
	l.Push(g.fn)
	l.Push(tag)
	l.Push(g.pushTime(t))
	if g.args == 5 {
		l.Push(g.mapOf(r.Group().Attributes))
		l.Push(g.mapOf(r.Meta()))
	}
	l.Push(g.value(r.Body()))
	returns := 3
	if g.args == 5 {
		returns = 4
	}
	g.leash.begin()
	if err := l.PCall(g.args, returns, nil); err != nil {
		return g.explain(err)
	}
	err := g.collect(t, returns, out)
	l.Pop(returns)
	return err
}

// collect reads what the function returned: code, time, metadata if there are four, record.
func (g *gopher) collect(t event.Time, returns int, out *results) error {
	if !out.code(int(lua.LVAsNumber(g.l.Get(-returns)))) {
		return nil
	}
	if int(lua.LVAsNumber(g.l.Get(-returns))) == 1 {
		t = g.time(g.l.Get(1-returns), t)
	}
	meta := len(out.buf)
	g.err, g.seen = nil, 0
	if m, ok := g.l.Get(-2).(*lua.LTable); ok && returns == 4 {
		out.buf = g.append(out.buf, m)
	}
	body := len(out.buf)
	out.buf = g.append(out.buf, g.l.Get(-1))
	if g.err != nil {
		return g.err
	}
	return out.addTaken(t, meta, body)
}

func (g *gopher) pushTime(t event.Time) lua.LValue {
	if !g.timeTable {
		return lua.LNumber(seconds(t))
	}
	table := g.l.CreateTable(0, 2)
	table.RawSetString("sec", lua.LNumber(t.Sec))
	table.RawSetString("nsec", lua.LNumber(t.Nsec))
	return table
}

func (g *gopher) time(v lua.LValue, own event.Time) event.Time {
	if table, ok := v.(*lua.LTable); ok && g.timeTable {
		return fromTable(float64(lua.LVAsNumber(table.RawGetString("sec"))), float64(lua.LVAsNumber(table.RawGetString("nsec"))), own)
	}
	if g.timeTable || !lua.LVCanConvToString(v) {
		return own
	}
	return fromSeconds(float64(lua.LVAsNumber(v)), own)
}

// explain turns an error of the interpreter into one for the log.
func (g *gopher) explain(err error) error {
	if g.leash.err != nil {
		return g.leash.err
	}
	var api *lua.ApiError
	if errors.As(err, &api) && api.Object != nil {
		return errors.New(api.Object.String())
	}
	return err
}

func (g *gopher) mapOf(v event.Value) lua.LValue {
	if v == nil {
		v = event.Value{0x80}
	}
	return g.value(v)
}

// value makes the Lua value of an encoded one.
func (g *gopher) value(v event.Value) lua.LValue {
	switch v.Type() {
	case event.TypeStr:
		return g.words.text(v.Str())
	case event.TypeInt, event.TypeUint:
		if n, ok := v.Int(); ok {
			return g.words.number(n)
		}
		n, _ := v.Uint()
		return lua.LNumber(n)
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		return lua.LNumber(f)
	case event.TypeBool:
		b, _ := v.Bool()
		return lua.LBool(b)
	case event.TypeMap:
		t := g.l.CreateTable(0, v.Len())
		t.Metatable = g.maps
		for k, x := range v.Pairs() {
			if s := k.Str(); s != nil {
				t.RawSetString(g.words.key(s), g.value(x))
			} else if k := g.value(k); k != lua.LNil {
				t.RawSet(k, g.value(x))
			}
		}
		return t
	case event.TypeArray:
		t := g.l.CreateTable(v.Len(), 0)
		t.Metatable = g.lists
		i := 0
		for x := range v.Elems() {
			i++
			t.RawSetInt(i, g.value(x))
		}
		return t
	case event.TypeBin:
		return g.words.text(v.Bin())
	case event.TypeExt:
		_, data, _ := v.Ext()
		return g.words.text(data)
	}
	return g.null
}

// append encodes a Lua value. Faults go to g.err.
func (g *gopher) append(dst []byte, v lua.LValue) []byte {
	if len(dst) > maxRecord {
		g.err = errLarge
		return dst
	}
	switch x := v.(type) {
	case lua.LString:
		return event.AppendStr(dst, string(x))
	case lua.LNumber:
		return appendNumber(dst, float64(x))
	case lua.LBool:
		return event.AppendBool(dst, bool(x))
	case *lua.LTable:
		switch {
		case g.err != nil:
			return dst
		case g.seen == maxDepth:
			g.err = errDepth
			return dst
		}
		g.seen++
		dst = g.table(dst, x)
		g.seen--
		return dst
	}
	return event.AppendNil(dst) // flb_null, and what no record can hold: functions, threads
}

// table encodes a table as the kind that its metatable tells, or as an array when it has elements.
func (g *gopher) table(dst []byte, t *lua.LTable) []byte {
	if meta, ok := t.Metatable.(*lua.LTable); ok {
		if kind, ok := meta.RawGetString("type").(lua.LNumber); ok && kind >= 0 {
			if kind == 1 {
				return g.array(dst, t, t.Len())
			}
			return g.pairs(dst, t)
		}
	}
	if n := t.MaxN(); n > 0 {
		return g.array(dst, t, n)
	}
	return g.pairs(dst, t)
}

func (g *gopher) array(dst []byte, t *lua.LTable, n int) []byte {
	dst = event.AppendArray(dst, n)
	for i := 1; i <= n; i++ {
		dst = g.append(dst, t.RawGetInt(i))
	}
	return dst
}

// pairs encodes a map, in the order in which its keys came.
func (g *gopher) pairs(dst []byte, t *lua.LTable) []byte {
	at, n := len(dst), 0
	dst = append(dst, 0x80) // room for the header of a small map
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		dst = g.pair(dst, k, v)
		n++
	}
	if n < 16 {
		dst[at] |= byte(n)
		return dst
	}
	var head [5]byte
	return slices.Replace(dst, at, at+1, event.AppendMap(head[:0], n)...)
}

func (g *gopher) pair(dst []byte, k, v lua.LValue) []byte {
	dst = g.append(dst, k)
	name, ok := k.(lua.LString)
	if !ok || len(g.ints)+len(g.arrays) == 0 {
		return g.append(dst, v) // fast path
	}
	switch x := v.(type) {
	case lua.LNumber:
		if slices.Contains(g.ints, string(name)) {
			return appendInteger(dst, float64(x))
		}
	case *lua.LTable:
		if slices.Contains(g.arrays, string(name)) && g.err == nil && g.seen < maxDepth {
			g.seen++
			dst = g.array(dst, x, x.Len())
			g.seen--
			return dst
		}
	}
	return g.append(dst, v)
}
