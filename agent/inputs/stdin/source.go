package stdin

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// source reads a file descriptor of any sort (pipe, terminal, socket, file) and can be interrupted while
// there is nothing to read. It waits with poll, which, unlike a read in the background, takes nothing away
// that nobody will look at, and, unlike O_NONBLOCK, changes nothing for other processes with the same file.
type source struct {
	fd int

	mu   sync.Mutex // an interruption may come while the source is closed
	wake int        // an eventfd that becomes readable by interrupt; -1 when closed
}

var errInterrupted = errors.New("interrupted")

func open(fd int) (*source, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("standard input is not open: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(dup)
		return nil, fmt.Errorf("cannot wait for standard input: %w", err)
	}
	return &source{fd: dup, wake: wake}, nil
}

func (s *source) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unix.Close(s.wake)
	s.wake = -1
	return unix.Close(s.fd)
}

// interrupt ends the read that waits and all later ones.
func (s *source) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// read waits for bytes, io.EOF or an interruption, which wins.
func (s *source) read(p []byte) (int, error) {
	for {
		// wake is only changed after the reading has ended.
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(s.wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			return 0, err
		}
		if fds[1].Revents != 0 {
			return 0, errInterrupted
		}
		switch n, err := unix.Read(s.fd, p); {
		case err == unix.EINTR, err == unix.EAGAIN:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
