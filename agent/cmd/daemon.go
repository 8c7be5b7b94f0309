package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// The environment tells a process that was started by its own kind what it is.
const (
	detached   = "FLUENT_BIT_DETACHED"
	supervised = "FLUENT_BIT_SUPERVISED"
)

// daemonize starts the agent again, detached from the terminal, and waits until it runs or has failed. Go
// cannot fork, and a fork would lose the threads of a plugin: the new process starts from nothing.
func daemonize(args []string, stderr io.Writer) int {
	ready, inherited, err := os.Pipe()
	if err != nil {
		return fail(stderr, fmt.Errorf("daemon: %w", err), exitUsage)
	}
	cmd := again(args, detached)
	cmd.ExtraFiles = []*os.File{inherited}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fail(stderr, fmt.Errorf("daemon: %w", err), exitUsage)
	}
	_ = inherited.Close()
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		return exitOK
	}
	return exitCode(cmd.Wait())
}

// again is the program itself, to be started once more in the folder in which this one was.
func again(args []string, mark string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.Dir = startDir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// readyPipe is the way to the process that waits in daemonize.
func readyPipe() *os.File { return os.NewFile(3, "ready") }

// started tells the process that waits in daemonize that all is well.
func started() {
	if os.Getenv(detached) == "" {
		return
	}
	_ = os.Unsetenv(detached)
	f := readyPipe()
	_, _ = f.Write([]byte{1})
	_ = f.Close()
}

func exitCode(err error) int {
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		if s, ok := e.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal())
		}
		return e.ExitCode()
	}
	if err != nil {
		return exitUsage
	}
	return exitOK
}

// supervise runs the agent as a child, passes signals on to it, and starts it again when it dies of
// something else than its own wish.
func supervise(args []string) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGCONT)
	defer signal.Stop(signals)
	wait := time.Duration(0)
	var inherited []*os.File
	if os.Getenv(detached) != "" {
		inherited = []*os.File{readyPipe()} // for the child to say so
	}
	for {
		begin := time.Now()
		cmd := again(args, supervised)
		cmd.Stdin, cmd.ExtraFiles = os.Stdin, inherited
		if err := cmd.Start(); err != nil {
			return fail(os.Stderr, fmt.Errorf("supervisor: %w", err), exitUsage)
		}
		code, asked := attend(cmd, signals)
		if asked || code == exitOK || code == exitUsage || code == exitPlugin {
			return code
		}
		if time.Since(begin) > time.Minute {
			wait = 0
		}
		fmt.Fprintf(os.Stderr, "[supervisor] the agent ended with code %d and is started again in %v\n", code, wait)
		if pause(wait, signals) {
			return code
		}
		wait = min(max(2*wait, time.Second), time.Minute)
	}
}

// pause waits for the next start, and reports whether a signal asked to end meanwhile.
func pause(wait time.Duration, signals <-chan os.Signal) (asked bool) {
	next := time.After(wait)
	for {
		select {
		case <-next:
			return false
		case s := <-signals:
			if asksToEnd(s) {
				return true
			}
		}
	}
}

func asksToEnd(s os.Signal) bool { return s != syscall.SIGHUP && s != syscall.SIGCONT }

// attend waits for the child and passes signals on; asked tells that one of them asked it to end.
func attend(cmd *exec.Cmd, signals <-chan os.Signal) (code int, asked bool) {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return exitCode(err), asked
		case s := <-signals:
			asked = asked || asksToEnd(s)
			_ = cmd.Process.Signal(s)
		}
	}
}
