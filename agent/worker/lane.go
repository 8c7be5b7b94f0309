package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/internal/wire"
)

// regionSize is how much memory a lane starts with, in bytes; pages that nobody wrote cost nothing.
const regionSize = 4 << 20

// lane is one thread of a worker with a socket and a memory region of its own. One request at a time.
type lane struct {
	p      *process
	sock   *os.File
	region []byte
	seq    uint32
	buf    []byte
	answer []byte // the payload of the last reply, valid until the next request
}

// newLane adds a lane to p.
func newLane(ctx context.Context, p *process) (*lane, error) {
	mem, region, err := newRegion(regionSize)
	if err != nil {
		return nil, err
	}
	defer unix.Close(mem)
	host, child, err := socketPair()
	if err != nil {
		unix.Munmap(region)
		return nil, err
	}
	defer child.Close()
	l := &lane{p: p, sock: host, region: region, buf: make([]byte, 0, wire.MaxPacket)}
	f := wire.Frame{Op: wire.OpLane, Len: uint64(len(region))}
	f, _, err = p.call(ctx, f, "", controlTimeout, int(child.Fd()), mem)
	if err == nil && f.RC != 0 {
		err = errors.New("the worker could not add a lane: out of memory or threads")
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lane) close() {
	l.sock.Close()
	unix.Munmap(l.region)
	l.region = nil
}

// newRegion makes shared memory that nobody can shrink under the other side's feet.
func newRegion(size int) (fd int, mem []byte, err error) {
	fd, err = sharedFile(int64(size))
	if err != nil {
		return -1, nil, err
	}
	mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return -1, nil, fmt.Errorf("map %d bytes of shared memory: %w", size, err)
	}
	return fd, mem, nil
}

func sharedFile(size int64) (fd int, err error) {
	fd, err = unix.MemfdCreate("fluent-bit-worker", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("shared memory for a worker: %w", err)
	}
	err = unix.Ftruncate(fd, size)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("%d bytes of shared memory for a worker: %w", size, err)
	}
	return fd, nil
}

// reserve makes the region hold at least size bytes. It does not wait for the plugin.
func (l *lane) reserve(size int) error {
	if size <= len(l.region) {
		return nil
	}
	size = (size + regionSize - 1) / regionSize * regionSize
	fd, mem, err := newRegion(size)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	f := l.request(wire.Frame{Op: wire.OpRegion, Len: uint64(size)})
	if err := sendPacket(l.sock, f, "", []int{fd}); err != nil {
		unix.Munmap(mem)
		return l.lost(err)
	}
	f, err = l.receive(context.Background(), f, patience{limit: controlTimeout})
	if err != nil || f.RC != 0 {
		unix.Munmap(mem)
		l.p.kill("it could not map a larger memory region")
		return l.p.failure()
	}
	unix.Munmap(l.region)
	l.region = mem
	return nil
}

func (l *lane) request(f wire.Frame) wire.Frame {
	l.seq++
	f.Seq = l.seq
	return f
}

// lost ends a worker that cannot be talked to any more.
func (l *lane) lost(err error) error {
	l.p.broken("its lane broke: " + err.Error())
	return l.p.failure()
}

// putIndex writes the index of size bytes of records behind them and returns its length, or 0 when there is no
// room for it.
func (l *lane) putIndex(appendIndex func([]byte) []byte, size int) int32 {
	at := min(wire.IndexAt(size), len(l.region))
	room := l.region[at:len(l.region):len(l.region)]
	index := appendIndex(room[:0])
	if len(index) > len(room) {
		return 0 // it had to move
	}
	return int32(len(index))
}

// fetch gets the data of size bytes that the last reply held back. Without room for them the worker has to go: it
// would forget them, and the plugin believe that they arrived.
func (l *lane) fetch(ctx context.Context, inst uint32, size uint64) (wire.Frame, error) {
	if err := l.reserve(int(size)); err != nil {
		return wire.Frame{}, l.lost(err)
	}
	ctx = context.WithoutCancel(ctx) // it takes no time, and data would be lost
	f, err := l.call(ctx, wire.Frame{Op: wire.OpFetch, Inst: inst}, "", patience{limit: controlTimeout})
	if h := (*hangError)(nil); errors.As(err, &h) {
		l.p.kill("handing over its data took too long")
		err = l.p.failure()
	}
	return f, err
}

// patience says how long a request may take. After limit (0: for ever) the caller has to give the worker up.
type patience struct {
	limit time.Duration
	warn  time.Duration
	slow  func() // called once after warn; may be nil
}

// call sends a request and waits for its answer. A [*hangError] or [*stoppedError] leaves the plugin at
// work: the lane cannot be used again.
func (l *lane) call(ctx context.Context, f wire.Frame, payload string, wait patience) (wire.Frame, error) {
	if len(payload) > wire.MaxPayload {
		return f, wire.ErrTooLong
	}
	f = l.request(f)
	l.buf = wire.Append(l.buf[:0], f, payload)
	if _, err := l.sock.Write(l.buf); err != nil {
		return f, l.lost(err)
	}
	return l.receive(ctx, f, wait)
}

func (l *lane) receive(ctx context.Context, f wire.Frame, wait patience) (wire.Frame, error) {
	start := time.Now()
	var now time.Duration // since start
	l.sock.SetReadDeadline(wait.next(start, now))
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() { l.sock.SetReadDeadline(time.Unix(1, 0)) })()
	}
	for {
		n, err := l.sock.Read(l.buf[:cap(l.buf)])
		if err == nil && n > 0 {
			got, payload, err := wire.Parse(l.buf[:n])
			if err == nil {
				err = wire.CheckReply(f, got, uint64(len(l.region)))
			}
			if err != nil {
				l.p.kill("bad reply: " + err.Error())
				return f, l.p.failure()
			}
			l.answer = payload
			return got, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			l.p.broken("it closed a lane")
			return f, l.p.failure()
		}
		before := now
		now = time.Since(start)
		if wait.limit > 0 && now >= wait.limit {
			return f, &hangError{f.Op, l.p.typed, wait.limit}
		}
		if wait.slow != nil && before < wait.warn && now >= wait.warn {
			wait.slow()
		}
		// Set before looking at ctx: whichever comes last, its end is not missed.
		l.sock.SetReadDeadline(wait.next(start, now))
		if ctx.Err() != nil {
			return f, &stoppedError{ctx.Err()}
		}
	}
}

// next returns when somebody has to look again.
func (w patience) next(start time.Time, now time.Duration) time.Time {
	switch {
	case w.slow != nil && now < w.warn && (w.limit == 0 || w.warn < w.limit):
		return start.Add(w.warn)
	case w.limit == 0:
		return time.Time{}
	}
	return start.Add(w.limit)
}

// stoppedError reports that ctx ended before the plugin returned.
type stoppedError struct{ error }

func (e *stoppedError) Unwrap() error { return e.error }

// hangError reports that the plugin did not return in time.
type hangError struct {
	op    wire.Op
	typed bool
	after time.Duration
}

func (e *hangError) Error() string { return hang(e.op, e.typed, e.after) }
