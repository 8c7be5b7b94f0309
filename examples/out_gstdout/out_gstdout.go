// Out_gstdout prints each record on a line, as Fluent Bit's own stdout output does.
//
//	go build -buildmode=c-shared -o out_gstdout.so out_gstdout.go
//	fluent-bit -e ./out_gstdout.so -i cpu -o gstdout
package main

import "C"

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
)

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return output.FLBPluginRegister(def, "gstdout", "Prints records to standard output, from Go")
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int { return output.FLB_OK }

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) int {
	out := bufio.NewWriter(os.Stdout)
	dec := output.NewDecoder(data, int(length))
	for n := 0; ; n++ {
		ret, ts, record := output.GetRecord(dec)
		if ret != 0 {
			break
		}
		line := fmt.Appendf(out.AvailableBuffer(), "[%d] %s: [%s, ", n, C.GoString(tag), timestamp(ts))
		out.Write(append(appendValue(line, record), "]\n"...))
	}
	if out.Flush() != nil {
		return output.FLB_RETRY
	}
	return output.FLB_OK
}

//export FLBPluginExit
func FLBPluginExit() int { return output.FLB_OK }

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) { output.FLBPluginUnregister(def) }

// timestamp writes a time as seconds with nine decimals.
func timestamp(ts any) string {
	t := time.Now()
	switch v := ts.(type) {
	case output.FLBTime:
		t = v.Time
	case uint64:
		t = time.Unix(int64(v), 0)
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// appendValue writes v the way JSON does, with keys in order so that equal records look equal.
func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return strconv.AppendQuote(dst, v)
	case []byte:
		return strconv.AppendQuote(dst, string(v))
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendValue(dst, e)
		}
		return append(dst, ']')
	case map[any]any:
		return appendMap(dst, v)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case output.FLBTime:
		return strconv.AppendQuote(dst, timestamp(v))
	}
	return fmt.Append(dst, v)
}

func appendMap(dst []byte, m map[any]any) []byte {
	byText := make(map[string]any, len(m))
	for k, v := range m {
		byText[fmt.Sprint(k)] = v
	}
	dst = append(dst, '{')
	for i, k := range slices.Sorted(maps.Keys(byText)) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(strconv.AppendQuote(dst, k), ": "...)
		dst = appendValue(dst, byText[k])
	}
	return append(dst, '}')
}

func main() {}
