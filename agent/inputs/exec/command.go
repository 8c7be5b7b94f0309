package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// cannotRun is the exit code of a command that could not be started, as in shells.
const cannotRun = 127

// runCommand runs the command to its end, emits what it prints while it prints it, and returns its exit
// code: 128 and the number of the signal when one ended it. A command that fails is no error, only a batch
// that was refused. When ctx ends, the command's process group is ended.
func (in *input) runCommand(ctx context.Context, to plugin.Emitter) (code int, err error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	stderr := &logLines{log: in.env.Log}
	defer stderr.flush()

	cmd := exec.Command("/bin/sh", "-c", in.command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdin = os.Stdin
	cmd.Stderr = stderr
	cmd.WaitDelay = time.Second // for what it left running with its standard error
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		in.env.Log.Error("cannot run the command", "error", err)
		return cannotRun, nil
	}

	ended, guarded := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(guarded)
		in.endGroup(ctx, cmd.Process.Pid, ended)
	}()
	err = in.emitLines(ctx, stdout, to)
	if err != nil {
		giveUp()
	}
	waitErr := cmd.Wait()
	close(ended)
	<-guarded
	return in.exitCode(cmd.ProcessState, waitErr), err
}

// endGroup ends the process group when ctx is over before the command: first it asks, later it kills.
func (in *input) endGroup(ctx context.Context, group int, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	syscall.Kill(-group, syscall.SIGTERM)
	patience := time.NewTimer(min(2*time.Second, max(in.env.Grace/2, 100*time.Millisecond)))
	defer patience.Stop()
	select {
	case <-ended:
	case <-patience.C:
		syscall.Kill(-group, syscall.SIGKILL)
	}
}

func (in *input) exitCode(st *os.ProcessState, err error) int {
	if st == nil {
		in.env.Log.Error("cannot tell how the command ended", "error", err)
		return 128 // which no command returns
	}
	code := st.ExitCode()
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	in.env.Log.Debug("the command ended", "exit_code", code)
	return code
}

// emitLines emits a batch for each read of r that completes a line, until r ends.
func (in *input) emitLines(ctx context.Context, r io.Reader, to plugin.Emitter) error {
	l := in.lines
	defer l.report(in.env.Log)
	buf := make([]byte, 0, in.size-1) // a line of buf_size bytes is too long already
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		b := event.New(in.env.Tag)
		used := l.take(b, buf, err != nil)
		if b.Len() > 0 {
			if err := to.Emit(ctx, b); err != nil {
				return err
			}
		}
		if err != nil {
			if err != io.EOF && !errors.Is(err, os.ErrClosed) {
				in.env.Log.Error("cannot read what the command prints", "error", err)
			}
			return nil
		}
		buf = buf[:copy(buf, buf[used:])]
	}
}

// logLines writes lines to the log.
type logLines struct {
	log  *slog.Logger
	line []byte
}

const longestLogLine = 4096

func (l *logLines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		part := rest
		if i >= 0 {
			part, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		l.line = append(l.line, part...)
		if i >= 0 || len(l.line) >= longestLogLine {
			l.flush()
		}
	}
	return len(p), nil
}

func (l *logLines) flush() {
	if len(l.line) > 0 {
		l.log.Warn("the command says: " + string(l.line))
	}
	l.line = l.line[:0]
}
