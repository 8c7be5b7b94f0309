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
	refused  map[string]bool      // paths that were complained about
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
		case c.mask&unix.IN_ISDIR != 0:
			w.rescan = true
		case c.mask&unix.IN_MOVED_FROM != 0:
			w.leaving(c)
		case c.mask&unix.IN_MOVED_TO != 0:
			w.arrived(c)
		case c.name != "":
			w.appeared(c.dir + c.name)
		}
	}
}

// leaving takes a name from which something was renamed.
func (w *watcher) leaving(c change) {
	if len(w.moving) > 100 {
		clear(w.moving) // they went where nobody looks
	}
	if path := c.dir + c.name; w.wanted(path) {
		w.moving[c.cookie] = path
	}
}

// arrived takes a name that something was renamed to. If it had a name before that is wanted, and was
// renamed before it could be opened, it is followed under that.
func (w *watcher) arrived(c change) {
	now := c.dir + c.name
	was, wanted := w.moving[c.cookie]
	delete(w.moving, c.cookie)
	w.appeared(now)
	if !wanted || w.wanted(now) {
		return
	}
	var st unix.Stat_t
	if unix.Lstat(now, &st) != nil || !whole(&st) || w.follows(identify(&st)) || w.tooOld(&st) {
		return
	}
	if err := w.follow(was, now); err != nil {
		w.env.Log.Error(fmt.Sprintf("%v: %s was renamed to it before it was opened, and is not read", err, was))
	}
}

// appeared takes a new name in a watched directory.
func (w *watcher) appeared(path string) {
	for _, g := range w.globs {
		if g.matches(path) {
			w.attempt(path)
			return
		}
	}
}

// attempt follows the file at path, or tries it again for some time.
func (w *watcher) attempt(path string) {
	if !w.consider(path) {
		w.dangling[path] = time.Now()
	}
}

// scan looks for files everywhere.
func (w *watcher) scan() {
	w.rescan, w.scanned = false, time.Now()
	for _, g := range w.globs {
		g.each(w.watchDir, w.attempt)
	}
}

func (w *watcher) watchDir(dir string) {
	w.noteWatch(w.notify.watchDir(dir))
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
	if w.blind() && time.Since(w.scanned) >= w.watch {
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

func (w *watcher) tooOld(st *unix.Stat_t) bool {
	return w.ignoreOlder > 0 && time.Since(modified(st)) > w.ignoreOlder
}

// consider follows the file at path unless it is followed already or not wanted. It reports false when it
// may be worth while to try again.
func (w *watcher) consider(path string) bool {
	for _, re := range w.excluded {
		if re.MatchString(path) {
			return true
		}
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false
	}
	if !whole(&st) || w.known(identify(&st), path) || w.tooOld(&st) {
		return true
	}
	err := w.follow(path, path)
	if err != nil && !w.refused[path] {
		w.refused[path] = true
		w.env.Log.Error(fmt.Sprintf("%v; the file is not read, and tried again when it changes and every %v", err, w.refresh))
	}
	if err == nil {
		delete(w.refused, path)
	}
	return err == nil || errors.Is(err, errNoTag)
}

func (w *watcher) follows(id identity) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[id] != nil
}

// known reports whether the file is followed. One that was renamed to path keeps being followed there.
func (w *watcher) known(id identity, path string) bool {
	w.mu.Lock()
	f, ok := w.files[id]
	where := ""
	if ok {
		where = f.where
	}
	w.mu.Unlock()
	if !ok || where == path {
		return ok
	}
	var st unix.Stat_t
	if unix.Stat(where, &st) == nil && identify(&st) == id {
		return true // another name of the same file
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f.where, f.rotated = path, false
	return true
}

// follow opens the file at where, which has or had the name path.
func (w *watcher) follow(path, where string) error {
	tag, err := w.tags.of(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f, st, err := openFile(where)
	if err != nil {
		return err
	}
	f.charset = w.charset
	f.path, f.tag, f.join, f.rotated = path, tag, w.lines.joiner(path), path != where
	if w.follows(f.id) {
		f.close()
		return nil
	}
	if err := w.position(f, &st); err != nil {
		f.close()
		return err
	}
	w.noteWatch(w.notify.watch(f))
	w.mu.Lock()
	w.files[f.id] = f
	w.followed++
	f.order = w.followed
	w.mu.Unlock()
	w.opened.Inc()
	w.env.Log.Debug(fmt.Sprintf("following %s from byte %d", path, f.offset))
	w.enqueue(f)
	return nil
}

// position decides where reading begins.
func (w *watcher) position(f *file, st *unix.Stat_t) error {
	w.mu.Lock()
	was, known := w.departed[f.id]
	delete(w.departed, f.id)
	w.mu.Unlock()
	offset := int64(0)
	switch {
	case known && f.holds(was.at, st.Size):
		offset = was.at
	case w.started && w.newFromHead, w.readFromHead, known:
	case f.packed == nil:
		offset = st.Size
	case w.store == nil, !w.store.knows(f):
		f.stuck = true // its text ends nobody knows where, and it will hardly grow
		return nil
	}
	err := f.seek(offset)
	if errors.Is(err, errShort) || err == nil && known && !f.mark.equal(&was.mark) {
		err = f.seek(0) // truncated this moment, or another file by now
	}
	if err != nil || w.store == nil {
		return err
	}
	return w.store.place(f, st.Size, known && f.offset > 0)
}
