package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	grace    = 1 * time.Second  // of every agent here
	overtime = 10 * time.Second // what shutting down may take beyond on a busy machine; what hangs takes for ever
)

func TestFaultsOfPlugins(t *testing.T) {
	bin, so := build(t), buildFault(t)
	t.Run("StayInTheirWorker", func(t *testing.T) { testFaultsInFlush(t, bin, so) })
	t.Run("InInitAreErrorsAtStart", func(t *testing.T) { testFaultsInInit(t, bin, so) })
}

func testFaultsInFlush(t *testing.T, bin, so string) {
	// The first flush misbehaves, and so does every flush of the last case. Everything must arrive in spite
	// of that, on both sides.
	f := func(name, does, logged string, props ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a := startFault(t, bin, so, "once:"+filepath.Join(dir, "done")+":"+does, props...)
			a.waitFor("the start of the pipeline", func() bool { return a.noted("prerun 0") == 1 })
			before := a.openFiles()
			for i := range 5 {
				a.send(i*20, 20)
				a.waitForOther((i + 1) * 20) // it does not wait for the plugin's retry
			}
			a.waitForPlugin(100)
			a.waitFor("'"+logged+"' in the log", func() bool { return strings.Contains(a.read("stderr"), logged) })
			a.waitFor("the descriptors of the old worker to be closed", func() bool { return a.openFiles() <= before })
			a.stop()
			a.allOnce(100)
		})
	}
	f("PanicInFlush", "panic", "panic: the flush broke")
	f("PanicInGoroutine", "gopanic", "panic: a goroutine broke")
	f("OSExit", "exit", "ended: exit status 3")
	f("NilDereference", "nil", "nil pointer dereference")
	f("SegvInC", "segv", "SIGSEGV")
	f("HangInFlush", "hang", "FLBPluginFlush has not returned within 1s", "plugin.flush_timeout", "1")
	f("FloodOnStderr", "stderr", strings.Repeat("x", 99))
	f("RepliesNobodyAskedFor", "forge", "the worker of plugin 'fault' ended")

	t.Run("KillFromOutside", func(t *testing.T) {
		t.Parallel()
		a := startFault(t, bin, so, "app")
		a.send(0, 20)
		a.waitForPlugin(20)
		before := a.openFiles()
		for i := range 2 { // the second time the worker comes back a second later
			worker := a.worker()
			if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			a.send(20+i*20, 20)
			a.waitForOther(40 + i*20)
			a.waitForPlugin(40 + i*20)
			if now := a.worker(); now == worker {
				t.Errorf("the worker is %d still", now)
			}
		}
		a.waitFor("the descriptors of the old workers to be closed", func() bool { return a.openFiles() <= before })
		a.stop()
		a.allOnce(60)
	})
	t.Run("HangInFlushForEver", func(t *testing.T) {
		t.Parallel()
		a := startFault(t, bin, so, "hang")
		for i := range 3 {
			a.send(i*20, 20)
			a.waitForOther((i + 1) * 20)
		}
		a.stop()
		if !strings.Contains(a.read("stderr"), "60 records could not be delivered within the grace period") {
			t.Errorf("the log does not tell the loss:\n%s", a.read("stderr"))
		}
	})
	t.Run("HangInExit", func(t *testing.T) {
		t.Parallel()
		a := startFault(t, bin, so, "app", "exit", "hang")
		a.send(0, 20)
		a.waitForPlugin(20)
		a.stop()
		a.allOnce(20)
	})
}

func testFaultsInInit(t *testing.T, bin, so string) {
	f := func(init, words string, props ...string) {
		t.Run(init, func(t *testing.T) {
			t.Parallel()
			a := startFault(t, bin, so, "app", append(props, "init", init)...)
			a.waitFor("the end", a.ended)
			if code := a.cmd.ProcessState.ExitCode(); code != 255 {
				t.Errorf("exit code %d, want 255", code)
			}
			if log := a.read("stderr"); !strings.Contains(log, words) || !strings.Contains(log, a.config+":8:5: ") {
				t.Errorf("the log lacks the plugin's own words %q or the place %s:8:5:\n%s", words, a.config, log)
			}
			a.waitFor("the end of the worker", func() bool { return len(a.left()) == 0 })
		})
	}
	f("panic", "panic: no such region: moon-1")
	f("exit", "cannot reach the licence server")
	f("fail", "the key 'url' is not a URL")
	f("free", "gone without a line break")
	f("hang", "FLBPluginInit has not returned within 300ms", "plugin.init_timeout", "0.3")

	t.Run("HangUntilTold", func(t *testing.T) {
		t.Parallel()
		a := startFault(t, bin, so, "app", "init", "hang")
		a.waitFor("Init", func() bool { return a.noted("init x") == 1 })
		if code := a.terminate(); code != 255 {
			t.Errorf("exit code %d, want 255", code)
		}
	})
	t.Run("Daemon", func(t *testing.T) {
		t.Parallel()
		a := newFault(t, "app", "init", "fail")
		a.start(bin, "-d", "-e", so, "-c", a.config)
		a.waitFor("the end", a.ended)
		if code := a.cmd.ProcessState.ExitCode(); code != 255 || !strings.Contains(a.read("stderr"), "the key 'url' is not a URL") {
			t.Errorf("exit code %d, want 255 and the plugin's words:\n%s", code, a.read("stderr"))
		}
		a.waitFor("the end of daemon and worker", func() bool { return len(a.left()) == 0 })
	})
}
