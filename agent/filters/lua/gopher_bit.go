//go:build !luajit || !linux

package lua

import (
	"fmt"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// openBit defines LuaJIT's library bit, which scripts for Fluent Bit may count on: operations on 32 bits whose
// results are signed.
func openBit(l *lua.LState) {
	fold := func(f func(a, b uint32) uint32) lua.LGFunction {
		return func(l *lua.LState) int {
			x := bit32(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				x = f(x, bit32(l, i))
			}
			return pushBits(l, x)
		}
	}
	shift := func(f func(x uint32, n uint) uint32) lua.LGFunction {
		return func(l *lua.LState) int { return pushBits(l, f(bit32(l, 1), uint(bit32(l, 2)&31))) }
	}
	single := func(f func(x uint32) uint32) lua.LGFunction {
		return func(l *lua.LState) int { return pushBits(l, f(bit32(l, 1))) }
	}
	library := l.NewTable()
	l.SetFuncs(library, map[string]lua.LGFunction{
		"band":    fold(func(a, b uint32) uint32 { return a & b }),
		"bor":     fold(func(a, b uint32) uint32 { return a | b }),
		"bxor":    fold(func(a, b uint32) uint32 { return a ^ b }),
		"bnot":    single(func(x uint32) uint32 { return ^x }),
		"tobit":   single(func(x uint32) uint32 { return x }),
		"bswap":   single(bits.ReverseBytes32),
		"lshift":  shift(func(x uint32, n uint) uint32 { return x << n }),
		"rshift":  shift(func(x uint32, n uint) uint32 { return x >> n }),
		"arshift": shift(func(x uint32, n uint) uint32 { return uint32(int32(x) >> n) }),
		"rol":     shift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, int(n)) }),
		"ror":     shift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, -int(n)) }),
		"tohex":   tohex,
	})
	l.SetGlobal("bit", library)
	l.GetField(l.GetGlobal("package"), "loaded").(*lua.LTable).RawSetString("bit", library) // for require
}

// bit32 is an argument as LuaJIT takes it: the low 32 bits of the nearest whole number.
func bit32(l *lua.LState, i int) uint32 {
	f := float64(l.CheckNumber(i))
	return uint32(int64(f + 6755399441055744 - 6755399441055744))
}

func pushBits(l *lua.LState, x uint32) int {
	l.Push(lua.LNumber(int32(x)))
	return 1
}

func tohex(l *lua.LState) int {
	x, n := bit32(l, 1), l.OptInt(2, 8)
	format := "%0*x"
	if n < 0 {
		n, format = -n, "%0*X"
	}
	n = min(n, 8)
	l.Push(lua.LString(fmt.Sprintf(format, n, uint64(x)&(1<<(4*n)-1))))
	return 1
}
