package storage

import "sync"

// syncer brings files to the disk: all appends that come while it works share the next round. So the price
// of a sync is paid once for many batches, however fast they come.
type syncer struct {
	mu    sync.Mutex
	dirty map[*File][]func(error)
	busy  map[*File]bool
	works sync.WaitGroup
	runs  bool
}

// syncsAtOnce bounds the files that are synced at the same time.
const syncsAtOnce = 16

func (y *syncer) add(f *File, durable func(error)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.dirty == nil {
		y.dirty = map[*File][]func(error){}
	}
	y.dirty[f] = append(y.dirty[f], durable)
	if !y.runs {
		y.runs = true
		y.works.Go(y.run)
	}
}

func (y *syncer) run() {
	for {
		y.mu.Lock()
		if len(y.dirty) == 0 {
			y.runs = false
			y.mu.Unlock()
			return
		}
		round := y.dirty
		y.dirty, y.busy = nil, map[*File]bool{}
		for f := range round {
			y.busy[f] = true
		}
		y.mu.Unlock()
		var wg sync.WaitGroup
		turn := make(chan struct{}, syncsAtOnce)
		for f, calls := range round {
			turn <- struct{}{}
			wg.Go(func() {
				defer func() { <-turn }()
				y.sync(f, calls)
			})
		}
		wg.Wait()
	}
}

func (y *syncer) sync(f *File, calls []func(error)) {
	f.mu.Lock()
	h := f.handle
	f.mu.Unlock()
	var err error
	if h != nil { // otherwise it was deleted: every route has had it
		err = h.Sync()
	}
	y.mu.Lock()
	delete(y.busy, f)
	y.mu.Unlock()
	f.mu.Lock()
	if f.unsynced == nil {
		f.unsynced = err
	}
	if err = f.unsynced; err != nil { // what the kernel could not write once it does not try again, nor tell
		f.locked = true
	}
	if f.locked {
		f.closeIdle()
	}
	f.mu.Unlock()
	for _, durable := range calls {
		if durable != nil {
			durable(err)
		}
	}
}

// holds reports whether f waits for a sync.
func (y *syncer) holds(f *File) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	_, waits := y.dirty[f]
	return waits || y.busy[f]
}

func (y *syncer) wait() { y.works.Wait() }
