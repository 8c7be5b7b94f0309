package input_test

import (
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/input"
)

// An input hands over any number of events, one behind the other.
func ExampleFLBEncoder_Encode() {
	enc := input.NewEncoder()
	var chunk []byte
	for i, line := range []string{"one", "two"} {
		event := []any{input.FLBTime{Time: time.Unix(1700000000+int64(i), 0)}, map[string]any{"line": line}}
		packed, err := enc.Encode(event)
		if err != nil {
			fmt.Println(err)
			return
		}
		chunk = append(chunk, packed...)
	}
	fmt.Printf("%q\n", chunk)
	// Output: "\x92\xd7\x00eS\xf1\x00\x00\x00\x00\x00\x81\xa4line\xa3one\x92\xd7\x00eS\xf1\x01\x00\x00\x00\x00\x81\xa4line\xa3two"
}
