package e2e

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What everybody does with a classic plugin: build it, look at it, run it. No fault may hide in that either.
func TestClassicPlugins(t *testing.T) {
	bin, gstdout := build(t), buildShared(t, "../../examples", "./out_gstdout")
	t.Run("AreListedByHelp", func(t *testing.T) {
		t.Parallel()
		help, err := exec.Command(filepath.Join(bin, "fluent-bit"), "-e", gstdout, "-h").Output()
		if err != nil {
			t.Fatal(err)
		}
		_, outputs, _ := strings.Cut(string(help), "\nOutputs\n")
		if !regexp.MustCompile(`(?m)^  gstdout +Prints records to standard output, from Go \(from a plugin file\)$`).MatchString(outputs) {
			t.Errorf("the outputs lack gstdout:\n%s", help)
		}
		onlyLibc(t, gstdout)
		onlyLibc(t, filepath.Join(bin, "fluent-bit"))
	})
	t.Run("PrintCPU", func(t *testing.T) {
		t.Parallel()
		a := newAgent(t)
		a.start(bin, "-e", gstdout, "-i", "cpu", "-o", "gstdout", "-f", "0.2")
		line := regexp.MustCompile(`(?m)^\[0\] cpu\.0: \[\d+\.\d{9}, \{"cpu0\.p_cpu": .*"cpu_p": [\d.e+-]+, .*\}\]$`)
		a.waitFor("a record on stdout", func() bool { return line.MatchString(a.read("stdout")) })
		a.stop()
	})
	t.Run("HaveSettingsOfTheirOwnInEachInstance", func(t *testing.T) {
		t.Parallel()
		so := buildShared(t, "../../examples", "./out_multiinstance")
		a := newAgent(t)
		a.start(bin, "-e", so, "-f", "0.2", "-i", "dummy",
			"-o", "multiinstance", "-p", "id=first", "-m", "*", "-o", "multiinstance", "-p", "id=second", "-m", "dum*")
		a.waitFor("both instances", func() bool {
			out := a.read("stdout")
			return strings.Contains(out, "id=first tag=dummy.0 records=1 total=2\n") && strings.Contains(out, "id=second tag=dummy.0 records=1 total=2\n")
		})
		a.stop()
		counts := regexp.MustCompile(`id=(\w+) is done after (\d+) records`).FindAllStringSubmatch(a.read("stdout"), -1)
		if len(counts) != 2 || counts[0][1] == counts[1][1] || counts[0][2] != counts[1][2] {
			t.Errorf("the instances did not end with the same count each: %q", counts)
		}
	})
	t.Run("CollectAndRunInTheBackground", func(t *testing.T) {
		t.Parallel()
		gdummy := buildShared(t, "../../examples", "./in_gdummy")
		args := []string{"-e", gdummy, "-e", gstdout, "-f", "0.2", "-i", "gdummy", "-p", "message=hello", "-p", "records=3", "-t", "app", "-o", "gstdout"}
		t.Run("Foreground", func(t *testing.T) {
			a := newAgent(t)
			a.start(bin, args...)
			a.waitForGdummy()
			a.stop()
		})
		t.Run("Daemon", func(t *testing.T) { testDaemon(t, bin, args) })
	})
	t.Run("OfTheUpstreamSDKRunUnchanged", func(t *testing.T) {
		t.Parallel()
		// Outside of the workspace that is the SDK as published; without network and module cache this fails.
		so := buildShared(t, "../testdata/upstream", "./out_upstream", "GOWORK=off")
		a := newAgent(t)
		path := filepath.Join(a.dir, "taken")
		a.start(bin, "-e", so, "-f", "0.2", "-i", "dummy", "-p", "metadata={\"k\": 1}", "-o", "upstream", "-p", "id=u", "-p", "path="+path)
		a.waitFor("two records", func() bool { return strings.Count(a.read("taken"), "\n") >= 2 })
		a.stop()
		for line := range strings.Lines(a.read("taken")) {
			var got struct {
				ID, Tag, Time string
				Record        map[string]string
			}
			err := json.Unmarshal([]byte(line), &got)
			sec, _ := strconv.ParseFloat(got.Time, 64)
			if err != nil || sec < 1.5e9 || got.ID != "u" || got.Tag != "dummy.0" || len(got.Record) != 1 || got.Record["message"] != "dummy" {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}

// waitForGdummy waits for the fourth record, which is the first of the second call.
func (a *agent) waitForGdummy() {
	a.tb.Helper()
	line := regexp.MustCompile(`(?m)^\[0\] app: \[\d+\.\d{9}, \{"count": 4, "message": "hello"\}\]$`)
	a.waitFor("records on stdout", func() bool { return line.MatchString(a.read("stdout")) })
}

func testDaemon(t *testing.T, bin string, args []string) {
	a := newAgent(t)
	a.start(bin, append([]string{"-d"}, args...)...)
	a.waitFor("the end of the parent", a.ended)
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("the parent's exit code is %d:\n%s", code, a.read("stderr"))
	}
	a.waitForGdummy()
	m := regexp.MustCompile(`version=.* pid=(\d+)`).FindStringSubmatch(a.read("stderr"))
	if m == nil {
		t.Fatalf("the log does not tell the daemon's pid:\n%s", a.read("stderr"))
	}
	pid, _ := strconv.Atoi(m[1])
	if pid == a.cmd.Process.Pid || len(a.left()) != 3 {
		t.Errorf("processes %v, want the daemon %d and two workers, and not the parent %d", a.left(), pid, a.cmd.Process.Pid)
	}
	begin := time.Now()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.waitFor("the end of the daemon and its workers", func() bool { return len(a.left()) == 0 })
	if d := time.Since(begin); d > grace+overtime {
		t.Errorf("it took %v to end", d)
	}
}

// libc is the family of libraries that every system has under the name of its C library.
var libc = regexp.MustCompile(`^(lib(c|m|dl|pthread|resolv|rt)\.so\.\d|ld-linux.*|libc\.musl-.*)$`)

func onlyLibc(t *testing.T, file string) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, lib := range needed {
		if !libc.MatchString(lib) {
			t.Errorf("%s needs %s, which not every system has", filepath.Base(file), lib)
		}
	}
	if info, err := os.Stat(file); err != nil || len(needed) == 0 {
		t.Errorf("%s needs nothing at all: %v, %v", file, info, err)
	}
}
