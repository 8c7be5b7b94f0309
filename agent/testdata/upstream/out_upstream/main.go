// Out_upstream is an output plugin as people write them. It appends each record to a file, as a line of JSON:
//
//	{"id":"a","tag":"cpu.0","time":"1700000000.123456789","record":{"cpu_p":0.5}}
//
// Properties: path, the file (default: standard output); id, anything; result, what each flush returns: ok, error
// or retry.
package main

import "C"

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
)

type instance struct {
	id, path string
	result   int
}

//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) int {
	return output.FLBPluginRegister(def, "upstream", "Writes JSON lines")
}

//export FLBPluginInit
func FLBPluginInit(plugin unsafe.Pointer) int {
	if output.FLBPluginGetContext(plugin) != nil {
		log.Print("upstream: a new instance has a context already")
		return output.FLB_ERROR
	}
	results := map[string]int{"": output.FLB_OK, "ok": output.FLB_OK, "error": output.FLB_ERROR, "retry": output.FLB_RETRY}
	result, known := results[output.FLBPluginConfigKey(plugin, "result")]
	if !known {
		log.Print("upstream: result is one of ok, error and retry")
		return output.FLB_ERROR
	}
	output.FLBPluginSetContext(plugin, instance{
		id:     output.FLBPluginConfigKey(plugin, "id"),
		path:   output.FLBPluginConfigKey(plugin, "path"),
		result: result,
	})
	return output.FLB_OK
}

//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.int, tag *C.char) int {
	in := output.FLBPluginGetContext(ctx).(instance)
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	dec := output.NewDecoder(data, int(length))
	for {
		ret, ts, record := output.GetRecord(dec)
		if ret != 0 {
			break
		}
		line := map[string]interface{}{"id": in.id, "tag": C.GoString(tag), "time": timestamp(ts), "record": plain(record)}
		if err := enc.Encode(line); err != nil {
			log.Print("upstream: ", err)
			return output.FLB_ERROR
		}
	}
	if err := write(in.path, lines.Bytes()); err != nil {
		log.Print("upstream: ", err)
		return output.FLB_RETRY
	}
	return in.result
}

func write(path string, lines []byte) error {
	if path == "" {
		_, err := os.Stdout.Write(lines)
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(lines)
	return err
}

func timestamp(ts interface{}) string {
	switch t := ts.(type) {
	case output.FLBTime:
		return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
	case uint64:
		return fmt.Sprintf("%d.%09d", t, 0)
	}
	return time.Time{}.String()
}

// plain turns a record into what encoding/json knows.
func plain(v interface{}) interface{} {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case []interface{}:
		list := make([]interface{}, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	case map[interface{}]interface{}:
		m := make(map[string]interface{}, len(v))
		for k, e := range v {
			m[fmt.Sprint(k)] = plain(e)
		}
		return m
	case output.FLBTime:
		return timestamp(v)
	}
	return v
}

//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) int { return output.FLB_OK }

//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) { output.FLBPluginUnregister(def) }

func main() {}
