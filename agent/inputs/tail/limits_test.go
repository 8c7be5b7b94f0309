package tail

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// inNamespace runs the calling test in a process of its own, in a user namespace where it is the user uid,
// and reports whether that is the process. It is skipped where that is not allowed.
func inNamespace(t *testing.T, uid int) bool {
	t.Helper()
	const mark = "FLUENT_BIT_TAIL_TEST"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getgid(), Size: 1}},
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("no user namespaces here: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	} else if strings.Contains(out.String(), "--- SKIP") {
		t.Skip(out.String())
	}
	return false
}

// limit sets a limit of the namespace.
func limit(t *testing.T, name string, n int) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/user/"+name, []byte(fmt.Sprint(n)), 0); err != nil {
		t.Skip(err)
	}
}

func TestWithoutInotifyWatchesFilesArePolledWithOneWarning(t *testing.T) {
	if !inNamespace(t, 0) {
		return
	}
	for name, cure := range map[string]string{"max_inotify_watches": "max_user_watches", "max_inotify_instances": "max_user_instances"} {
		t.Run(name, func(t *testing.T) {
			limit(t, "max_inotify_watches", 1000)
			limit(t, "max_inotify_instances", 1000)
			limit(t, name, 2*strings.Count(name, "watches"))
			p := newPlace(t)
			for i := range 5 {
				p.write(fmt.Sprintf("%d.log", i), "")
			}
			p.run("path", "DIR/*.log", "refresh_interval", "1h", "watcher_interval", "0.05", "progress_check_interval", "1h", "rotate_wait", "0.01")
			var want []string
			for i := range 5 {
				p.append(fmt.Sprintf("%d.log", i), fmt.Sprintf("grown %d\n", i))
				want = append(want, fmt.Sprintf(`in {"log":"grown %d"}`, i))
				p.want(want...)
			}
			p.rename("4.log", "old")
			p.write("4.log", "new\n")
			p.want(append(want, `in {"log":"new"}`)...)
			p.end()
			if got := strings.Count(p.kit.Log(), "level=WARN"); got != 1 || !strings.Contains(p.kit.Log(), cure) {
				t.Errorf("%d warnings:\n%s", got, p.kit.Log())
			}
		})
	}
}

func TestFileIsReadOnceItsPermissionIsGivenBack(t *testing.T) {
	if !inNamespace(t, 1000) {
		return
	}
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.write("b.log", "bee\n")
	chmod := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(p.path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod("a.log", 0)
	p.run("path", "DIR/*.log", "read_from_head", "on")
	p.until("the complaint", func() bool { return strings.Contains(p.kit.Log(), "a.log: permission denied") })
	p.want(`in {"log":"bee"}`)
	chmod("a.log", 0o644)
	p.want(`in {"log":"bee"}`, `in {"log":"one"}`)
	chmod("b.log", 0) // it is open already
	p.append("a.log", "two\n")
	p.want(`in {"log":"bee"}`, `in {"log":"one"}`, `in {"log":"two"}`)
	p.end()
	if n := strings.Count(p.kit.Log(), "permission denied"); n != 1 {
		t.Errorf("it complained %d times", n)
	}
}
