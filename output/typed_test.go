package output

import (
	"testing"

	records "github.com/fluent/fluent-bit-go/event"
)

// readThree reads three fields of every record, as a plugin written with package plugin does.
func readThree(c *records.Chunk) (n int) {
	for r := range c.Records() {
		n += len(r.Get("log").Str()) + len(r.Get("level").Str())
		status, _ := r.Get("status").Int()
		n += int(status)
	}
	return n
}

func TestTypedRecordsAreReadWithoutAllocation(t *testing.T) {
	data := containerLogs(1000)
	c, err := records.View(1, "app", records.Logs, data)
	if err != nil || readThree(c) == 0 {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { readThree(c) }); n > 1 { // the iterator
		t.Errorf("%v allocations for 1000 records", n)
	}
}

// BenchmarkTyped is what [BenchmarkGetRecord] is to the classic API: all that a worker does with a chunk from
// its bytes on, and three fields of every record.
func BenchmarkTyped(b *testing.B) {
	data := containerLogs(5058)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := records.View(1, "app", records.Logs, data)
		if err != nil || readThree(c) == 0 {
			b.Fatal(err)
		}
		c.Release()
	}
}
