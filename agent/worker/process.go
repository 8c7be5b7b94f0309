package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/internal/wire"
)

// process is one worker process: this binary started again, with its control socket and its stderr.
type process struct {
	cmd    *exec.Cmd
	ctl    *os.File
	stderr *stderrPump
	onLog  func(inst uint32, level int, line string)
	typed  bool // the plugin was written with package plugin

	busy    chan struct{} // holds one token: one control request at a time
	seq     uint32
	replies chan reply
	exited  chan struct{} // closed when the process is reaped and its stderr read
	cause   string        // how it ended; set before exited is closed

	mu      sync.Mutex
	reaped  bool
	blame   string // why the agent killed it, or ""
	shared  *pool  // the lane of instances that take turns; guarded by Module.life
	flights map[flight]struct{}
	lost    []flight // those that were left at the end; set before exited is closed
	culprit uint64   // the chunk that made the agent kill it, or 0
}

// flight is a request that a lane waits for.
type flight struct {
	instance, tag string
	chunk         uint64
}

type reply struct {
	frame   wire.Frame
	payload []byte
}

// launch says how a worker process starts.
type launch struct {
	path       string
	executable bool // path itself is the worker
	typed      bool
	env        []string
	stdout     *os.File // nil for none
	onLine     func(line string)
	onLog      func(inst uint32, level int, line string)
}

// spawn starts a worker. It has not loaded anything yet.
func spawn(l launch) (*process, error) {
	host, child, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer child.Close()
	r, w, err := os.Pipe()
	if err != nil {
		host.Close()
		return nil, fmt.Errorf("pipe for a worker's stderr: %w", err)
	}
	defer w.Close()
	program := "/proc/self/exe"
	if l.executable {
		program = l.path
	}
	cmd := &exec.Cmd{
		Path:        program,
		Args:        []string{"fluent-bit-worker", l.path},
		Env:         append(append(os.Environ(), l.env...), wire.EnvKey+"="+strconv.Itoa(wire.Version)),
		Stderr:      w,
		ExtraFiles:  []*os.File{child},
		SysProcAttr: &unix.SysProcAttr{Setpgid: true},
	}
	if l.stdout != nil {
		cmd.Stdout = l.stdout // a nil *os.File in the interface would not be nil
	}
	if err := cmd.Start(); err != nil {
		host.Close()
		r.Close()
		return nil, fmt.Errorf("start a worker for %s: %w", l.path, err)
	}
	p := &process{
		cmd:     cmd,
		ctl:     host,
		stderr:  newStderrPump(r, l.onLine),
		onLog:   l.onLog,
		typed:   l.typed,
		busy:    make(chan struct{}, 1),
		replies: make(chan reply, 1),
		exited:  make(chan struct{}),
		flights: map[flight]struct{}{},
	}
	go p.reap()
	go p.readControl()
	return p, nil
}

// socketPair returns the two ends of a packet socket, the first for this process.
func socketPair() (host, child *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair for a worker: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("socket pair for a worker: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "agent"), nil
}

// reap waits for the end of the process. What the plugin left running in its process group ends with it.
func (p *process) reap() {
	pid := p.cmd.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	unix.Kill(-pid, unix.SIGKILL) // the process is a zombie still, so that the id is its own
	_ = p.cmd.Wait()              // ProcessState knows how it ended
	p.reaped = true
	p.cause = p.cmd.ProcessState.String()
	if p.blame != "" && !endedItself(p.cmd.ProcessState) {
		p.cause = p.blame
	}
	p.lost = slices.Collect(maps.Keys(p.flights))
	p.mu.Unlock()
	p.stderr.finish(time.Second)
	close(p.exited)
}

// endedItself reports that the process failed on its own. The agent may notice that as a closed socket and
// kill what is dead already; how it died says more.
func endedItself(s *os.ProcessState) bool {
	w := s.Sys().(syscall.WaitStatus)
	return w.Signaled() && w.Signal() != unix.SIGKILL || w.ExitStatus() > 0
}

// kill ends the process; why is told to those who wait for it, unless it had ended already.
func (p *process) kill(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	if p.blame == "" {
		p.blame = why
	}
	unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
}

// broken ends a process of which a socket is closed. Mostly that is because it dies, and how it died says more.
func (p *process) broken(why string) {
	select {
	case <-p.exited:
	case <-time.After(dying):
		p.kill(why)
	}
}

// dying is how long a process may take to be gone after its sockets.
const dying = 200 * time.Millisecond

// depart and arrive keep the list of what a crash report names.
func (p *process) depart(f flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flights[f] = struct{}{}
}

func (p *process) arrive(f flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.flights, f)
}

// convict kills the process because of one chunk; others that were in flight are not to blame.
func (p *process) convict(chunk uint64, why string) {
	p.mu.Lock()
	if !p.reaped { // else it has died of something else
		p.culprit = chunk
	}
	p.mu.Unlock()
	p.kill(why)
}

