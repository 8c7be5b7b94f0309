package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// readAhead is how much an input may bring before an output takes it, when its source keeps what is not
// read yet: no need to have it in memory twice.
const readAhead = 4 << 20

var errPaused = errors.New("the input is paused and the pipeline stops")

// gate holds an input back while too much of what it brought waits for a first output.
type gate struct {
	mu      sync.Mutex
	waiting int64         // bytes that no output has taken yet
	queued  int64         // of these, what is in chunks that were sent off
	change  chan struct{} // closed when waiting shrinks
	paused  bool          // as the log knows
	stopped int           // calls of wait that block
}

// wait blocks while the input is over its limit, or the agent over its budget.
func (g *gate) wait(ctx context.Context, in *input) error {
	var room <-chan struct{}
	for {
		g.mu.Lock()
		why := in.overlimit(g.waiting)
		ahead := in.rereads && in.storage != filesystem && g.queued >= readAhead || why == "" && in.pipe().memory.behind(in.pipe().open.Load())
		if why == "" && !ahead {
			if g.paused {
				g.paused = false
				in.log.Info("resume (" + in.shown() + ")")
			}
			g.mu.Unlock()
			return nil
		}
		if why != "" && !g.paused {
			g.paused = true
			in.log.Warn(in.shown() + " paused (" + why + ")")
		}
		if g.change == nil {
			g.change = make(chan struct{})
		}
		change := g.change
		if room == nil { // look again, so that no change is missed
			g.mu.Unlock()
			room = in.pipe().room()
			in.flush() // outputs may as well begin now
			continue
		}
		g.stopped++
		g.mu.Unlock()
		var err error
		select {
		case <-change:
		case <-room:
			room = nil
		case <-ctx.Done():
			err = errPaused
		}
		g.mu.Lock()
		g.stopped--
		g.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// overlimit says why the input must wait, if it must.
func (in *input) overlimit(waiting int64) string {
	p := in.pipe()
	if limit := in.settings.memBufLimit; limit > 0 && waiting >= limit && in.storage == memoryOnly {
		return fmt.Sprintf("mem buf overlimit: %d bytes wait for an output, mem_buf_limit is %d", waiting, limit)
	}
	if in.storage == filesystem {
		if why := p.disk.overlimit(in); why != "" {
			return why
		}
	}
	if o := in.blocker(); o != nil {
		return fmt.Sprintf("storage overlimit: the queue of %s is over storage.total_limit_size of %d, and storage.full_action is block", o.shown(), o.settings.totalLimit)
	}
	if p.memory.overfull() {
		return fmt.Sprintf("memory budget: storage.memory_budget of %d and storage.spill_limit of %d are used up", p.set.MemoryBudget, p.set.Storage.SpillLimit)
	}
	return ""
}

// blocker returns an output that this input must wait for.
func (in *input) blocker() (which *output) {
	in.feeds.Range(func(key, _ any) bool {
		switch o := key.(*output); {
		case o.pipe() != in.pipe(): // a reload took it away
			in.feeds.Delete(o)
		case o.blocks():
			which = o
		}
		return which == nil
	})
	return which
}

// charge counts n bytes that wait for their first output; a negative n is what one has taken.
func (in *input) charge(n int) {
	in.gate.mu.Lock()
	in.gate.waiting += int64(n)
	if n < 0 {
		in.gate.queued += int64(n)
		if in.gate.change != nil {
			close(in.gate.change)
			in.gate.change = nil
		}
	}
	in.gate.mu.Unlock()
	if n < 0 {
		in.pipe().madeRoom()
	}
}
