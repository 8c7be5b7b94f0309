package tail

import (
	"context"
	"errors"
	stdregexp "regexp"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/plugin"
)

// input is one instance: its files, and the queue of those that may have something to read.
type input struct {
	config
	env      plugin.Env
	globs    []*glob
	excluded []*stdregexp.Regexp
	tags     tagger
	lines    lines
	charset  *charset // as configured
	detects  bool     // a file's own mark counts for more
	counters
	buf     []byte    // the reader's
	looked  time.Time // when the reader last looked into a file
	workers []lines
	blocks  []*block // of what is read ahead

	watcher watcher
	store   *store     // nil without a database
	running sync.Mutex // held while Run works

	mu       sync.Mutex
	files    map[identity]*file
	followed int64 // how many files ever
	departed map[identity]departure
	queue    []*file
	wake     chan struct{} // of the reader; holds one

	moved chan struct{} // an offset was settled; holds one
}

// departure is how far a file was read that was closed: for its age, so that it may be followed again, or else
// because it was rotated and news of its renaming may come late.
type departure struct {
	point
	aged bool
}

// manyClosed is how many rotated files are remembered.
const manyClosed = 1000

// Start looks for the files that are there, and opens them.
func (in *input) Start(ctx context.Context) (err error) {
	if in.db != "" {
		if in.store, err = in.openStore(ctx); err != nil {
			return err
		}
	}
	in.files, in.departed = map[identity]*file{}, map[identity]departure{}
	in.wake, in.moved = make(chan struct{}, 1), make(chan struct{}, 1)
	in.watcher = watcher{input: in, dangling: map[string]time.Time{}, refused: map[string]bool{}, moving: map[uint32]string{}, former: map[string]string{}}
	in.watcher.start()
	if in.store != nil {
		in.recover(ctx)
	}
	if in.exitOnEOF && !in.found() {
		in.env.Log.Warn("there is no file to read yet; the agent stops once one came and was read to its end")
	}
	return nil
}

// Replays implements [plugin.Replayer]: a database moves on with what is settled.
func (in *input) Replays() bool { return in.db != "" }

// Run watches and reads until ctx ends.
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	in.running.Lock()
	defer in.running.Unlock()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var reading sync.WaitGroup
	reading.Go(func() { stop(in.read(ctx, to)) })
	in.watcher.run(ctx)
	reading.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close lets go of the files. It does not wait for a reader that the pipeline holds back.
func (in *input) Close() error {
	if in.files == nil {
		return nil // never started
	}
	var err error
	if in.store != nil {
		err = in.store.close(in.watcher.all()) // what was settled after Run
	}
	if !in.running.TryLock() {
		return err
	}
	defer in.running.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, f := range in.files {
		in.release(f)
	}
	clear(in.files)
	in.watcher.notify.close()
	return err
}

// enqueue has the reader look at f.
func (in *input) enqueue(f *file) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if f.queued || f.gone {
		return
	}
	f.queued = true
	in.queue = append(in.queue, f)
	signal(in.wake)
}

// next takes the file whose turn it is, or returns nil.
func (in *input) next() *file {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.queue) > 0 {
		f := in.queue[0]
		in.queue = in.queue[1:]
		f.queued = false
		if !f.gone { // closed while it was queued: its descriptor may be another's by now
			return f
		}
	}
	return nil
}

// found reports whether there ever was a file to read.
func (in *input) found() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.followed > 0 || len(in.files) > 0
}

// signal wakes who waits on c, now or as soon as it does.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
