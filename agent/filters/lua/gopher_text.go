//go:build !luajit || !linux

package lua

import (
	"math"
	"os"
	"reflect"
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// The interpreter turns numbers into text as Go prints them, 1.7000000005e+09. Scripts for Fluent Bit expect
// LuaJIT's form of 14 digits, 1700000000.5, wherever a number becomes a text. For the operator .. nothing can be
// put in the interpreter's place, so its operands are made texts by a call that compile writes around them.

// appendText appends n as LuaJIT writes it.
func appendText(dst []byte, n lua.LNumber) []byte {
	f := float64(n)
	switch {
	case f == math.Trunc(f) && f != 0 && math.Abs(f) < 1e14: // fast path; zero may have a sign
		return strconv.AppendInt(dst, int64(f), 10)
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 14, 64)
}

// asText makes a text of a number and leaves other values alone.
func asText(v lua.LValue) lua.LValue {
	if n, ok := v.(lua.LNumber); ok {
		var room [32]byte
		return lua.LString(appendText(room[:0], n))
	}
	return v
}

// stringOf is what tostring returns.
func stringOf(l *lua.LState, v lua.LValue) lua.LValue {
	if v.Type() == lua.LTNumber {
		return asText(v)
	}
	return l.ToStringMeta(v)
}

// operandName is where the operands of .. are made texts: a function of the library string, which a text finds
// whatever the script's variables are.
const operandName = "\x00operand"

// openText gives the functions that make texts of numbers LuaJIT's form of them.
func openText(l *lua.LState) {
	library := l.GetGlobal("string").(*lua.LTable)
	for _, name := range []string{"byte", "len", "lower", "rep", "reverse", "sub", "upper"} {
		f := library.RawGetString(name).(*lua.LFunction).GFunction
		library.RawSetString(name, l.NewFunction(func(l *lua.LState) int {
			l.Replace(1, asText(l.Get(1)))
			return f(l)
		}))
	}
	library.RawSetString(operandName, l.NewFunction(func(l *lua.LState) int {
		l.Push(asText(l.Get(1)))
		return 1
	}))
	library.RawSetString("format", l.NewFunction(format))
	l.SetGlobal("tostring", l.NewFunction(func(l *lua.LState) int {
		l.Push(stringOf(l, l.CheckAny(1)))
		return 1
	}))
	l.SetGlobal("print", l.NewFunction(func(l *lua.LState) int {
		var line []byte
		for i := 1; i <= l.GetTop(); i++ {
			if i > 1 {
				line = append(line, '\t')
			}
			line = append(line, stringOf(l, l.Get(i)).String()...)
		}
		os.Stdout.Write(append(line, '\n')) // that nobody reads it is not the script's fault
		return 0
	}))
}

// concat is table.concat with a bound on what it makes.
func concat(l *lua.LState, most int64) int {
	t, sep := l.CheckTable(1), ""
	if v := asText(l.Get(2)); v != lua.LNil {
		l.Replace(2, v)
		sep = l.CheckString(2)
	}
	var out []byte
	first, last := l.OptInt(3, 1), l.OptInt(4, t.Len())
	for i := first; i <= last; i++ {
		if i > first {
			out = append(out, sep...)
		}
		switch v := t.RawGetInt(i).(type) {
		case lua.LString:
			out = append(out, v...)
		case lua.LNumber:
			out = appendText(out, v)
		default:
			l.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type(), i)
		}
		if int64(len(out)) > most {
			l.RaiseError("table.concat: the result would be too large")
		}
	}
	l.Push(lua.LString(out))
	return 1
}

// textOperands writes the call around all operands of .. below v that may be numbers.
func textOperands(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			textOperands(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			textOperands(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				textOperands(v.Field(i))
			}
		}
		if c, ok := v.Addr().Interface().(*ast.StringConcatOpExpr); ok {
			c.Lhs, c.Rhs = operand(c.Lhs), operand(c.Rhs)
		}
	}
}

func operand(e ast.Expr) ast.Expr {
	switch e.(type) {
	case *ast.StringExpr, *ast.StringConcatOpExpr:
		return e
	}
	name := &ast.AttrGetExpr{Object: &ast.StringExpr{}, Key: &ast.StringExpr{Value: operandName}}
	call := &ast.FuncCallExpr{Func: name, Args: []ast.Expr{e}, AdjustRet: true}
	for _, part := range []ast.Expr{name.Object, name.Key, name, call} {
		part.SetLine(e.Line())
		part.SetLastLine(e.LastLine())
	}
	return call
}
