package cpu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

func write(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestPercentagesAreWhatWasSpentSinceTheLastSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		k := inputtest.New()
		write(t, root, "stat", "cpu  100 10 50 1000 5 0 0\ncpu0 60 10 20 500 5\ncpu1 40 0 30 500 0\nintr 1\n")
		run := k.Start(t, ctx, &config{root: root}, "interval_sec", "2")
		done := make(chan error)
		go func() { done <- run() }()

		time.Sleep(time.Second)
		write(t, root, "stat", "cpu  140 20 60 1000 5\ncpu0 90 20 20 500 5\ncpu1 50 0 40 500 0\n")
		time.Sleep(2 * time.Second)
		write(t, root, "stat", "gone wrong")
		time.Sleep(2 * time.Second)
		// cpu1 went and cpu2 came; four seconds since the last good sample
		write(t, root, "stat", "cpu  140 20 460 1000 5\ncpu0 90 20 420 500 5\ncpu2 7 7 7 7 7\n")
		time.Sleep(2 * time.Second)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		k.Want(t,
			`{"cpu_p":15.0,"user_p":12.5,"system_p":2.5,"cpu0.p_cpu":20.0,"cpu0.p_user":20.0,"cpu0.p_system":0.0,"cpu1.p_cpu":10.0,"cpu1.p_user":5.0,"cpu1.p_system":5.0}`,
			`{"cpu_p":50.0,"user_p":0.0,"system_p":50.0,"cpu0.p_cpu":100.0,"cpu0.p_user":0.0,"cpu0.p_system":100.0,"cpu2.p_cpu":0.0,"cpu2.p_user":0.0,"cpu2.p_system":0.0}`)
		if !strings.Contains(k.Log(), "proc_stat(5)") {
			t.Errorf("the failed sample is not in the log: %s", k.Log())
		}
	})
}

func TestOneProcessHasThreeKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer stop()
		k := inputtest.New()
		write(t, root, "stat", "cpu  1 1 1 1 1\ncpu0 1 1 1 1 1\ncpu1 1 1 1 1 1\n")
		write(t, root, "42/stat", "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 100 50 0 0 20\n")
		run := k.Start(t, ctx, &config{root: root}, "pid", "42")
		write(t, root, "42/stat", "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 130 60 0 0 20\n")
		if err := run(); err != nil {
			t.Error(err)
		}
		k.Want(t, `{"cpu_p":20.0,"user_p":15.0,"system_p":5.0}`)
	})
}

func TestImpossibleSettingsAreRefused(t *testing.T) {
	_, err := inputtest.New().Build(&config{}, "pid", "0")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: pid: 0 is no process; ") {
		t.Errorf("got %v", err)
	}
}

func TestMissingProcessFailsAtTheStart(t *testing.T) {
	root := t.TempDir()
	write(t, root, "stat", "cpu  1 1 1 1 1\n")
	in, err := inputtest.New().Build(&config{root: root}, "pid", "42")
	if err != nil {
		t.Fatal(err)
	}
	if err := in.(*input).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "process 42") {
		t.Errorf("got %v", err)
	}
}

func TestRealProcfsIsUnderstood(t *testing.T) {
	total, cores, err := procfs("/proc").system()
	if err != nil || len(cores) == 0 || total.user+total.system == 0 {
		t.Errorf("system: %v, %d cores, %v", total, len(cores), err)
	}
	if _, err := procfs("/proc").process(os.Getpid()); err != nil {
		t.Error(err)
	}
}

func FuzzProcfs(f *testing.F) {
	f.Add([]byte("cpu  1 2 3 4 5\ncpu0 1 2 3 4 5\n"))
	f.Add([]byte("42 (a) b) S 1 2 3 4 5 6 7 8 9 10 130 60 0 0 20"))
	f.Fuzz(func(t *testing.T, data []byte) {
		total, _, err := parseSystem(data)
		if err == nil && total.name != "cpu" {
			t.Errorf("accepted %q without a total", data)
		}
		if _, err := parseProcess(data); err == nil && len(data) < 25 {
			t.Errorf("accepted %q, which cannot hold 13 fields", data)
		}
	})
}
