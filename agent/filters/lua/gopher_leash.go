//go:build !luajit || !linux

package lua

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// leash ends a call that takes too long or too much memory. The interpreter asks its context before each
// instruction whether it is done; leash is that context, and counts the questions.
//
// The heap belongs to the whole agent, so what it has grown by since the call began says little by itself:
// it is looked at only when instructions take long, as they do once they work on large values, and believed
// only after a garbage collection.
type leash struct {
	limits   bounds
	fuel     int // instructions until the next look
	looks    int
	deadline time.Time
	last     time.Time
	careful  int    // looks left that are taken at each instruction
	base     uint64 // the heap when it was first looked at
	enough   uint64 // how large it must be to be looked at closely
	err      error
	heap     [1]metrics.Sample
}

const (
	stride   = 16                     // instructions between two looks at the clock
	heapTurn = 1 << 10                // looks between two at the heap
	slow     = 100 * time.Microsecond // for one stride
	caution  = 256                    // looks at single instructions after a slow one
	heapName = "/memory/classes/heap/objects:bytes"
)

// begin starts the time of one call.
func (l *leash) begin() {
	l.fuel, l.looks, l.careful, l.base, l.err = stride, 0, 0, 0, nil
}

// Done implements [context.Context]. It is called before each instruction.
func (l *leash) Done() <-chan struct{} {
	if l.fuel--; l.fuel > 0 {
		return nil
	}
	return l.look()
}

func (l *leash) look() <-chan struct{} {
	if l.err != nil {
		return closed
	}
	now := time.Now()
	if l.looks == 0 {
		l.deadline = now.Add(l.limits.call)
		l.last = now
	}
	l.looks++
	dragged := now.Sub(l.last) > slow
	if dragged {
		l.careful = caution
	}
	l.last = now
	l.fuel = stride
	if l.careful > 0 {
		l.careful--
		l.fuel = 1
	}
	switch {
	case now.After(l.deadline):
		return l.end(errTime)
	case dragged || l.looks%heapTurn == 0:
		if l.grown() {
			return l.end(errMemory)
		}
	}
	return nil
}

func (l *leash) end(err error) <-chan struct{} {
	l.err, l.fuel = err, 0
	return closed
}

func (l *leash) grown() bool {
	size := l.heapSize()
	if l.base == 0 {
		l.base = size
		l.enough = size + uint64(l.limits.memory)
	}
	if size <= l.enough {
		return false
	}
	runtime.GC()
	size = l.heapSize()
	l.enough = max(l.enough, size+uint64(l.limits.memory)/4) // it was garbage: not for every bit of it again
	return size > l.base+uint64(l.limits.memory)
}

func (l *leash) heapSize() uint64 {
	l.heap[0].Name = heapName
	metrics.Read(l.heap[:])
	return l.heap[0].Value.Uint64()
}

// Err implements [context.Context].
func (l *leash) Err() error { return l.err }

// Deadline implements [context.Context].
func (l *leash) Deadline() (t time.Time, ok bool) { return t, false }

// Value implements [context.Context].
func (l *leash) Value(any) any { return nil }

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

var _ context.Context = (*leash)(nil)

// guardLibraries has coroutines run on the leash, and keeps os.exit from ending the agent. The functions that
// could take much in one instruction bound that themselves.
func guardLibraries(l *lua.LState, leash *leash) {
	override(l, "coroutine", "create", func(l *lua.LState, orig lua.LValue) int {
		return passTo(l, orig, func(v lua.LValue) { v.(*lua.LState).SetContext(leash) })
	})
	override(l, "coroutine", "wrap", func(l *lua.LState, orig lua.LValue) int {
		return passTo(l, orig, func(v lua.LValue) {
			v.(*lua.LFunction).Upvalues[0].Value().(*lua.LState).SetContext(leash)
		})
	})
	override(l, "os", "exit", func(l *lua.LState, _ lua.LValue) int {
		l.RaiseError("os.exit would end the agent, which it may not")
		return 0
	})
}

// override puts f in the place of a library's function, which f gets.
func override(l *lua.LState, library, name string, f func(l *lua.LState, orig lua.LValue) int) {
	t := l.GetGlobal(library).(*lua.LTable)
	orig := t.RawGetString(name)
	t.RawSetString(name, l.NewFunction(func(l *lua.LState) int { return f(l, orig) }))
}

// passTo calls orig with the arguments at hand, shows its result to look and returns it.
func passTo(l *lua.LState, orig lua.LValue, look func(lua.LValue)) int {
	n := l.GetTop()
	l.Push(orig)
	for i := 1; i <= n; i++ {
		l.Push(l.Get(i))
	}
	l.Call(n, 1)
	if look != nil {
		look(l.Get(-1))
	}
	return 1
}

// spent implements machine: a script that has collected more than it may hold is started anew. Its variables
// are weighed now and then, less often the longer that takes.
func (g *gopher) spent() string {
	now := time.Now()
	if g.leash.err != errMemory && now.Before(g.weighing) {
		return ""
	}
	size := weigh(g.l.G.Global)
	g.weighing = now.Add(max(10*time.Second, 200*time.Since(now)))
	if size <= g.limits.memory {
		return ""
	}
	return fmt.Sprintf("the script's variables hold more than %d MB", g.limits.memory>>20)
}

// weigh estimates what can be reached from v.
func weigh(v lua.LValue) (size int64) {
	seen := map[any]bool{}
	todo := []lua.LValue{v}
	reach := func(v lua.LValue) {
		switch x := v.(type) {
		case lua.LString:
			size += int64(len(x)) + 16
		case *lua.LTable, *lua.LFunction:
			if !seen[x] {
				seen[x] = true
				todo = append(todo, v)
			}
		}
	}
	for len(todo) > 0 {
		v, todo = todo[len(todo)-1], todo[:len(todo)-1]
		switch x := v.(type) {
		case *lua.LTable:
			size += 100
			x.ForEach(func(k, v lua.LValue) {
				size += 80
				reach(k)
				reach(v)
			})
		case *lua.LFunction:
			for _, up := range x.Upvalues {
				if up != nil {
					reach(up.Value())
				}
			}
		}
	}
	return size
}
