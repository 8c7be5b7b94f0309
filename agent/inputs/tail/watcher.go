package tail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often files are looked at without inotify.
const pollInterval = 250 * time.Millisecond

// saveDelay is how long offsets that were settled are collected before they are saved together.
const saveDelay = 100 * time.Millisecond

// patience is how long a path that leads nowhere yet is tried.
const patience = time.Minute

// watcher finds files and notices changes. Everything but notify belongs to one goroutine.
type watcher struct {
	*input
	notify   *notify
	started  bool                 // files found now are new
	rescan   bool                 // something calls for looking everywhere
	dangling map[string]time.Time // paths that came and lead nowhere yet, and since when
	moving   map[uint32]string    // paths that were renamed to something else, by cookie
	former   map[string]string    // … and were something wanted, by the names that they have
	refused  map[string]bool      // paths that were complained about
	missing  bool                 // a folder is not there yet
	polls    bool                 // inotify does not see everything, as the log knows
	scanned  time.Time            // when it was looked everywhere
}

// start opens the files that are there.
func (w *watcher) start() {
	if w.inotify {
		n, err := newNotify()
		if err != nil {
			w.noteWatch(err)
		}
		w.notify = n
	}
	w.scan()
	w.started = true
}

// run follows the files until ctx ends.
func (w *watcher) run(ctx context.Context) {
	changes := make(chan []change)
	var listening sync.WaitGroup
	defer listening.Wait()
	if w.notify != nil {
		listening.Go(func() { w.listen(ctx, changes) })
		defer w.notify.close()
	}
	refresh := time.NewTicker(w.refresh)
	defer refresh.Stop()
	look := time.NewTicker(w.interval())
	defer look.Stop()
	polling := w.polls
	var save <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.moved:
			if save == nil && w.store != nil {
				save = time.After(saveDelay)
			}
		case <-save:
			save = nil
			_ = w.store.save(w.all()) // it logs its failures and tries again
		case list := <-changes:
			w.handle(list)
		case <-refresh.C:
			w.rescan = true
		case <-look.C:
			w.lookAtAll()
		}
		if w.rescan {
			w.scan()
		}
		if w.polls != polling {
			polling = w.polls
			look.Reset(w.interval())
		}
	}
}

// interval is how often files are looked at.
func (w *watcher) interval() time.Duration {
	if w.blind() {
		return pollInterval
	}
	if p := w.progress + time.Duration(w.progressNsec); p > 0 {
		return min(p, w.watch)
	}
	return w.watch
}

// gather is how long events are left to collect after the last ones were taken. A program that writes a
// thousand lines a second, each with a call, would wake three goroutines as often.
const gather = 10 * time.Millisecond

// many is how many events at once are no trickle any more.
const many = 1000

// listen passes on what inotify reports.
func (w *watcher) listen(ctx context.Context, to chan<- []change) {
	buf := make([]byte, 64<<10)
	wait := time.NewTimer(gather)
	defer wait.Stop()
	for {
		list, err := w.notify.read(nil, buf)
		if err != nil {
			if ctx.Err() == nil {
				w.env.Log.Error(fmt.Sprintf("reading from inotify: %v; files are looked at every %v only", err, w.watch))
			}
			return
		}
		select {
		case to <- list:
		case <-ctx.Done():
			return
		}
		if len(list) > many {
			continue // they come fast: the kernel's queue must not run over
		}
		wait.Reset(gather)
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watcher) handle(list []change) {
	for _, c := range list {
		switch {
		case c.overflow():
			w.env.Log.Debug("inotify lost events: looking at all files")
			w.lookAtAll()
			w.rescan = true
		case c.grew(): // fast path
			c.file.look()
			w.enqueue(c.file)
		case c.file != nil:
			w.check(c.file)
		case c.mask&unix.IN_ISDIR != 0, c.name == "": // the folder itself: it was moved or deleted, for instance
			w.rescan = true
		case c.mask&unix.IN_MOVED_FROM != 0:
			w.leaving(c)
		case c.mask&unix.IN_MOVED_TO != 0:
			w.arrived(c)
		default:
			w.appeared(c.dir + c.name)
		}
	}
}

// noteWatch falls back to polling when the kernel has no more watches to give.
func (w *watcher) noteWatch(err error) {
	if err == nil || w.polls || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
		return
	}
	cure := ""
	switch {
	case errors.Is(err, unix.ENOSPC):
		cure = "; raise the sysctl fs.inotify.max_user_watches to be told instead"
	case errors.Is(err, unix.EMFILE):
		cure = "; raise the sysctl fs.inotify.max_user_instances, or the limit of open files, to be told instead"
	}
	w.env.Log.Warn(fmt.Sprintf("%v: looking at the files %d times a second, and for new ones every %v%s", err, time.Second/pollInterval, w.watch, cure))
	w.polls = true
}

// blind reports whether something may happen that inotify does not report.
func (w *watcher) blind() bool { return w.notify == nil || w.polls }

// lookAtAll looks at every file and at the paths that led nowhere.
func (w *watcher) lookAtAll() {
	if (w.blind() || w.missing) && time.Since(w.scanned) >= w.watch {
		w.rescan = true
	}
	for _, f := range w.all() {
		w.check(f)
	}
	for path, since := range w.dangling {
		if w.consider(path) || time.Since(since) > patience {
			delete(w.dangling, path)
		}
	}
}

func (w *watcher) all() []*file {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]*file, 0, len(w.files))
	for _, f := range w.files {
		list = append(list, f)
	}
	return list
}

// check looks whether f still has its name, and whether its size has changed.
func (w *watcher) check(f *file) {
	w.mu.Lock()
	where, rotated := f.where, f.rotated
	w.mu.Unlock()
	if rotated {
		f.look()
		w.enqueue(f) // only the reader knows when it is done
		return
	}
	var st unix.Stat_t
	if err := f.stat(where, &st); err != nil || identify(&st) != f.id {
		w.rotate(f)
		return
	}
	if f.more(st.Size) || f.joining.Load() {
		w.enqueue(f)
		return
	}
	if w.ignoreActive && w.tooOld(&st) {
		w.mu.Lock()
		f.aged = true
		w.mu.Unlock()
		w.enqueue(f)
	}
}

// rotate takes note that f has lost its name. What has the name now is another file.
func (w *watcher) rotate(f *file) {
	w.mu.Lock()
	f.rotated = true
	w.mu.Unlock()
	w.rotated.Inc()
	w.env.Log.Debug(fmt.Sprintf("%s was renamed or deleted: reading what is left of it", f.path))
	if w.store != nil {
		w.store.rotated(f)
	}
	w.enqueue(f)
	w.rescan = true
}
