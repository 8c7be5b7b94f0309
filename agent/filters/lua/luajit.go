//go:build luajit && linux

package lua

/*
#cgo pkg-config: luajit
#cgo LDFLAGS: -lm -lpthread
#include <stdlib.h>
#include "luajit_machine.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/event"
)

// jit is LuaJIT. A batch crosses to C and back once: its records go in one buffer, the results come in
// another.
type jit struct {
	*script
	m  *C.machine
	in []byte
}

var errOpen = errors.New("LuaJIT has no memory for another script")

// check compiles the script.
func check(s *script) error {
	m := C.flj_open(C.size_t(s.limits.memory), 0)
	if m == nil {
		return errOpen
	}
	defer C.flj_close(m)
	j := jit{script: s, m: m}
	_, err := j.load(nil)
	return err
}

// start makes a machine and runs the script, which defines its functions.
func start(s *script) (machine, error) {
	options := C.int(0)
	if s.timeTable {
		options |= C.OPT_TIME_TABLE
	}
	if s.null {
		options |= C.OPT_NULL
	}
	if s.slow {
		options |= C.OPT_INTERPRET
	}
	m := C.flj_open(C.size_t(s.limits.memory), options)
	if m == nil {
		return nil, errOpen
	}
	j := &jit{script: s, m: m}
	for k, v := range s.variables() {
		C.flj_variable(m, chars(k), C.size_t(len(k)), chars(v), C.size_t(len(v)))
	}
	for _, k := range s.ints {
		C.flj_key(m, chars(k), C.size_t(len(k)), 0)
	}
	for _, k := range s.arrays {
		C.flj_key(m, chars(k), C.size_t(len(k)), 1)
	}
	call := C.CString(s.call)
	defer C.free(unsafe.Pointer(call))
	code, err := j.load(call)
	if err == nil {
		return j, nil
	}
	C.flj_close(m)
	if code == C.RUN_BODY {
		return nil, err
	}
	return nil, fmt.Errorf("run the script: %w", err)
}

// load compiles the source and, with call, runs it.
func (j *jit) load(call *C.char) (code C.int, err error) {
	source := j.source
	if bytes.HasPrefix(source, []byte("#")) { // #!/usr/bin/lua
		source = append([]byte("--"), source...)
	}
	name := C.CString("@" + j.name)
	defer C.free(unsafe.Pointer(name))
	code = j.watched(func() C.int {
		return C.flj_load(j.m, (*C.char)(unsafe.Pointer(unsafe.SliceData(source))), C.size_t(len(source)), name, call)
	})
	if code == C.RUN_OK {
		return code, nil
	}
	if code == C.RUN_BODY {
		return code, errors.New(j.lastError())
	}
	return code, j.explain(code)
}

func (j *jit) lastError() string {
	var n C.size_t
	text := C.flj_error(j.m, &n)
	return C.GoStringN(text, C.int(n))
}

func (j *jit) explain(code C.int) error {
	switch code {
	case C.RUN_BODY:
		return errBody
	case C.RUN_DEPTH:
		return errDepth
	case C.RUN_LARGE:
		return errLarge
	case C.RUN_TIME:
		return errTime
	case C.RUN_MEMORY:
		return errMemory
	}
	return errors.New(j.lastError())
}

// chars lends a text to C for one call.
func chars(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

func (j *jit) close() { C.flj_close(j.m) }

func (j *jit) spent() string {
	if C.flj_lost(j.m) != 0 {
		j.slow = true
		return "the script looped in compiled code; it is interpreted from now on"
	}
	if int64(C.flj_used(j.m)) > j.limits.memory*3/4 {
		return fmt.Sprintf("the script's variables hold nearly %d MB", j.limits.memory>>20)
	}
	return ""
}

// watched calls f, which runs Lua, and ends it when one call takes longer than it may.
func (j *jit) watched(f func() C.int) C.int {
	var (
		mu    sync.Mutex
		done  bool
		last  = C.flj_calls(j.m)
		since = time.Now()
		timer *time.Timer
	)
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		next := j.limits.call / 4
		switch calls := C.flj_calls(j.m); {
		case done:
			return
		case calls != last:
			last, since = calls, time.Now()
		case time.Since(since) >= j.limits.call:
			C.flj_interrupt(j.m)
			next = 5 * time.Millisecond
		}
		timer.Reset(next)
	}
	mu.Lock()
	timer = time.AfterFunc(j.limits.call/4, look)
	mu.Unlock()
	code := f()
	mu.Lock()
	done = true
	timer.Stop()
	mu.Unlock()
	return code
}

func (j *jit) run(b *event.Batch, out *results) error {
	j.in = j.in[:0]
	for r := range b.Records() {
		t, meta, body, group := r.Time(), r.Meta(), r.Body(), r.Group().Attributes
		if group == nil {
			group = event.Value{0x80}
		}
		for _, n := range [...]int{int(t.Sec), int(t.Nsec), len(group), len(meta), len(body)} {
			j.in = binary.NativeEndian.AppendUint32(j.in, uint32(n))
		}
		j.in = append(append(append(j.in, group...), meta...), body...)
	}
	in := (*C.char)(unsafe.Pointer(unsafe.SliceData(j.in)))
	code := j.watched(func() C.int {
		return C.flj_run(j.m, chars(b.Tag), C.size_t(len(b.Tag)), in, C.size_t(len(j.in)))
	})
	if code != C.RUN_OK {
		return j.explain(code)
	}
	return j.collect(out)
}

// collect reads the results of a run.
func (j *jit) collect(out *results) error {
	var n C.size_t
	data := C.flj_out(j.m, &n)
	rest := unsafe.Slice((*byte)(unsafe.Pointer(data)), int(n))
	u32 := func() int {
		x := binary.NativeEndian.Uint32(rest)
		rest = rest[4:]
		return int(x)
	}
	for len(rest) > 0 {
		code, t := int(int32(u32())), event.Time{Sec: int64(u32()), Nsec: uint32(u32())}
		meta, body := u32(), u32()
		values := rest[:meta+body]
		rest = rest[meta+body:]
		if !out.code(code) {
			continue
		}
		at := len(out.buf)
		out.buf = append(out.buf, values...)
		if err := out.addTaken(t, at, at+meta); err != nil {
			return err
		}
	}
	out.cut()
	return nil
}
