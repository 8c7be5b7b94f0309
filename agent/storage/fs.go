package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// FS is what the store needs of a file system. It is larger than an interface should be because all of it
// must be seen by a test that crashes at every step.
type FS interface {
	MkdirAll(dir string) error
	ReadDir(dir string) ([]fs.DirEntry, error)
	Open(name string) (Handle, error)   // to read
	Create(name string) (Handle, error) // to write; it must not exist
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(dir string) error // what was made, renamed and removed there survives a loss of power
	Lock(name string) (io.Closer, error)
}

// Handle is an open file.
type Handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Sync() error // what was written survives a loss of power
}

// Disk is the file system of the machine.
func Disk() FS { return disk{} }

// disk is the file system of the machine.
type disk struct{}

func (disk) MkdirAll(dir string) error                 { return os.MkdirAll(dir, 0o755) }
func (disk) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (disk) Rename(from, to string) error              { return os.Rename(from, to) }
func (disk) Remove(name string) error                  { return os.Remove(name) }

func (disk) Open(name string) (Handle, error) { return open(name, os.O_RDONLY) }
func (disk) Create(name string) (Handle, error) {
	return open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func open(name string, flags int) (Handle, error) {
	f, err := os.OpenFile(name, flags|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockPatience is how long an agent that was just killed may take to be gone.
const lockPatience = 3 * time.Second

// Lock keeps a second agent out until it is closed or the process ends.
func (disk) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		// Some network file systems have no locks. That is no reason not to start.
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		if time.Now().After(end) {
			owner := make([]byte, 20)
			n, _ := f.ReadAt(owner, 0)
			f.Close()
			return nil, fmt.Errorf("another agent (pid %s) uses %s; give each a storage.path of its own", strings.TrimSpace(string(owner[:n])), filepath.Dir(name))
		}
	}
	_ = f.Truncate(0)
	_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	return f, nil
}

type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f file) Sync() error { return unix.Fdatasync(int(f.Fd())) }

// readWhole reads a file of the machine.
func readWhole(name string) ([]byte, error) { return os.ReadFile(name) }
func stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
