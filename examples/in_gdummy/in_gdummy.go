// In_gdummy produces a record a second, or as often as it is told.
//
//	go build -buildmode=c-shared -o in_gdummy.so in_gdummy.go
//	fluent-bit -e ./in_gdummy.so -i gdummy -p message=hello -p interval=500ms -o stdout
package main

/*
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/input"
)

type dummy struct {
	message  string
	interval time.Duration
	count    uint64
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return input.FLBPluginRegister(def, "gdummy", "Produces dummy records, from Go")
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int {
	d := &dummy{message: "dummy", interval: time.Second}
	if v := input.FLBPluginConfigKey(plugin, "message"); v != "" {
		d.message = v
	}
	if v := input.FLBPluginConfigKey(plugin, "interval"); v != "" {
		var err error
		if d.interval, err = time.ParseDuration(v); err != nil || d.interval < 0 {
			fmt.Fprintf(os.Stderr, "gdummy: interval %q is no duration; write 500ms, 2s or 1m\n", v)
			return input.FLB_ERROR
		}
	}
	input.FLBPluginSetContext(plugin, d)
	return input.FLB_OK
}

// The host waits for this callback in a thread of its own, so it may take its time.
//
//export FLBPluginInputCallbackCtx
func FLBPluginInputCallbackCtx(ctx unsafe.Pointer, data *unsafe.Pointer, size *C.size_t) int {
	d, ok := input.FLBPluginGetContext(ctx).(*dummy)
	if !ok {
		return input.FLB_ERROR
	}
	if d.count > 0 {
		time.Sleep(d.interval)
	}
	d.count++

	event := []any{input.FLBTime{Time: time.Now()}, map[string]any{"message": d.message, "count": d.count}}
	packed, err := input.NewEncoder().Encode(event)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gdummy:", err)
		return input.FLB_ERROR
	}
	*data, *size = C.CBytes(packed), C.size_t(len(packed))
	return input.FLB_OK
}

//export FLBPluginInputCleanupCallback
func FLBPluginInputCleanupCallback(data unsafe.Pointer) int {
	C.free(data)
	return input.FLB_OK
}

//export FLBPluginExit
func FLBPluginExit() int { return input.FLB_OK }

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) { input.FLBPluginUnregister(def) }

func main() {}
