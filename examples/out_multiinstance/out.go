// Out_multiinstance shows that each configured instance has a state of its own: it counts the records that each
// of them got, and prints the count with the instance's id.
//
//	go build -buildmode=c-shared -o out_multiinstance.so .
//	fluent-bit -e ./out_multiinstance.so -i dummy -o multiinstance -p id=first -m '*' -o multiinstance -p id=second -m '*'
package main

import "C"

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
)

type instance struct {
	id      string
	records atomic.Uint64 // flushes of one instance may overlap when it has several workers
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return output.FLBPluginRegisterWithOptions(def,
		output.WithName("multiinstance"),
		output.WithDescription("Counts the records of each instance, from Go"),
		output.WithConfigMap([]output.ConfigMap{
			{Type: output.FLB_CONFIG_MAP_STR, Name: "id", Desc: "What the instance calls itself."},
		}))
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int {
	id := output.FLBPluginConfigKey(plugin, "id")
	if id == "" {
		fmt.Fprintln(os.Stderr, "multiinstance: an instance has no id; set one, such as id first")
		return output.FLB_ERROR
	}
	output.FLBPluginSetContext(plugin, &instance{id: id})
	return output.FLB_OK
}

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) int {
	in, ok := output.FLBPluginGetContext(ctx).(*instance)
	if !ok {
		return output.FLB_ERROR
	}
	n := uint64(0)
	for dec := output.NewDecoder(data, int(length)); ; n++ {
		if ret, _, _ := output.GetRecord(dec); ret != 0 {
			break
		}
	}
	fmt.Printf("[multiinstance] id=%s tag=%s records=%d total=%d\n", in.id, C.GoString(tag), n, in.records.Add(n))
	return output.FLB_OK
}

//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) int {
	if in, ok := output.FLBPluginGetContext(ctx).(*instance); ok {
		fmt.Printf("[multiinstance] id=%s is done after %d records\n", in.id, in.records.Load())
	}
	return output.FLB_OK
}

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) { output.FLBPluginUnregister(def) }

func main() {}
