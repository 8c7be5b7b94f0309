// Out_count is an output plugin that looks at every record and counts: what a benchmark of plugins needs.
// Property: path, the file to which the number of records is written at the end.
package main

import "C"

import (
	"fmt"
	"log"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
)

var (
	path           string
	records, bytes atomic.Int64
)

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return output.FLBPluginRegister(def, "count", "Counts records")
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int {
	path = output.FLBPluginConfigKey(plugin, "path")
	return output.FLB_OK
}

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) int {
	dec := output.NewDecoder(data, int(length))
	for {
		ret, _, record := output.GetRecord(dec)
		if ret != 0 {
			return output.FLB_OK
		}
		records.Add(1)
		for _, v := range record {
			if text, ok := v.([]byte); ok {
				bytes.Add(int64(len(text)))
			}
		}
	}
}

//export FLBPluginExit
func FLBPluginExit() int {
	if err := os.WriteFile(path, fmt.Appendln(nil, records.Load()), 0o644); err != nil {
		log.Print("count: ", err)
		return output.FLB_ERROR
	}
	return output.FLB_OK
}

func main() {}
