// Package output is the classic API for output plugins: Go programs that Fluent Bit loads as shared objects.
//
// A plugin is a package main, built with `go build -buildmode=c-shared`, that exports a handful of C functions
// and answers them with the help of this package:
//
//	//export FLBPluginRegister
//	func FLBPluginRegister(def unsafe.Pointer) int {
//		return output.FLBPluginRegister(def, "mine", "Sends records to my service")
//	}
//
//	//export FLBPluginInit
//	func FLBPluginInit(plugin unsafe.Pointer) int {
//		output.FLBPluginSetContext(plugin, newClient(output.FLBPluginConfigKey(plugin, "url")))
//		return output.FLB_OK
//	}
//
//	//export FLBPluginFlushCtx
//	func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) int {
//		client := output.FLBPluginGetContext(ctx).(*client)
//		dec := output.NewDecoder(data, int(length))
//		for {
//			ret, ts, record := output.GetRecord(dec)
//			if ret != 0 {
//				break
//			}
//			client.add(ts, record)
//		}
//		return output.FLB_OK
//	}
//
//	//export FLBPluginExit
//	func FLBPluginExit() int { return output.FLB_OK }
//
// Names, types and codes are those of the SDK that existing plugins were written with, so that they build and
// behave as before. Complete plugins are in the folder examples of this module.
package output

import (
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi/guest"
)

// What FLBPluginInit, FLBPluginFlush and FLBPluginExit return.
const (
	FLB_ERROR = 0 // failed; a chunk is given up
	FLB_OK    = 1
	FLB_RETRY = 2 // not now; the chunk comes again
)

// What a definition says about its plugin; [FLBPluginRegister] fills it in.
const (
	FLB_PROXY_OUTPUT_PLUGIN = guest.TypeOutput
	FLB_PROXY_GOLANG        = guest.ProxyGo
)

// Kinds of events that an output takes, for [FLBPluginRegisterWithEventType] and [WithEventType].
const (
	FLB_OUTPUT_LOGS    = 1
	FLB_OUTPUT_METRICS = 2
	FLB_OUTPUT_TRACES  = 4
)

// FLBPluginProxyDef is the definition of a plugin as the host lays it out in memory.
type FLBPluginProxyDef guest.Def

// FLBOutPlugin is a configured instance as the host lays it out in memory.
type FLBOutPlugin guest.Instance

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
	return guest.ConfigKey(plugin, guest.OutputProperty, key)
}

var contexts = guest.Contexts{Remote: guest.OutputRemote}

// FLBPluginSetContext attaches a value to an instance. The host hands it to FLBPluginFlushCtx and
// FLBPluginExitCtx in a form that [FLBPluginGetContext] turns back into the very same value. Setting it again
// replaces it; [FLBPluginUnregister] lets go of it.
func FLBPluginSetContext(plugin unsafe.Pointer, ctx interface{}) { contexts.Set(plugin, ctx) }

// FLBPluginGetContext returns what [FLBPluginSetContext] attached. proxyCtx is the first argument of
// FLBPluginFlushCtx or FLBPluginExitCtx; any other pointer gives nil.
func FLBPluginGetContext(proxyCtx unsafe.Pointer) interface{} { return contexts.Get(proxyCtx) }
