package plugintest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Form is what a plugin is built as.
type Form string

// The forms.
const (
	Shared     Form = "shared object" // for this agent and the C Fluent Bit; needs cgo
	Executable Form = "executable"    // for this agent
)

// Build builds the main package in a folder and returns the file, which is gone after the test.
func Build(tb testing.TB, form Form, dir string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "plugin.so")
	args := []string{"build", "-buildmode=c-shared", "-o", file, "."}
	env := os.Environ()
	if form == Executable {
		file = filepath.Join(filepath.Dir(file), "plugin")
		args = []string{"build", "-o", file, "."}
		env = append(env, "CGO_ENABLED=0")
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return file
}

// Process is the real agent at work.
type Process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	err    error
}

// Agent starts the program fluent-bit: the one that the environment variable FLUENT_BIT names, or else the one
// on the PATH. Without any the test is skipped. config, if it is not empty, is a YAML file's text. The agent is
// stopped when the test ends.
func Agent(tb testing.TB, config string, args ...string) *Process {
	tb.Helper()
	program := os.Getenv("FLUENT_BIT")
	if program == "" {
		var err error
		if program, err = exec.LookPath("fluent-bit"); err != nil {
			tb.Skip("there is no agent: set FLUENT_BIT to the program, or put fluent-bit on the PATH")
		}
	}
	if config != "" {
		file := filepath.Join(tb.TempDir(), "fluent-bit.yaml")
		if err := os.WriteFile(file, []byte(config), 0o666); err != nil {
			tb.Fatal(err)
		}
		args = append([]string{"-c", file}, args...)
	}
	p := &Process{tb: tb, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &locked{p, &p.stdout}, &locked{p, &p.stderr}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		err := p.cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.done)
	}()
	tb.Cleanup(func() { _ = p.Stop() })
	return p
}

type locked struct {
	p  *Process
	to *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.to.Write(b)
}

// Stdout returns what the agent printed so far.
func (p *Process) Stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

// Log returns what the agent logged so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// WaitFor waits until what the agent prints or logs contains text.
func (p *Process) WaitFor(text string) {
	p.tb.Helper()
	has := func() bool { return strings.Contains(p.Stdout(), text) || strings.Contains(p.Log(), text) }
	for end := time.Now().Add(waits); !has(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.done:
			if !has() {
				p.tb.Fatalf("the agent has ended without %q:\n%s%s", text, p.Stdout(), p.Log())
			}
			return
		default:
		}
		if time.Now().After(end) {
			p.tb.Fatalf("still waiting for %q:\n%s%s", text, p.Stdout(), p.Log())
		}
	}
}

// Wait waits until the agent ends by itself and returns its exit code.
func (p *Process) Wait() int {
	p.tb.Helper()
	select {
	case <-p.done:
	case <-time.After(waits):
		p.tb.Fatalf("the agent does not end:\n%s", p.Log())
	}
	return p.code()
}

// Stop asks the agent to stop, as SIGTERM does, and returns its exit code. It is killed when it does not.
func (p *Process) Stop() int {
	select {
	case <-p.done:
		return p.code()
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
	select {
	case <-p.done:
	case <-time.After(waits):
		p.tb.Errorf("the agent does not stop:\n%s", p.Log())
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return p.code()
}

func (p *Process) code() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := (*exec.ExitError)(nil); errors.As(p.err, &e) {
		return e.ExitCode()
	}
	return 0
}
