package worker

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds on what a worker prints, in bytes.
const (
	tailSize = 64 << 10 // kept for the crash report
	lineSize = 16 << 10 // a longer line is cut in pieces
)

// syncMark begins a line that the worker itself writes: all that the plugin printed before has been read
// when it arrives.
const syncMark = "\x00sync "

// stderrPump reads a worker's stderr, hands on its lines and keeps its end.
type stderrPump struct {
	r      *os.File
	onLine func(line string)
	done   chan struct{}
	synced chan uint32

	mu   sync.Mutex
	tail []byte
}

func newStderrPump(r *os.File, onLine func(string)) *stderrPump {
	s := &stderrPump{r: r, onLine: onLine, done: make(chan struct{}), synced: make(chan uint32, 1)}
	go s.run()
	return s
}

func (s *stderrPump) run() {
	defer close(s.done)
	buf, used := make([]byte, lineSize), 0
	for {
		n, err := s.r.Read(buf[used:])
		used += n
		rest := buf[:used]
		for {
			line, after, ok := bytes.Cut(rest, []byte("\n"))
			if !ok && len(rest) < len(buf) {
				break
			}
			s.line(string(line))
			rest = after
		}
		used = copy(buf, rest)
		if err != nil {
			if used > 0 {
				s.line(string(buf[:used]))
			}
			return
		}
	}
}

func (s *stderrPump) line(line string) {
	line, mark, marked := strings.Cut(line, syncMark)
	if line != "" || !marked {
		s.keep(line)
		s.onLine(strings.TrimSuffix(line, "\r"))
	}
	if seq, err := strconv.ParseUint(mark, 10, 32); marked && err == nil {
		select {
		case s.synced <- uint32(seq):
		default:
		}
	}
}

func (s *stderrPump) keep(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tail) > 2*tailSize {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-tailSize:]...)
	}
	s.tail = append(append(s.tail, line...), '\n')
}

// sync waits until everything was read that the plugin printed before request seq was answered.
func (s *stderrPump) sync(seq uint32, timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case got := <-s.synced:
			if got == seq {
				return
			}
		case <-s.done:
			return
		case <-timer.C: // a plugin may have replaced its stderr
			return
		}
	}
}

// finish reads the rest. A process that the plugin started may hold the pipe open: that is not waited for.
func (s *stderrPump) finish(timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
	s.r.Close()
	<-s.done
}

// last returns the end of what was printed, at most 64 KiB.
func (s *stderrPump) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tail
	if len(t) > tailSize {
		t = t[len(t)-tailSize:]
	}
	return string(t)
}

// lastWords returns why a Go program died, as far as its stderr says: from its panic or fatal error on,
// else its last lines.
func lastWords(tail string) string {
	at := -1
	for _, mark := range []string{"panic: ", "fatal error: ", "SIGSEGV: ", "SIGABRT: ", "unexpected fault address"} {
		if i := strings.Index(tail, mark); i >= 0 && (i == 0 || tail[i-1] == '\n') && (at < 0 || i < at) {
			at = i
		}
	}
	if at >= 0 {
		return strings.TrimSpace(tail[at:])
	}
	lines := strings.Split(strings.TrimSpace(tail), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
