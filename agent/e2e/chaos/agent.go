package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Agent is an agent that is started again and again with the same configuration. What its output stdout
// prints goes through a pipe into Tally, which survives the agent and can be held back.
type Agent struct {
	Dir   string // of the configuration and the log
	Tally Tally

	Kills, Terminations, Stops, Blocks int

	tb      testing.TB
	bin     string
	cmd     *exec.Cmd     // nil while none runs
	ended   chan struct{} // closed when it has
	stopped bool
	out     *os.File // the pipe's end for the agent

	mu      sync.Mutex // held while the pipe is not read
	blocked bool
	drained chan struct{}
}

// NewAgent prepares an agent that is to run the program bin.
func NewAgent(tb testing.TB, bin string) *Agent {
	tb.Helper()
	a := &Agent{tb: tb, bin: bin, Dir: tb.TempDir(), drained: make(chan struct{})}
	in, out, err := os.Pipe()
	a.check(err)
	a.out = out
	go a.read(in)
	tb.Cleanup(func() {
		a.Unblock()
		if a.cmd != nil {
			a.Kill()
		}
		a.Close()
	})
	return a
}

func (a *Agent) check(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatal(err)
	}
}

func (a *Agent) file(name string) string { return filepath.Join(a.Dir, name) }

// read feeds the tally until the pipe is closed.
func (a *Agent) read(in *os.File) {
	defer close(a.drained)
	defer in.Close()
	buf := make([]byte, 64<<10)
	for {
		a.mu.Lock()
		a.mu.Unlock() //nolint:staticcheck // it is a gate
		n, err := in.Read(buf)
		_, _ = a.Tally.Write(buf[:n])
		if err != nil {
			if err != io.EOF {
				a.tb.Error(err)
			}
			return
		}
	}
}

// Close waits for the rest of the output of agents that have ended.
func (a *Agent) Close() {
	if a.out.Close() == nil {
		<-a.drained
	}
}

// Configure sets the configuration, in the classic format, for the next Start.
func (a *Agent) Configure(conf string) {
	a.tb.Helper()
	a.check(os.WriteFile(a.file("agent.conf"), []byte(conf), 0o644))
}

// Start starts the agent. What it logs is added to the log of its forerunners.
func (a *Agent) Start() {
	a.tb.Helper()
	log, err := os.OpenFile(a.file("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	a.check(err)
	defer log.Close()
	cmd := exec.Command(a.bin, "-c", a.file("agent.conf"))
	cmd.Stdout, cmd.Stderr = a.out, log
	a.check(cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	a.cmd, a.ended = cmd, ended
}

func (a *Agent) signal(s syscall.Signal) {
	a.tb.Helper()
	a.check(a.cmd.Process.Signal(s))
}

// Kill ends the agent with SIGKILL.
func (a *Agent) Kill() {
	a.tb.Helper()
	a.Kills++
	a.signal(syscall.SIGKILL)
	<-a.ended
	a.cmd, a.stopped = nil, false
}

// Terminate ends the agent with SIGTERM and returns its exit code.
func (a *Agent) Terminate() int {
	a.tb.Helper()
	a.Terminations++
	a.signal(syscall.SIGTERM)
	a.Continue()
	a.Until("the end after SIGTERM", func() bool {
		select {
		case <-a.ended:
			return true
		default:
			return false
		}
	})
	code := a.cmd.ProcessState.ExitCode()
	a.cmd = nil
	return code
}

// Stop pauses the whole process with SIGSTOP.
func (a *Agent) Stop() {
	a.tb.Helper()
	a.Stops++
	a.signal(syscall.SIGSTOP)
	a.stopped = true
}

// Continue lets it go on.
func (a *Agent) Continue() {
	a.tb.Helper()
	if a.stopped {
		a.signal(syscall.SIGCONT)
		a.stopped = false
	}
}

// Stopped reports whether the process is paused.
func (a *Agent) Stopped() bool { return a.stopped }

// Block has nobody read what the agent prints, so that its output hangs.
func (a *Agent) Block() {
	if !a.blocked {
		a.Blocks++
		a.blocked = true
		a.mu.Lock()
	}
}

// Unblock ends Block.
func (a *Agent) Unblock() {
	if a.blocked {
		a.blocked = false
		a.mu.Unlock()
	}
}

// Blocked reports whether the output hangs.
func (a *Agent) Blocked() bool { return a.blocked }

// Holds reports whether the agent has the file open that is at path now.
func (a *Agent) Holds(path string) bool {
	a.tb.Helper()
	want, err := os.Stat(path)
	a.check(err)
	dir := fmt.Sprintf("/proc/%d/fd/", a.cmd.Process.Pid)
	fds, err := os.ReadDir(dir)
	a.check(err)
	return slices.ContainsFunc(fds, func(fd fs.DirEntry) bool {
		got, err := os.Stat(dir + fd.Name())
		return err == nil && os.SameFile(got, want)
	})
}

// CPU returns how much processor time the agent has used since it was started, to a hundredth of a second.
func (a *Agent) CPU() time.Duration {
	a.tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid))
	a.check(err)
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // from the third field on: proc_pid_stat(5)
	user, err := strconv.Atoi(string(f[11]))
	a.check(err)
	system, err := strconv.Atoi(string(f[12]))
	a.check(err)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Memory returns the most memory that the agent has had, in bytes.
func (a *Agent) Memory() (n int64) {
	a.tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	a.check(err)
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	_, err = fmt.Sscan(rest, &n)
	a.check(err)
	return n << 10
}

// Patience is how long to wait for what happens at once on an idle machine.
const Patience = 60 * time.Second

// Until polls until ok.
func (a *Agent) Until(what string, ok func() bool) {
	a.tb.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			a.abort()
			a.tb.Fatalf("gave up waiting for %s, with %d lines; the end of the log:\n%s", what, a.Tally.Distinct(), a.LogEnd())
		}
	}
}

// abort has the agent end with the stacks of its goroutines in the log.
func (a *Agent) abort() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Signal(syscall.SIGABRT)
	_ = a.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-a.ended:
		a.cmd = nil
	case <-time.After(5 * time.Second):
	}
}

// Log returns all that the agents have logged.
func (a *Agent) Log() string {
	b, err := os.ReadFile(a.file("log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.tb.Fatal(err)
	}
	return string(b)
}

// LogEnd is the end of the log.
func (a *Agent) LogEnd() string {
	log := a.Log()
	return log[max(0, len(log)-20_000):]
}

// Seeded returns the dice for a seed, or for one that nobody has chosen when it is 0.
func Seeded(seed uint64) (uint64, *rand.Rand) {
	for seed == 0 {
		seed = rand.Uint64() >> 32
	}
	return seed, rand.New(rand.NewPCG(seed, 0))
}
