// Package input is the classic API for input plugins: Go programs that Fluent Bit loads as shared objects and
// asks for data.
//
// A plugin is a package main, built with `go build -buildmode=c-shared`, that exports a handful of C functions
// and answers them with the help of this package:
//
//	//export FLBPluginRegister
//	func FLBPluginRegister(def unsafe.Pointer) int {
//		return input.FLBPluginRegister(def, "mine", "Reads records from my service")
//	}
//
//	//export FLBPluginInit
//	func FLBPluginInit(plugin unsafe.Pointer) int {
//		input.FLBPluginSetContext(plugin, newClient(input.FLBPluginConfigKey(plugin, "url")))
//		return input.FLB_OK
//	}
//
//	//export FLBPluginInputCallbackCtx
//	func FLBPluginInputCallbackCtx(ctx unsafe.Pointer, data *unsafe.Pointer, size *C.size_t) int {
//		line := input.FLBPluginGetContext(ctx).(*client).next()
//		packed, err := input.NewEncoder().Encode([]any{input.FLBTime{time.Now()}, map[string]any{"line": line}})
//		if err != nil {
//			return input.FLB_ERROR
//		}
//		*data, *size = C.CBytes(packed), C.size_t(len(packed))
//		return input.FLB_OK
//	}
//
// The host calls back once a second, from a thread of its own, and the callback may wait for data. A size of 0
// means that there is none. Data may hold any number of records, one behind the other, and is freed by the host
// with free() unless the plugin exports FLBPluginInputCleanupCallback.
package input

import (
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi/guest"
)

// What FLBPluginInit, FLBPluginInputCallback and FLBPluginExit return.
const (
	FLB_ERROR = 0
	FLB_OK    = 1
	FLB_RETRY = 2
)

// What a definition says about its plugin; [FLBPluginRegister] fills it in.
const (
	FLB_PROXY_INPUT_PLUGIN = guest.TypeInput
	FLB_PROXY_GOLANG       = guest.ProxyGo
)

// Kinds of events that an input produces, for [FLBPluginRegisterWithEventType] and [WithEventType]. The numbers
// are not those of package output.
const (
	FLB_INPUT_LOGS    = 0
	FLB_INPUT_METRICS = 1
	FLB_INPUT_TRACES  = 2
)

// FLBPluginProxyDef is the definition of a plugin as the host lays it out in memory.
type FLBPluginProxyDef guest.Def

// FLBInPlugin is a configured instance as the host lays it out in memory.
type FLBInPlugin guest.Instance

// FLBPluginRegister tells the host the plugin's name and description. Call it from the exported function of
// the same name, with its argument, and return the result: 0, or -1 when def is nil or name is empty.
func FLBPluginRegister(def unsafe.Pointer, name, desc string) int {
	return FLBPluginRegisterWithOptions(def, WithName(name), WithDescription(desc))
}

// FLBPluginUnregister frees what registering allocated, and the contexts of the instances. Call it from the
// exported function of the same name. Any pointer but the definition's is left alone.
func FLBPluginUnregister(def unsafe.Pointer) { guest.Unregister(def, &contexts) }

// FLBPluginConfigKey returns a property of the instance, or "" when it is not set. Keys match in any case.
// plugin is the argument of FLBPluginInit, valid only until that returns.
func FLBPluginConfigKey(plugin unsafe.Pointer, key string) string {
	return guest.ConfigKey(plugin, guest.InputProperty, key)
}

var contexts = guest.Contexts{Remote: guest.InputRemote}

// FLBPluginSetContext attaches a value to an instance. The host hands it to the exported functions whose names
// end in Ctx, in a form that [FLBPluginGetContext] turns back into the very same value. Setting it again
// replaces it; [FLBPluginUnregister] lets go of it.
func FLBPluginSetContext(plugin unsafe.Pointer, ctx interface{}) { contexts.Set(plugin, ctx) }

// FLBPluginGetContext returns what [FLBPluginSetContext] attached. proxyCtx is the first argument of a …Ctx
// function; any other pointer gives nil.
func FLBPluginGetContext(proxyCtx unsafe.Pointer) interface{} { return contexts.Get(proxyCtx) }
