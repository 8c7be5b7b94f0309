// Command fault is a Fluent Bit Go plugin that misbehaves on request. It is written against the C
// interface itself, without the SDK. -ldflags "-X main.kind=input" makes it an input.
package main

/*
#include <stdlib.h>
#include <string.h>

typedef const char *(*get_fn)(const char *, void *);
typedef void (*log_fn)(int, const char *, int, const char *, ...);
typedef int (*check_fn)(void *, int);

static const char *call_get(void *f, const char *key, void *ins) { return ((get_fn)f)(key, ins); }
static void call_log(void *f, int level, const char *line) { ((log_fn)f)(level, "fault.go", 1, "%s", line); }
static int call_check(void *f, void *ins, int level) { return ((check_fn)f)(ins, level); }
static void c_segv(void) { *(volatile int *)8 = 1; }
*/
import "C"

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/msgp"
)

var kind = "output" // output, input or custom
var name = "fault"

// instance is one configured section.
type instance struct {
	api, ins unsafe.Pointer
	id, out  string
	rows     int // how many records an input still gives
}

var (
	mu        sync.Mutex
	instances = map[uintptr]*instance{}
	overlap   atomic.Int32
	paused    atomic.Bool
	first     *instance
)

func at[T any](p unsafe.Pointer, offset uintptr) *T { return (*T)(unsafe.Add(p, offset)) }

func (i *instance) get(key string) string {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	return C.GoString(C.call_get(*at[unsafe.Pointer](i.api, abi.APIOutputGetProperty), k, i.ins))
}

func (i *instance) log(level int, line string) {
	l := C.CString(line)
	defer C.free(unsafe.Pointer(l))
	C.call_log(*at[unsafe.Pointer](i.api, abi.APILogPrint), C.int(level), l)
}

// note appends a line to the instance's file, which outlives the process.
func (i *instance) note(format string, args ...any) {
	if i.out == "" {
		return
	}
	f, err := os.OpenFile(i.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, format+"\n", args...)
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) C.int {
	kinds := map[string]int32{"output": abi.TypeOutput, "input": abi.TypeInput, "custom": abi.TypeCustom}
	*at[int32](def, abi.DefType) = kinds[kind]
	*at[int32](def, abi.DefProxy) = abi.ProxyGo
	*at[*C.char](def, abi.DefName) = C.CString(name)
	*at[*C.char](def, abi.DefDescription) = C.CString("misbehaves on request")
	switch os.Getenv("FAULT_REGISTER") {
	case "exit":
		fmt.Fprintln(os.Stderr, "no licence found")
		os.Exit(4)
	case "hang":
		select {}
	}
	return 0
}

//export FLBPluginInit
func FLBPluginInit(p unsafe.Pointer) C.int {
	i := &instance{
		api: *at[unsafe.Pointer](p, abi.PluginAPI),
		ins: *at[unsafe.Pointer](p, abi.PluginInstance),
	}
	i.id, i.out = i.get("id"), i.get("out")
	fmt.Sscan(i.get("rows"), &i.rows)
	i.note("init %s", i.id)
	for _, key := range strings.Split(i.get("echo"), ",") {
		if key != "" {
			i.note("%s=%s", key, i.get(key))
		}
	}
	ctx := C.CString("")
	mu.Lock()
	instances[uintptr(unsafe.Pointer(ctx))] = i
	first = i
	mu.Unlock()
	context := *at[unsafe.Pointer](p, abi.PluginContext)
	offset := uintptr(abi.OutputContextRemote)
	if kind == "input" {
		offset = abi.InputContextRemote
	}
	*at[unsafe.Pointer](context, offset) = unsafe.Pointer(ctx)
	return i.begin(p)
}

