package worker

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestWorkerThatHangsWhileItLoadsIsClosedInTime(t *testing.T) {
	r := newRig(t, "output")
	r.output("fault.0")
	t.Setenv("FAULT_REGISTER", "hang")
	syscall.Kill(r.mod.pid(), syscall.SIGKILL)
	waitFor(t, "a new worker", func() bool {
		free := r.mod.life.TryLock()
		if free {
			r.mod.life.Unlock()
		}
		r.mod.mu.Lock()
		defer r.mod.mu.Unlock()
		return !free && r.mod.proc == nil
	})
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r.mod.Close(ctx)
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestInstanceStartsInAReplacementWhereAnotherDoesNot(t *testing.T) {
	r := newRig(t, "output")
	flag := filepath.Join(t.TempDir(), "broken")
	r.output("fault.0", "init", "fail", "init_when", flag)
	r.mod.backoff = 500 * time.Millisecond
	syscall.Kill(r.mod.pid(), syscall.SIGKILL) // replaced at once; the next one is not
	waitFor(t, "the first replacement", func() bool { return r.mod.opts.Restarts.Value() == 1 })
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	o, err := build(r, r.mod.OutputSpec(), "fault.1")
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(r.mod.pid(), syscall.SIGKILL)
	waitFor(t, "the worker's end", func() bool {
		r.mod.mu.Lock()
		defer r.mod.mu.Unlock()
		return r.mod.proc == nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.(*output).Start(ctx); err != nil {
		t.Error(err)
	}
}
