//go:build cgo && linux

package cshared

// #include <stdint.h>
// #include <stdlib.h>
import "C"

import (
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi/guest"
	"github.com/fluent/fluent-bit-go/internal/serve"
	"github.com/fluent/fluent-bit-go/internal/wire"
)

// The functions that hosts look for by name.

// FluentBitServe is for this project's agent, whose worker hands its socket over; see [wire.ServeSymbol].
//
//export FluentBitServe
func FluentBitServe(control C.int32_t, version, loading C.uint32_t) C.int32_t {
	if uint32(version) != wire.Version || held == nil {
		return -1
	}
	serve.Serve(int(control), held, uint32(loading))
	return 0
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) C.int { return C.int(register(def)) }

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) { guest.Unregister(def, &classic.contexts) }

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) C.int { return C.int(start(plugin)) }

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) C.int {
	return C.int(flush(ctx, unsafe.Slice((*byte)(data), max(0, int(length))), C.GoString(tag)))
}

//export FLBPluginInputCallbackCtx
func FLBPluginInputCallbackCtx(ctx unsafe.Pointer, data *unsafe.Pointer, size *C.size_t) C.int {
	b, code := collect(ctx)
	*size = C.size_t(len(b))
	if len(b) > 0 {
		*data = C.CBytes(b) // the host frees it
	}
	return C.int(code)
}

// FLBPluginInputCallback is what some hosts look for to know an input; with a context they call the other.
//
//export FLBPluginInputCallback
func FLBPluginInputCallback(data *unsafe.Pointer, size *C.size_t) C.int {
	return FLBPluginInputCallbackCtx(nil, data, size)
}

//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) C.int {
	exit(ctx)
	return 1
}

//export FLBPluginExit
func FLBPluginExit() C.int {
	exitAll()
	return 1
}
