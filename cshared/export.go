package cshared

// #include <stddef.h>
import "C"

import (
	"unsafe"
)

// The functions that a host looks for by name.

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) C.int { return C.int(register(def)) }

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) { unregister(def) }

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) C.int { return C.int(start(plugin)) }

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) C.int {
	return C.int(flush(ctx, unsafe.Slice((*byte)(data), max(0, int(length))), C.GoString(tag)))
}

//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) C.int { return C.int(exit(ctx)) }
