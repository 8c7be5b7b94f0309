package cmd

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	programMemory = 64e6 // what the program itself takes, which the collector does not know of
	leastMemory   = 64e6 // with less the collector would have to work all the time
)

// boundMemory has the collector work harder when the whole process nears the memory budget, until the
// returned function is called. Records need no more than half of the budget and a bit; without this, garbage
// might need as much again. What is not records may be large, too, so the bound gives way before the
// collector would do nothing else.
func boundMemory(budget int64) (end func()) {
	if os.Getenv("GOMEMLIMIT") != "" || budget <= 0 {
		return func() {}
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	debug.SetMemoryLimit(memoryLimit(budget, 0))
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				metrics.Read(live)
				debug.SetMemoryLimit(memoryLimit(budget, int64(live[0].Value.Uint64())))
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { stop(); watching.Wait() }
}

// memoryLimit is the bound when so much was in use after the last collection.
func memoryLimit(budget, live int64) int64 {
	return max(budget-programMemory, leastMemory, live+live/4)
}
