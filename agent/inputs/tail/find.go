package tail

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// leaving takes a name from which something was renamed.
func (w *watcher) leaving(c change) {
	path := c.dir + c.name
	was, moved := w.former[path]
	delete(w.former, path)
	switch {
	case len(w.moving) > 100:
		clear(w.moving) // they went where nobody looks
	case w.wanted(path):
		w.moving[c.cookie] = path
	case moved:
		w.moving[c.cookie] = was
	}
}

// arrived takes a name that something was renamed to. If it had a name before that is wanted, and was
// renamed before it could be opened, it is followed under that. It may be renamed again, and another file have
// this name by now, so all names are kept in mind that files from a wanted name went through.
func (w *watcher) arrived(c change) {
	now := c.dir + c.name
	was, wanted := w.moving[c.cookie]
	delete(w.moving, c.cookie)
	w.appeared(now)
	if !wanted || w.wanted(now) {
		delete(w.former, now)
		return
	}
	if len(w.former) > manyClosed {
		clear(w.former) // nobody tells when they are deleted
	}
	w.former[now] = was
	var st unix.Stat_t
	if unix.Lstat(now, &st) != nil || !whole(&st) || w.follows(identify(&st)) || w.tooOld(&st) {
		return
	}
	if err := w.follow(was, now); err != nil {
		w.env.Log.Error(fmt.Sprintf("%v: %s was renamed to it before it was opened, and is not read", err, was))
	}
}

// appeared takes a new name in a watched directory. A file that is to be read from its end is left for the next
// scan, since now it is likely empty, but for one that takes the place of a rotated one.
func (w *watcher) appeared(path string) {
	if !w.newFromHead && !w.succeeds(path) {
		return
	}
	for _, g := range w.globs {
		if g.matches(path) {
			w.attempt(path)
			return
		}
	}
}

// succeeds reports whether a file is followed that had the name path.
func (w *watcher) succeeds(path string) bool {
	return slices.ContainsFunc(w.all(), func(f *file) bool { return f.path == path })
}

// attempt follows the file at path, or tries it again for some time.
func (w *watcher) attempt(path string) {
	if !w.consider(path) {
		w.dangling[path] = time.Now()
	}
}

// scan looks for files everywhere.
func (w *watcher) scan() {
	w.rescan, w.missing, w.scanned = false, false, time.Now()
	for _, g := range w.globs {
		g.each(w.watchDir, w.attempt)
	}
}

func (w *watcher) watchDir(dir string) {
	err := w.notify.watchDir(dir)
	w.missing = w.missing || errors.Is(err, unix.ENOENT)
	w.noteWatch(err)
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
	if w.follows(f.id) || f.rotated && w.done(f) {
		f.close()
		return nil
	}
	if err := w.position(f, &st); err != nil {
		f.close()
		return err
	}
	w.noteWatch(w.notify.watch(f))
	f.look() // it may have changed before it was watched
	w.mu.Lock()
	delete(w.departed, f.id)
	f.order = w.nextOrder(f)
	w.files[f.id] = f
	w.mu.Unlock()
	w.opened.Inc()
	w.env.Log.Debug(fmt.Sprintf("following %s from byte %d", path, f.offset))
	w.enqueue(f)
	return nil
}

// nextOrder returns the order of f, which is about to be followed: behind all others, but for a file that was
// found so late that another one has its path already, just before that one. w.mu is held.
func (w *watcher) nextOrder(f *file) int64 {
	w.followed++
	if f.rotated {
		for _, g := range w.files {
			if g.path == f.path && !g.rotated {
				return g.order - 1
			}
		}
	}
	return 2 * w.followed
}

// done reports whether f is a rotated file that was closed already.
func (w *watcher) done(f *file) bool {
	w.mu.Lock()
	was, known := w.departed[f.id]
	w.mu.Unlock()
	return known && !was.aged && f.seek(was.at) == nil && f.mark.equal(&was.mark)
}

// position decides where reading begins.
func (w *watcher) position(f *file, st *unix.Stat_t) error {
	w.mu.Lock()
	was, known := w.departed[f.id]
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
		f.row, f.saved = rowOf(f), true
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