// failure waits for the end of the process and returns it as an error.
func (p *process) failure() error {
	<-p.exited
	return &endError{p.cause}
}

// endError says that the worker ended, and how.
type endError struct{ cause string }

func (e *endError) Error() string { return "its worker ended: " + e.cause }

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// readControl hands replies to whoever asked, and log lines to the log, until the worker closes its end.
func (p *process) readControl() {
	buf := make([]byte, wire.MaxPacket)
	for {
		n, err := p.ctl.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return // by finish: the worker ends itself
		}
		if err != nil || n == 0 {
			p.broken("it closed its control socket")
			return
		}
		f, payload, err := wire.Parse(buf[:n])
		if err != nil {
			p.kill("bad message: " + err.Error())
			return
		}
		if f.Op == wire.OpLog {
			p.onLog(f.Inst, int(f.RC), string(payload))
			continue
		}
		select {
		case p.replies <- reply{f, bytes.Clone(payload)}:
		default:
			p.kill("it answered what nobody asked")
			return
		}
	}
}

// call sends a request on the control socket and waits for its answer. When ctx or the time runs out the
// worker is killed, since nothing else ends a C call.
func (p *process) call(ctx context.Context, f wire.Frame, payload string, timeout time.Duration, fds ...int) (wire.Frame, []byte, error) {
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	case <-p.exited:
		return f, nil, p.failure()
	case <-ctx.Done():
		return f, nil, ctx.Err()
	}
	p.seq++
	f.Seq = p.seq
	if err := sendPacket(p.ctl, f, payload, fds); errors.Is(err, wire.ErrTooLong) {
		return f, nil, err
	} else if err != nil {
		p.broken("sending to it failed: " + err.Error())
		return f, nil, p.failure()
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case r := <-p.replies:
		if err := wire.CheckReply(f, r.frame, 0); err != nil {
			p.kill("bad reply: " + err.Error())
			return f, nil, p.failure()
		}
		return r.frame, r.payload, nil
	case <-p.exited:
	case <-timer.C:
		p.kill(hang(f.Op, p.typed, timeout))
	case <-ctx.Done():
		p.kill(opName(f.Op, p.typed) + " was still running when it had to stop" + cure(f.Op))
	}
	return f, nil, p.failure()
}

// sendPacket sends one frame with descriptors.
func sendPacket(to *os.File, f wire.Frame, payload string, fds []int) error {
	if len(payload) > wire.MaxPayload {
		return wire.ErrTooLong
	}
	b := wire.Append(make([]byte, 0, wire.FrameSize+len(payload)), f, payload)
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	conn, err := to.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = conn.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), b, rights, nil, unix.MSG_NOSIGNAL)
		return sent != unix.EAGAIN
	})
	return errors.Join(err, sent)
}

// hang says that a request was not answered in time, and what to do about it.
func hang(op wire.Op, typed bool, after time.Duration) string {
	return fmt.Sprintf("%s has not returned within %v%s", opName(op, typed), after, cure(op))
}

// opName names a request for messages, after the function that it calls.
func opName(op wire.Op, typed bool) string {
	names := classicNames
	if typed {
		names = typedNames
	}
	if name := names[op]; name != "" {
		return name
	}
	return "the worker"
}

var classicNames = map[wire.Op]string{
	wire.OpLoad:       "loading the file (FLBPluginRegister, or Go's init)",
	wire.OpInit:       "FLBPluginInit",
	wire.OpFlush:      "FLBPluginFlush",
	wire.OpCollect:    "FLBPluginInputCallback",
	wire.OpPreRun:     "PreRun",
	wire.OpPreExit:    "PreExit",
	wire.OpExit:       "FLBPluginExit",
	wire.OpUnregister: "FLBPluginUnregister",
}

var typedNames = map[wire.Op]string{
	wire.OpLoad:   "loading the file (Go's init)",
	wire.OpCheck:  "the plugin's New",
	wire.OpInit:   "the plugin's New or Start",
	wire.OpFlush:  "the plugin's Flush",
	wire.OpFilter: "the plugin's Filter",
	wire.OpSettle: "what the plugin gave to OnSettled",
	wire.OpExit:   "the plugin (its Run, Background or Close)",
}

// cure is what helps against a function that hangs.
func cure(op wire.Op) string {
	switch op {
	case wire.OpCheck, wire.OpInit, wire.OpPreRun:
		return "; find out what it waits for, or raise plugin.init_timeout"
	case wire.OpFlush, wire.OpFilter:
		return "; find out what it waits for, or raise plugin.flush_timeout"
	case wire.OpPreExit, wire.OpExit:
		return "; have it end when it is told to, or raise the service's grace"
	}
	return ""
}
