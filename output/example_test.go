package output_test

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/input"
	"github.com/fluent/fluent-bit-go/output"
)

// A chunk reaches FLBPluginFlushCtx as a pointer and a length. Here an encoder plays the host.
func ExampleGetRecord() {
	when := time.Unix(1700000000, 123456789)
	chunk, err := input.NewEncoder().Encode([]any{input.FLBTime{Time: when}, map[string]any{"cpu_p": 0.5, "mode": "user"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, length := unsafe.Pointer(&chunk[0]), len(chunk)

	dec := output.NewDecoder(data, length)
	for {
		ret, ts, record := output.GetRecord(dec)
		if ret != 0 {
			break
		}
		t := ts.(output.FLBTime)
		fmt.Printf("%d.%09d cpu_p=%v mode=%s\n", t.Unix(), t.Nanosecond(), record["cpu_p"], record["mode"])
	}
	// Output: 1700000000.123456789 cpu_p=0.5 mode=user
}

func ExampleGetRecordWithMetadata() {
	event := []any{[]any{uint64(1700000000), map[string]any{"trace": "4bf9"}}, map[string]any{"log": "hello"}}
	chunk, err := input.NewEncoder().Encode(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	ret, ts, metadata, record := output.GetRecordWithMetadata(output.NewDecoderBytes(chunk))
	fmt.Printf("%d %d %s %s\n", ret, ts, metadata["trace"], record["log"])
	// Output: 0 1700000000 4bf9 hello
}
