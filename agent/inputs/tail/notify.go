package tail

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	fileEvents = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
	dirEvents  = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF |
		unix.IN_ONLYDIR
)

// notify is inotify: which files changed and which directories got something new. A nil notify reports
// nothing.
type notify struct {
	conn *os.File

	mu    sync.Mutex
	files map[int32]*file
	wds   map[*file]int32
	dirs  map[int32]string
}

func newNotify() (*notify, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("inotify_init: %w", err)
	}
	return &notify{
		conn:  os.NewFile(uintptr(fd), "inotify"),
		files: map[int32]*file{}, wds: map[*file]int32{}, dirs: map[int32]string{},
	}, nil
}

func (n *notify) close() {
	if n != nil {
		n.conn.Close()
	}
}

// add watches the file that is open, whatever has its name by now.
func (n *notify) add(path string, mask uint32) (wd int32, err error) {
	raw, err := n.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	w := 0
	if e := raw.Control(func(fd uintptr) { w, err = unix.InotifyAddWatch(int(fd), path, mask) }); e != nil {
		return 0, e
	}
	if err != nil {
		return 0, fmt.Errorf("inotify_add_watch %s: %w", path, err)
	}
	return int32(w), nil
}

func (n *notify) watch(f *file) error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	wd, err := n.add(fmt.Sprintf("/proc/self/fd/%d", f.fd), fileEvents)
	if err != nil {
		return err
	}
	n.files[wd], n.wds[f] = f, wd
	return nil
}

// watchDir watches a directory; it may be watched already or not exist.
func (n *notify) watchDir(dir string) error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	name := dir
	if name == "" {
		name = "."
	}
	wd, err := n.add(name, dirEvents)
	if err != nil {
		return err
	}
	n.dirs[wd] = dir
	return nil
}

// forget ends the watch of f, which is still open.
func (n *notify) forget(f *file) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	wd, ok := n.wds[f]
	if !ok {
		return
	}
	delete(n.wds, f)
	delete(n.files, wd)
	if raw, err := n.conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(wd)) })
	}
}

// change is one event: of a file, or of a directory in which name came, changed its mode, or was moved. Both
// ends of a move have the same cookie.
type change struct {
	file   *file
	dir    string
	name   string
	mask   uint32
	cookie uint32
}

// overflow reports that events were lost.
func (c change) overflow() bool { return c.mask&unix.IN_Q_OVERFLOW != 0 }

// grew reports that the file was written to and nothing else.
func (c change) grew() bool { return c.file != nil && c.mask&^unix.IN_MODIFY == 0 }

// read waits for events, and appends them to dst.
func (n *notify) read(dst []change, buf []byte) ([]change, error) {
	got, err := n.conn.Read(buf)
	if err != nil {
		return dst, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.decode(dst, buf[:got]), nil
}

// decode takes struct inotify_event apart: watch, mask, cookie and length of the name as 32 bits each, and
// the name, padded with zero bytes. Events of watches that ended are left out. n.mu is held.
func (n *notify) decode(dst []change, b []byte) []change {
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		c := change{mask: binary.NativeEndian.Uint32(b[4:]), cookie: binary.NativeEndian.Uint32(b[8:])}
		size := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if size < 0 || size > len(b) {
			return dst
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		c.name = string(name)
		b = b[size:]
		file, isFile := n.files[wd]
		dir, isDir := n.dirs[wd]
		c.file, c.dir = file, dir
		if c.mask&unix.IN_IGNORED != 0 {
			delete(n.files, wd)
			delete(n.wds, file)
			delete(n.dirs, wd)
		}
		if again := len(dst) > 0 && c.grew() && dst[len(dst)-1] == c; !again && (isFile || isDir || c.overflow()) {
			dst = append(dst, c)
		}
	}
	return dst
}
