package tail

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/taildb"
	"github.com/fluent/fluent-bit-go/plugin"
	"golang.org/x/sys/unix"
)

// identity is what a file is known by.
type identity struct{ dev, ino uint64 }

func identify(st *unix.Stat_t) identity { return identity{st.Dev, st.Ino} }

// backSize is how many bytes before the offset are read again with what follows, to notice that the file was
// written anew. Lines that end alike are common; that all of these are alike is not.
const backSize = 1024

// markSize is how many of them the database remembers.
const markSize = taildb.MarkSize

// mark is the end of what was read of a file.
type mark struct {
	bytes [markSize]byte
	n     int
}

func (m *mark) set(read []byte) {
	m.n = copy(m.bytes[:], read[max(0, len(read)-markSize):])
}

func (m *mark) equal(o *mark) bool { return bytes.Equal(m.bytes[:m.n], o.bytes[:o.n]) }

// file is an open file.
type file struct {
	id   identity
	path string // when it was opened
	tag  string
	fd   int
	row  taildb.Row // what the database holds; the store's
	*ledger
	heritage // the reader's

	// The reader's.
	offset   int64
	advised  int64 // the kernel was told that it may forget what is before
	mark     mark
	before   []byte  // the backSize bytes before the offset, or all
	packed   *packed // nil unless it is compressed
	charset  *charset
	detected bool // charset is known
	skipping bool
	warned   bool
	failing  bool          // the last read failed
	stuck    bool          // it was given up; a truncation has it read again
	hole     bool          // it begins with zero bytes, up to here
	join     plugin.Joiner // nil unless lines are joined
	held     point         // where the first line that waits for others begins
	joining  atomic.Bool   // a line waits
	partial  int           // bytes at the end that are no whole line
	restAt   time.Time     // since when nothing came

	caughtUp bool         // it was read through once
	ended    bool         // its last turn came to its end
	seen     atomic.Int64 // how far it was looked at: its size, then
	sizes    sizes

	// Guarded by input.mu.
	where   string // its path now
	queued  bool
	rotated bool // it has lost its name
	aged    bool // it is to be closed for its age
	gone    bool // it is closed
}

// openFile opens what is at path, which may be another file than a moment ago.
func openFile(path string) (f *file, st unix.Stat_t, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, st, fmt.Errorf("open %s: %w", path, err)
	}
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, st, fmt.Errorf("fstat %s: %w", path, err)
	}
	if !whole(&st) {
		unix.Close(fd)
		return nil, st, fmt.Errorf("open %s: no regular file any more", path)
	}
	f = &file{id: identify(&st), path: path, where: path, fd: fd, ledger: new(ledger), sizes: sizes{now: st.Size}}
	if open := unpacker(path); open != nil {
		f.packed = &packed{fd: fd, name: path, open: open}
	}
	return f, st, nil
}

// seek has the file read from offset on.
func (f *file) seek(offset int64) error {
	if f.packed != nil && offset == 0 {
		f.packed.rewind()
	}
	var b [backSize]byte
	n := min(offset, backSize)
	got, err := f.readAt(b[:n], offset-n)
	if err != nil {
		return err
	}
	if int64(got) < n {
		return errShort
	}
	f.passed(b[:n])
	f.offset, f.advised, f.skipping, f.partial, f.hole = offset, offset, false, 0, offset == 0
	f.lends = false
	f.detected = f.detected && offset > 0
	f.seen.Store(offset)
	f.ledger.start(f.point())
	return nil
}

// passed notes the bytes before the offset, the last of which are the end of read.
func (f *file) passed(read []byte) {
	f.mark.set(read)
	f.before = append(f.before[:0], read[max(0, len(read)-backSize):]...)
}

// point is how far the file was read and nothing of it waits.
func (f *file) point() point {
	if f.joining.Load() || f.lends {
		return f.held
	}
	return point{f.offset, f.mark}
}

var errShort = errors.New("the file is shorter than the offset")

// readAt reads until b is full or the file ends.
func (f *file) readAt(b []byte, at int64) (n int, err error) {
	if f.packed != nil {
		return f.packed.readAt(b, at), nil
	}
	for n < len(b) {
		got, err := unix.Pread(f.fd, b[n:], at+int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return n, fmt.Errorf("reading %s at byte %d: %w", f.path, at+int64(n), err)
		case got == 0:
			return n, nil
		}
		n += got
	}
	return n, nil
}

// more reports whether there may be more to read when the file has size bytes.
func (f *file) more(size int64) bool {
	if f.packed != nil {
		return size != f.packed.size.Load()
	}
	return size != f.seen.Load()
}

// holds reports whether an offset can be one in a file of size bytes.
func (f *file) holds(offset, size int64) bool {
	return offset >= 0 && (offset <= size || f.packed != nil)
}

// whole reports whether st may be read as a file of lines.
func whole(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }

func modified(st *unix.Stat_t) time.Time { return time.Unix(st.Mtim.Unix()) }

// born returns when f was made, in seconds since 1970; 0 where the file system does not know.
func (f *file) born() int64 {
	var st unix.Statx_t
	if unix.Statx(f.fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st) != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec
}

// close lets go of the descriptor. What it reports is of no use for a file that was only read.
func (f *file) close() {
	if f.packed != nil {
		f.packed.let()
	}
	_ = unix.Close(f.fd)
}
