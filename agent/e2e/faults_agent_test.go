package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildFault compiles the plugin that misbehaves on request; tags tell its Flush what to do.
func buildFault(t *testing.T) string {
	t.Helper()
	source := "../worker/testdata/fault"
	files, err := filepath.Glob(source + "/*")
	for _, f := range files {
		if _, err := os.Stat(f); err != nil { // the test cache looks at what a test looks at
			t.Fatal(err)
		}
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no plugin: %v", source, err)
	}
	return buildShared(t, ".", source)
}

// buildShared runs go build -buildmode=c-shared in dir.
func buildShared(t testing.TB, dir, source string, env ...string) string {
	t.Helper()
	so := filepath.Join(t.TempDir(), filepath.Base(source)+".so")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", so, source)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=1"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v in %s: %v\n%s", cmd.Args, dir, err, out)
	}
	return so
}

// agent is a running fluent-bit. What it prints goes into files.
type agent struct {
	tb     testing.TB
	cmd    *exec.Cmd
	dir    string
	config string
	stdin  *os.File
	done   chan struct{} // closed when it has ended
}

// startFault runs the fault plugin and, as the other output, stdout. Records come from stdin with that tag.
func startFault(t *testing.T, bin, so, tag string, props ...string) *agent {
	t.Helper()
	a := newFault(t, tag, props...)
	a.start(bin, "-e", so, "-c", a.config)
	return a
}

// newFault writes the configuration for startFault.
func newFault(t *testing.T, tag string, props ...string) *agent {
	t.Helper()
	a := newAgent(t)
	text := fmt.Sprintf(`[SERVICE]
    flush          0.1
    grace          %d
    scheduler.base 1
    scheduler.cap  1
[OUTPUT]
    name        fault
    match       *
    id          x
    out         %s
    retry_limit no_limits
`, int(grace.Seconds()), filepath.Join(a.dir, "taken"))
	for i := 0; i < len(props); i += 2 {
		text += fmt.Sprintf("    %s %s\n", props[i], props[i+1])
	}
	text += "[OUTPUT]\n    name   stdout\n    match  *\n    format json_lines\n[INPUT]\n    name stdin\n    tag  " + tag + "\n"
	a.config = filepath.Join(a.dir, "fluent-bit.conf")
	if err := os.WriteFile(a.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return a
}

func newAgent(tb testing.TB) *agent {
	return &agent{tb: tb, dir: tb.TempDir(), done: make(chan struct{})}
}

// mark is in the environment of the agent and of all that it starts, so that they can be found.
func (a *agent) mark() string { return "FLUENT_BIT_E2E=" + a.dir }

// start runs the program. Whatever is left of it ends with the test.
func (a *agent) start(bin string, args ...string) {
	a.tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		a.tb.Fatal(err)
	}
	defer r.Close()
	a.stdin = w
	a.cmd = exec.Command(filepath.Join(bin, "fluent-bit"), args...)
	a.cmd.Env = append(os.Environ(), a.mark())
	a.cmd.Stdin = r
	stdout, stderr := a.create("stdout"), a.create("stderr")
	defer stdout.Close()
	defer stderr.Close()
	a.cmd.Stdout, a.cmd.Stderr = stdout, stderr
	if err := a.cmd.Start(); err != nil {
		a.tb.Fatal(err)
	}
	go func() { a.cmd.Wait(); close(a.done) }()
	a.tb.Cleanup(func() {
		w.Close()
		for _, pid := range a.left() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		<-a.done
	})
}

func (a *agent) create(name string) *os.File {
	f, err := os.Create(filepath.Join(a.dir, name))
	if err != nil {
		a.tb.Fatal(err)
	}
	return f
}

// read returns one of the files stdout, stderr and taken as it is now.
func (a *agent) read(name string) string {
	b, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.tb.Fatal(err)
	}
	return string(b)
}

// waitFor polls until cond holds.
func (a *agent) waitFor(what string, cond func() bool) {
	a.tb.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			log := a.read("stderr")
			a.tb.Fatalf("still waiting for %s; the end of the log:\n%s", what, log[max(0, len(log)-8000):])
		}
	}
}