// begin does what the property `init` says.
func (i *instance) begin(p unsafe.Pointer) C.int {
	how := i.get("init")
	if when := i.get("init_when"); when != "" && !exists(when) {
		how = ""
	}
	switch how {
	case "panic":
		panic("no such region: moon-1")
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot reach the licence server")
		os.Exit(7)
	case "fail":
		fmt.Fprintln(os.Stderr, "the key 'url' is not a URL")
		return abi.Error
	case "free":
		fmt.Fprint(os.Stderr, "gone without a line break")
		// What FLBPluginUnregister does to a definition, done to the struct that Init received.
		C.free(*at[unsafe.Pointer](p, 16))
		C.free(*at[unsafe.Pointer](p, 24))
		return abi.Error
	case "hang":
		select {}
	case "log":
		i.log(abi.LogWarn, "careful")
		i.log(abi.LogDebug, strings.Repeat("long ", 1000))
		check := *at[unsafe.Pointer](i.api, abi.APIOutputLogCheck)
		i.note("debug %d", C.call_check(check, i.ins, abi.LogDebug))
		i.note("warn %d", C.call_check(check, i.ins, abi.LogWarn))
	case "limits":
		i.note("limits %d %d", debug.SetMemoryLimit(-1), runtime.GOMAXPROCS(0))
	}
	return abi.OK
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.size_t, tag *C.char) C.int {
	mu.Lock()
	i := instances[uintptr(ctx)]
	mu.Unlock()
	do, arg, _ := strings.Cut(C.GoString(tag), ":")
	if do == "once" { // once:FILE:WHAT
		file, what, _ := strings.Cut(arg, ":")
		if exists(file) {
			do = "take"
		} else {
			os.WriteFile(file, nil, 0o644)
			do = what
		}
	}
	switch do {
	case "noop":
		return abi.OK
	case "panic":
		panic("the flush broke")
	case "gopanic":
		go func() { panic("a goroutine broke") }()
		select {}
	case "exit":
		os.Exit(3)
	case "nil":
		var m *instance
		return C.int(len(m.id))
	case "segv":
		C.c_segv()
	case "hang":
		select {}
	case "sleep":
		d, _ := time.ParseDuration(arg)
		time.Sleep(d)
	case "wait":
		i.note("waiting")
		for !exists(arg) {
			time.Sleep(time.Millisecond)
		}
	case "overlap":
		if n := overlap.Add(1); n > 1 {
			i.note("overlap %d", n)
		}
		time.Sleep(20 * time.Millisecond)
		overlap.Add(-1)
	case "stderr":
		line := strings.Repeat("x", 99) + "\n"
		fmt.Fprint(os.Stderr, strings.Repeat(line, 5<<20/len(line)))
	case "retry":
		return abi.Retry
	case "error":
		return abi.Error
	case "weird":
		return 77
	case "close": // all descriptors that the plugin has no business with
		for fd := 3; fd < 64; fd++ {
			if link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); strings.HasPrefix(link, "socket:") {
				os.NewFile(uintptr(fd), "").Close()
			}
		}
		select {}
	case "forge": // a reply that nobody asked for
		forge()
		select {}
	case "stop": // a child that has to end on SIGTERM
		p, err := os.StartProcess("/bin/sleep", []string{"sleep", "600"}, &os.ProcAttr{})
		if err != nil {
			panic(err)
		}
		p.Signal(syscall.SIGTERM)
		s, _ := p.Wait()
		i.note("child: %v", s)
	case "child":
		p, err := os.StartProcess("/bin/sleep", []string{"sleep", "600"}, &os.ProcAttr{Files: []*os.File{nil, nil, os.Stderr}})
		if err != nil {
			panic(err)
		}
		i.note("child %d", p.Pid)
	}
	i.take(unsafe.Slice((*byte)(data), int(length)))
	return abi.OK
}

func forge() {
	for fd := 3; fd < 64; fd++ {
		link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if !strings.HasPrefix(link, "socket:") {
			continue
		}
		if c, err := net.FileConn(os.NewFile(uintptr(fd), "")); err == nil {
			c.Write(make([]byte, 40))
		}
	}
}

// take notes the number in every record, and the shape of its head.
func (i *instance) take(data []byte) {
	var b strings.Builder
	for len(data) > 0 {
		size := msgp.Skip(data)
		raw := data[:size]
		data = data[size:]
		_, rest, _ := msgp.ArrayHeader(raw)
		shape := "v1"
		if _, _, ok := msgp.ArrayHeader(rest); ok {
			shape = "v2"
		}
		_, body, _ := msgp.MapHeader(rest[msgp.Skip(rest):])
		n, ok := msgp.ReadInt(body[msgp.Skip(body):])
		if !ok {
			u, _ := msgp.ReadUint(body[msgp.Skip(body):])
			n = int64(u)
		}
		fmt.Fprintf(&b, "%s %d\n", shape, n)
	}
	if b.Len() > 0 {
		i.note("%s", strings.TrimSuffix(b.String(), "\n"))
	}
}

//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) C.int {
	mu.Lock()
	i := instances[uintptr(ctx)]
	mu.Unlock()
	i.note("exit %s", i.id)
	if i.get("exit") == "hang" {
		select {}
	}
	return abi.OK
}

//export FLBPluginExit
func FLBPluginExit() C.int {
	first.note("plain exit")
	return abi.OK
}

//export FLBPluginOutputPreRun
func FLBPluginOutputPreRun(reload C.int) C.int {
	first.note("prerun %d", reload)
	return 0
}

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) {
	C.free(*at[unsafe.Pointer](def, abi.DefName))
	C.free(*at[unsafe.Pointer](def, abi.DefDescription))
	if first != nil && first.out != "" {
		first.note("unregister %s", filepath.Base(os.Args[0]))
	}
}

func main() {}
