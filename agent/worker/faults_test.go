package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/plugin"
)

// deliver flushes like the pipeline does: again after every plain error. It returns how many attempts failed.
func (r *rig) deliver(o *output, tag string, from, n int) (failed int) {
	r.tb.Helper()
	c := chunkOf(tag, from, n)
	for range 20 {
		err := o.Flush(r.tb.Context(), c)
		if err == nil {
			return failed
		}
		if plugin.Dropped(err) {
			r.tb.Fatalf("%s: %v", tag, err)
		}
		failed++
	}
	r.tb.Fatalf("%s: never delivered", tag)
	return 0
}

// allArrived checks that the records 0 … n-1 were all taken, and returns how many came twice.
func (r *rig) allArrived(n int) (again int) {
	r.tb.Helper()
	got := map[int]int{}
	for _, l := range r.lines() {
		if num, ok := strings.CutPrefix(l, "v2 "); ok {
			i, _ := strconv.Atoi(num)
			got[i]++
		}
	}
	for i := range n {
		if got[i] == 0 {
			r.tb.Errorf("record %d is lost", i)
		}
		again += got[i] - 1
	}
	return again
}

func TestNoFaultInFlushLosesARecord(t *testing.T) {
	f := func(fault, cause string, kv ...string) {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "output")
			o := r.output("fault.0", kv...)
			var want int
			for i := range 4 {
				want += r.deliver(o, "app", i*200, 100)
				tag := fmt.Sprintf("once:%s:%s", filepath.Join(t.TempDir(), strconv.Itoa(i)), fault)
				if failed := r.deliver(o, tag, i*200+100, 100); failed != 1 {
					t.Errorf("%d attempts failed instead of one", failed)
				}
			}
			if again := r.allArrived(800); again != 0 {
				t.Errorf("%d records came twice", again)
			}
			if want != 0 {
				t.Errorf("%d harmless flushes failed", want)
			}
			for _, s := range []string{cause, "in_flight=\"fault.0 tag=once:", "plugin 'fault'"} {
				if !r.log.has(s) {
					t.Errorf("the log does not tell %q:\n%s", s, r.log)
				}
			}
			if n := r.count("init fault.0"); n != 5 {
				t.Errorf("%d inits instead of one and one per crash", n)
			}
		})
	}
	f("panic", "panic: the flush broke")
	f("gopanic", "panic: a goroutine broke")
	f("exit", "exit status 3")
	f("nil", "nil pointer dereference")
	f("segv", "SIGSEGV")
	f("hang", "FLBPluginFlush has not returned within 700ms", "plugin.flush_timeout", "0.7")
	f("close", "ended: it closed")
	f("forge", "ended: ")
}

func TestKillFromOutsideLosesNothing(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	for i := range 10 {
		r.deliver(o, "app", i*10, 10)
		syscall.Kill(r.mod.pid(), syscall.SIGKILL)
	}
	r.deliver(o, "app", 100, 10)
	if again := r.allArrived(110); again != 0 {
		t.Errorf("%d records came twice", again)
	}
	if !r.log.has("signal: killed") {
		t.Errorf("the log does not tell the signal:\n%s", r.log)
	}
	if n := r.mod.opts.Restarts.Value(); n != 10 {
		t.Errorf("%d restarts were counted", n)
	}
}

// pid returns the id of the worker that runs now.
func (m *Module) pid() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.cmd.Process.Pid
}

func TestFloodOnStderrIsLoggedAndDelivers(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	if failed := r.deliver(o, "stderr", 0, 10); failed != 0 {
		t.Error("the flush failed")
	}
	r.allArrived(10)
	waitFor(t, "all of 5 MB in the log", func() bool { return len(r.log.String()) > 5<<20 })
	if n := len(r.mod.proc.stderr.last()); n > tailSize {
		t.Errorf("%d bytes kept for the crash report", n)
	}
}

func TestFailedFirstInitTellsThePluginsWords(t *testing.T) {
	f := func(init, want string, kv ...string) {
		t.Run(init, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "output")
			good := r.output("fault.0")
			o, err := build(r, r.mod.OutputSpec(), "fault.1", append(kv, "init", init)...)
			if err != nil {
				t.Fatal(err)
			}
			err = o.(*output).Start(t.Context())
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "test.conf:1:5: ") {
				t.Errorf("Start: %v, want %q with its place", err, want)
			}
			if err := o.(*output).Close(); err != nil {
				t.Errorf("closing what did not start: %v", err)
			}
			if failed := r.deliver(good, "app", 0, 100); failed != 0 {
				t.Errorf("the other instance failed %d times", failed)
			}
			r.allArrived(100)
		})
	}
	f("panic", "panic: no such region: moon-1")
	f("exit", "cannot reach the licence server")
	f("fail", "its Init failed (it returned 0); it said: the key 'url' is not a URL")
	f("free", "gone without a line break")
	f("hang", "FLBPluginInit has not returned within 100ms", "plugin.init_timeout", "0.1")
}

func TestInitThatFailsAfterARestartIsTriedAgain(t *testing.T) {
	r := newRig(t, "output")
	flag := filepath.Join(t.TempDir(), "broken")
	bad := r.output("fault.0", "init", "fail", "init_when", flag)
	good := r.output("fault.1")
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(r.mod.pid(), syscall.SIGKILL)
	r.deliver(good, "app", 0, 10) // not hindered by the other
	waitFor(t, "failed inits", func() bool { return r.count("init fault.0") > 3 })
	os.Remove(flag)
	r.deliver(bad, "app", 10, 10)
	r.allArrived(20)
}

