package tail

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// sizes follows how large a file was, to tell how much of it vanished unread when it is truncated. Whoever
// learns the size does so with mu held, so that sizes are noted in the order in which they were true.
type sizes struct {
	mu     sync.Mutex
	now    int64       // the size as it was seen last
	first  int64       // … before the file became smaller for the first time since the reader began it
	more   int64       // the sum of the sizes before it became smaller again after that
	shrunk atomic.Bool // it did become smaller
}

// note takes the size that the file has now. mu is held.
func (s *sizes) note(size int64) {
	switch {
	case size >= s.now:
	case s.shrunk.Load():
		s.more += s.now
	default:
		s.first = s.now
		s.shrunk.Store(true)
	}
	s.now = size
}

// look notes the size of f.
func (f *file) look() {
	var st unix.Stat_t
	f.sizes.mu.Lock()
	defer f.sizes.mu.Unlock()
	if unix.Fstat(f.fd, &st) == nil {
		f.sizes.note(st.Size)
	}
}

// stat is unix.Stat of path; when that is the file, its size is noted.
func (f *file) stat(path string, st *unix.Stat_t) error {
	f.sizes.mu.Lock()
	defer f.sizes.mu.Unlock()
	if err := unix.Stat(path, st); err != nil {
		return err
	}
	if identify(st) == f.id {
		f.sizes.note(st.Size)
	}
	return nil
}

// vanished returns how many bytes the reader, who is at the offset, can no longer get since the file was
// truncated, and has the reader's next file begin.
func (f *file) vanished() (n int64) {
	f.look()
	s := &f.sizes
	s.mu.Lock()
	defer s.mu.Unlock()
	n = f.seen.Load() - f.offset // it has grown again before anybody looked
	if s.shrunk.Load() {
		n = max(0, s.first-f.offset) + s.more
	}
	if f.packed != nil {
		n = 0 // nobody knows how much text there was
	}
	s.first, s.more = 0, 0
	s.shrunk.Store(false)
	return n
}

// restart begins a file anew that was truncated or written over.
func (in *input) restart(f *file) {
	lost, offset := f.vanished(), f.offset
	if lost > 0 {
		in.lost[truncated].Add(uint64(lost))
		in.env.Log.Warn(fmt.Sprintf("%s was truncated before its last %d bytes were read, which are lost; the new ones are read from its beginning. Rotate by renaming to lose nothing", f.path, lost), "offset", offset)
	} else {
		in.env.Log.Info(fmt.Sprintf("%s was truncated: reading it from its beginning", f.path), "offset", offset)
	}
	if err := f.seek(0); err != nil {
		panic("BUG: seeking to the beginning reads nothing: " + err.Error())
	}
	if in.store != nil {
		_ = in.store.save([]*file{f}) // it logs its failures; at once, since with the old offset it would be another file after a kill
	}
}