func (a *agent) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// send writes the records {"n": from} to {"n": from+n-1}.
func (a *agent) send(from, n int) {
	a.tb.Helper()
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"n\": %d}\n", from+i)
	}
	if _, err := a.stdin.Write(b.Bytes()); err != nil {
		a.tb.Fatal(err)
	}
}

// other counts what the other output printed.
func (a *agent) other() map[int]int {
	got := map[int]int{}
	for line := range strings.Lines(a.read("stdout")) {
		var r struct{ N *int }
		if !strings.HasSuffix(line, "\n") {
			break // not written to its end yet
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.N == nil {
			a.tb.Fatalf("not a record: %q: %v", line, err)
		}
		got[*r.N]++
	}
	return got
}

// taken counts what the plugin acknowledged.
func (a *agent) taken() map[int]int {
	got := map[int]int{}
	for line := range strings.Lines(a.read("taken")) {
		if num, ok := strings.CutPrefix(line, "v2 "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(num))
			if err != nil {
				a.tb.Fatal(err)
			}
			got[n]++
		}
	}
	return got
}

// noted counts how often the plugin wrote that line.
func (a *agent) noted(line string) (n int) {
	for l := range strings.Lines(a.read("taken")) {
		if strings.TrimSpace(l) == line {
			n++
		}
	}
	return n
}

func (a *agent) waitForOther(n int) {
	a.tb.Helper()
	a.waitFor(fmt.Sprintf("%d records at the other output", n), func() bool { return len(a.other()) >= n })
}

func (a *agent) waitForPlugin(n int) {
	a.tb.Helper()
	a.waitFor(fmt.Sprintf("%d records at the plugin", n), func() bool { return len(a.taken()) >= n })
}

// allOnce checks that both outputs got the records 0 … n-1, each once.
func (a *agent) allOnce(n int) {
	a.tb.Helper()
	for who, got := range map[string]map[int]int{"other output": a.other(), "plugin": a.taken()} {
		for i := range n {
			if got[i] != 1 {
				a.tb.Errorf("the %s got record %d %d times", who, i, got[i])
			}
		}
		if len(got) != n {
			a.tb.Errorf("the %s got %d records, not %d", who, len(got), n)
		}
	}
}

// stop sends SIGTERM, and checks that the agent ends in time, is content, and leaves no process behind.
func (a *agent) stop() {
	a.tb.Helper()
	if code := a.terminate(); code != 0 {
		log := a.read("stderr")
		a.tb.Errorf("exit code %d, want 0; the end of the log:\n%s", code, log[max(0, len(log)-8000):])
	}
}

// terminate is stop for an agent that may end with any code, which it returns.
func (a *agent) terminate() (code int) {
	a.tb.Helper()
	begin := time.Now()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		a.tb.Fatal(err)
	}
	a.waitFor("the end after SIGTERM", a.ended)
	if d := time.Since(begin); d > grace+overtime {
		a.tb.Errorf("it took %v to end", d)
	}
	if left := a.left(); len(left) > 0 {
		a.tb.Errorf("processes are left: %v", left)
	}
	return a.cmd.ProcessState.ExitCode()
}

// left lists the agent, unless it has ended, and all that it started and that runs.
func (a *agent) left() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err == nil && bytes.Contains(env, []byte(a.mark()+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// worker returns the id of the one worker that runs.
func (a *agent) worker() (pid int) {
	a.tb.Helper()
	a.waitFor("one worker", func() bool {
		n := 0
		for _, p := range a.left() {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p))
			if string(name) == "flb-go-worker\n" {
				pid = p
				n++
			}
		}
		return n == 1
	})
	return pid
}

// openFiles counts the agent's descriptors.
func (a *agent) openFiles() int {
	a.tb.Helper()
	dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.cmd.Process.Pid))
	if err != nil {
		a.tb.Fatal(err)
	}
	return len(dir)
}
