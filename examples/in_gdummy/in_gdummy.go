// In_gdummy produces the same message each time that the host asks, which is once a second.
//
//	go build -buildmode=c-shared -o in_gdummy.so in_gdummy.go
//	fluent-bit -e ./in_gdummy.so -i gdummy -p message=hello -p records=3 -o stdout
package main

/*
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/input"
)

type dummy struct {
	message string
	records int    // a second
	count   uint64 // so far
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return input.FLBPluginRegister(def, "gdummy", "Produces dummy records, from Go")
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int {
	d := &dummy{message: "dummy", records: 1}
	if v := input.FLBPluginConfigKey(plugin, "message"); v != "" {
		d.message = v
	}
	if v := input.FLBPluginConfigKey(plugin, "records"); v != "" {
		var err error
		if d.records, err = strconv.Atoi(v); err != nil || d.records < 0 {
			fmt.Fprintf(os.Stderr, "gdummy: records is %q; write how many records a second to produce, such as 3\n", v)
			return input.FLB_ERROR
		}
	}
	input.FLBPluginSetContext(plugin, d)
	return input.FLB_OK
}

// The data may hold any number of events, one behind the other. The callback may also wait for them: the host
// calls it in a thread of its own.
//
//export FLBPluginInputCallbackCtx
func FLBPluginInputCallbackCtx(ctx unsafe.Pointer, data *unsafe.Pointer, size *C.size_t) int {
	d, ok := input.FLBPluginGetContext(ctx).(*dummy)
	if !ok {
		return input.FLB_ERROR
	}
	enc := input.NewEncoder()
	var events []byte
	for range d.records {
		d.count++
		event := []any{input.FLBTime{Time: time.Now()}, map[string]any{"message": d.message, "count": d.count}}
		packed, err := enc.Encode(event)
		if err != nil {
			fmt.Fprintln(os.Stderr, "gdummy:", err)
			return input.FLB_ERROR
		}
		events = append(events, packed...)
	}
	*data, *size = C.CBytes(events), C.size_t(len(events)) // C memory, freed below
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
