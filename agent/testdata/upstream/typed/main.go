//go:build ours

// Typed measures what decode bench does with GetRecord: all that a worker does with a chunk that the agent
// hands over with its index, and three fields of every record, read with package event.
package main

import (
	"encoding/json"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

var keys = event.NewKeys("log", "level", "status")

func main() {
	log.SetFlags(0)
	chunk, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	b := event.New("app")
	if err := b.Load(chunk); err != nil {
		log.Fatal(err)
	}
	index := b.AppendIndex(nil)
	runtime.GOMAXPROCS(1) // the collector's work counts as well
	read(chunk, index)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, records, n := cpu(), 0, 0
	for cpu()-start < 400*time.Millisecond {
		records = read(chunk, index)
		n++
	}
	used := cpu() - start
	runtime.ReadMemStats(&after)
	_ = json.NewEncoder(os.Stdout).Encode(map[string]float64{ // whoever closes stdout wants no result
		"seconds": used.Seconds() / float64(n),
		"allocs":  float64(after.Mallocs-before.Mallocs) / float64(n),
		"bytes":   float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		"records": float64(records),
	})
}

var sum int

func read(chunk, index []byte) (records int) {
	c, err := event.ViewIndexed(1, "app", chunk, index)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Release()
	var found [3]event.Value
	for r := range c.Records() {
		keys.Find(r.Body(), found[:])
		status, _ := found[2].Int()
		sum += len(found[0].Str()) + len(found[1].Str()) + int(status)
		records++
	}
	return records
}

// cpu returns the processor time of this process: the clock on the wall says little on a busy machine.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
