// Decode measures GetRecord of the SDK it is built with, or shows what that returns.
//
//	decode bench FILE    seconds of CPU, allocations and records for reading the chunk in FILE once, as JSON
//	decode dump FILE     each result, with types, one a line
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/output"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: decode bench|dump FILE")
	}
	chunk, err := os.ReadFile(os.Args[2])
	if err != nil || len(chunk) == 0 {
		log.Fatalf("decode %s: %v, %d bytes", os.Args[2], err, len(chunk))
	}
	if os.Args[1] == "dump" {
		dump(chunk)
		return
	}
	bench(chunk)
}

func bench(chunk []byte) {
	runtime.GOMAXPROCS(1) // the collector's work counts as well
	read(chunk)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, records, n := cpu(), 0, 0
	for cpu()-start < 400*time.Millisecond {
		records = read(chunk)
		n++
	}
	used := cpu() - start
	runtime.ReadMemStats(&after)
	json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"seconds": used.Seconds() / float64(n),
		"allocs":  float64(after.Mallocs-before.Mallocs) / float64(n),
		"bytes":   float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		"records": float64(records),
	})
}

func read(chunk []byte) (records int) {
	dec := output.NewDecoder(unsafe.Pointer(&chunk[0]), len(chunk))
	for {
		if ret, _, _ := output.GetRecord(dec); ret != 0 {
			return records
		}
		records++
	}
}

// cpu returns the processor time of this process: the clock on the wall says little on a busy machine.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func dump(chunk []byte) {
	dec := output.NewDecoder(unsafe.Pointer(&chunk[0]), len(chunk))
	for {
		ret, ts, record := output.GetRecord(dec)
		fmt.Println(ret, text(ts), text(record))
		if ret == -1 {
			return
		}
	}
}

// text writes a value with its types, the same for equal values.
func text(v interface{}) string {
	switch v := v.(type) {
	case output.FLBTime:
		return fmt.Sprintf("FLBTime(%d.%09d)", v.Unix(), v.Nanosecond())
	case time.Time:
		return fmt.Sprintf("Time(%d.%09d)", v.Unix(), v.Nanosecond())
	case []interface{}:
		var b strings.Builder
		for _, e := range v {
			b.WriteString(text(e) + ",")
		}
		return "[" + b.String() + "]"
	case map[interface{}]interface{}:
		pairs := make([]string, 0, len(v))
		for k, e := range v {
			pairs = append(pairs, text(k)+":"+text(e))
		}
		slices.Sort(pairs)
		return fmt.Sprintf("map%t[%s]", v != nil, strings.Join(pairs, ","))
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Struct && r.Type().Name() == "RawExt" {
		return fmt.Sprintf("RawExt(%v,%#v,%v)", r.FieldByName("Tag"), r.FieldByName("Data").Bytes(), r.FieldByName("Value"))
	}
	return fmt.Sprintf("%T(%#v)", v, v)
}
