package main

// #include <stdlib.h>
import "C"

import (
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/msgp"
)

var given, cleaned atomic.Int64

//export FLBPluginInputCallbackCtx
func FLBPluginInputCallbackCtx(ctx unsafe.Pointer, data *unsafe.Pointer, size *C.size_t) C.int {
	mu.Lock()
	i := instances[uintptr(ctx)]
	mu.Unlock()
	how, arg, _ := strings.Cut(i.get("collect"), ":")
	switch how {
	case "block":
		i.note("blocking")
		select {}
	case "fail":
		return -1
	case "once": // crash once
		if !exists(arg) {
			os.WriteFile(arg, nil, 0o644)
			panic("the collect broke")
		}
	case "sleep":
		time.Sleep(10 * time.Millisecond)
	}
	if i.rows == 0 || paused.Load() {
		return abi.OK
	}
	n := 1
	if how == "large" {
		n, i.rows = i.rows, 1
	}
	var b []byte
	for range n {
		b = msgp.AppendArrayHeader(b, 2)
		b = msgp.AppendEventTime(b, 1700000000, 0)
		b = msgp.AppendMapHeader(b, 1)
		b = msgp.AppendStr(b, "n")
		b = msgp.AppendInt(b, given.Add(1))
	}
	i.rows--
	if how == "broken" {
		b = append(b, 0xc1)
	}
	*data, *size = C.CBytes(b), C.size_t(len(b))
	return abi.OK
}

//export FLBPluginInputCleanupCallback
func FLBPluginInputCleanupCallback(data unsafe.Pointer) C.int {
	cleaned.Add(1)
	C.free(data)
	return abi.OK
}

//export FLBPluginInputPause
func FLBPluginInputPause() {
	paused.Store(true)
	first.note("pause")
}

//export FLBPluginInputResume
func FLBPluginInputResume() {
	paused.Store(false)
	first.note("resume")
}