func TestChunkThatKillsAgainAndAgainIsPoison(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	bad := chunkOf("exit", 0, 1)
	for range 3 { // nothing else was accepted: the plugin may be what is broken
		if err := o.Flush(t.Context(), bad); err == nil || plugin.Poisoned(err) {
			t.Fatalf("%v, want a plain error", err)
		}
	}
	r.deliver(o, "app", 0, 10)
	if err := o.Flush(t.Context(), bad); !plugin.Poisoned(err) {
		t.Fatalf("%v, want poison", err)
	}
	r.deliver(o, "app", 10, 10)
	r.allArrived(20)
}

func TestNeighboursOfAHangingFlushAreNotSuspected(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0", "workers", "1", "plugin.flush_timeout", "0.2")
	o2 := r.output("fault.1", "workers", "1")
	gate := filepath.Join(t.TempDir(), "never")
	waiting, hang := chunkOf("wait:"+gate, 0, 1), chunkOf("hang", 1, 1)
	other := make(chan error)
	go func() { other <- o2.Flush(t.Context(), waiting) }()
	waitFor(t, "the neighbour", func() bool { return r.count("waiting") == 1 })
	if err := o.Flush(t.Context(), hang); err == nil {
		t.Fatal("a hanging flush succeeded")
	}
	if err := <-other; err == nil {
		t.Fatal("a flush survived its worker")
	}
	if r.mod.suspects.has(waiting.ID) || !r.mod.suspects.has(hang.ID) {
		t.Error("the wrong chunk is suspected")
	}
}

func TestDeadWorkerIsNotBlamedOnAHangingFlush(t *testing.T) {
	p := &process{reaped: true}
	if p.convict(7, "it hangs"); p.culprit != 0 {
		t.Error("a chunk is blamed for a death that came before")
	}
}

func TestSuspectFliesAlone(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0", "workers", "4")
	bad := chunkOf("exit", 0, 1)
	if err := o.Flush(t.Context(), bad); err == nil {
		t.Fatal("no error")
	}
	r.deliver(o, "app", 0, 10)
	release := filepath.Join(t.TempDir(), "release")
	slow := make(chan error)
	go func() { slow <- o.Flush(t.Context(), chunkOf("wait:"+release, 10, 10)) }()
	waitFor(t, "the slow flush", func() bool { return r.count("waiting") == 1 })
	guilty := make(chan error)
	go func() { guilty <- o.Flush(t.Context(), bad) }()
	waitFor(t, "the suspect at the gate", func() bool {
		r.mod.gate.mu.Lock()
		defer r.mod.gate.mu.Unlock()
		return r.mod.gate.queue == 1
	})
	os.WriteFile(release, nil, 0o644)
	if err := <-slow; err != nil {
		t.Errorf("the innocent flush: %v", err)
	}
	if err := <-guilty; !plugin.Poisoned(err) {
		t.Errorf("the suspect: %v, want poison", err)
	}
	r.allArrived(20)
}

func TestReturnCodesBecomeErrors(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	f := func(tag string, dropped bool, want string) {
		t.Helper()
		err := o.Flush(t.Context(), chunkOf(tag, 0, 1))
		if err == nil || plugin.Dropped(err) != dropped || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tag, err)
		}
	}
	f("retry", false, "FLB_RETRY")
	f("error", true, "FLB_ERROR")
	f("weird", true, "77")
	f(strings.Repeat("t", 70<<10), true, "too long")
	if err := o.Flush(t.Context(), chunkOf("noop", 0, 0)); err != nil {
		t.Errorf("an empty chunk: %v", err)
	}
}

func TestFlushThatIsCalledOffLeavesTheWorkerUsable(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	release := filepath.Join(t.TempDir(), "release")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.Flush(ctx, chunkOf("wait:"+release, 0, 10)) }()
	waitFor(t, "the flush", func() bool { return r.count("waiting") == 1 })
	pid := r.mod.pid()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want the context's error", err)
	}
	os.WriteFile(release, nil, 0o644)
	if failed := r.deliver(o, "app", 10, 10); failed != 0 || r.mod.pid() != pid {
		t.Errorf("%d attempts failed, worker %d became %d", failed, pid, r.mod.pid())
	}
	r.allArrived(20)
}

func TestHangingExitEndsInTime(t *testing.T) {
	r := newRig(t, "output")
	r.mod.opts.Grace = 100 * time.Millisecond
	o := r.output("fault.0", "exit", "hang")
	pid := r.mod.pid()
	start := time.Now()
	if err := o.Close(); err == nil || !strings.Contains(err.Error(), "FLBPluginExit") {
		t.Errorf("Close: %v", err)
	}
	r.mod.Close(t.Context())
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the worker is left: %v", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := openFiles(t)
	r := newRig(t, "output")
	o := r.output("fault.0", "workers", "3")
	r.output("fault.1")
	for i := range 5 {
		r.deliver(o, fmt.Sprintf("once:%s:exit", filepath.Join(t.TempDir(), strconv.Itoa(i))), i, 1)
	}
	r.deliver(o, "child", 5, 1)
	pid := r.mod.pid()
	if err := r.mod.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the worker is left: %v", err)
	}
	for _, l := range r.lines() {
		if child, ok := strings.CutPrefix(l, "child "); ok {
			waitFor(t, "the end of the plugin's child", func() bool { return !running(child) })
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors are left", after-before)
	}
	for _, want := range []string{"exit fault.0", "exit fault.1"} {
		if r.count(want) != 1 {
			t.Errorf("no %q: %q", want, r.lines())
		}
	}
	if err := o.Flush(t.Context(), chunkOf("app", 0, 1)); !errors.Is(err, errClosed) {
		t.Errorf("a flush after the end: %v", err)
	}
}

func running(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func openFiles(tb testing.TB) int {
	tb.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(dir)
}
