package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
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

// procfsOf lays out two processes "nginx", a shell that mentions it, and a thread of the kernel.
func procfsOf(t *testing.T) string {
	root := t.TempDir()
	write(t, root, "2/cmdline", "")
	write(t, root, "3/cmdline", "/bin/sh\x00-c\x00nginx\x00")
	write(t, root, "10/cmdline", "/usr/sbin/nginx\x00-g\x00daemon off;\x00")
	write(t, root, "10/status", "Name:\tnginx\nVmPeak:\t  20 kB\nVmSize:\t 10 kB\nVmLck: 1 kB\nVmPin: 77 kB\nVmHWM: 2 kB\nVmRSS: 3 kB\nVmData: 4 kB\nVmStk: 5 kB\nVmExe: 6 kB\nVmLib: 7 kB\nVmPTE: 8 kB\nVmSwap: 9 kB\nThreads: 1\n")
	for _, fd := range []string{"0", "1", "2"} {
		write(t, root, "10/fd/"+fd, "")
	}
	write(t, root, "9999/cmdline", "nginx: worker process\x00")
	write(t, root, "11111/cmdline", "nginx\x00")
	write(t, root, "self/cmdline", "nginx\x00")
	return root
}

const (
	memUp   = `,"mem.VmPeak":20000,"mem.VmSize":10000,"mem.VmLck":1000,"mem.VmHWM":2000,"mem.VmRSS":3000,"mem.VmData":4000,"mem.VmStk":5000,"mem.VmExe":6000,"mem.VmLib":7000,"mem.VmPTE":8000,"mem.VmSwap":9000`
	memDown = `,"mem.VmPeak":0,"mem.VmSize":0,"mem.VmLck":0,"mem.VmHWM":0,"mem.VmRSS":0,"mem.VmData":0,"mem.VmStk":0,"mem.VmExe":0,"mem.VmLib":0,"mem.VmPTE":0,"mem.VmSwap":0`
)

func TestRecordsSayWhetherTheProcessRuns(t *testing.T) {
	root := procfsOf(t)
	check := func(name, want string, settings ...string) {
		t.Run(name, func(t *testing.T) {
			in, err := inputtest.New().Build(&config{root: root}, settings...)
			if err != nil {
				t.Fatal(err)
			}
			b := event.New("in")
			if err := in.(*input).sample(b); err != nil {
				t.Fatal(err)
			}
			got := ""
			for r := range b.Records() {
				got += inputtest.Text(r.Body())
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	check("all keys", `{"alive":true,"proc_name":"nginx","pid":10`+memUp+`,"fd":3}`, "proc_name", "nginx")
	check("alone", `{"alive":true,"proc_name":"nginx","pid":10}`, "proc_name", "nginx", "mem", "off", "fd", "off")
	check("down", `{"alive":false,"proc_name":"httpd","pid":-1`+memDown+`,"fd":0}`, "proc_name", "httpd")
	check("alert while up", ``, "proc_name", "nginx", "alert", "on")
	check("alert while down", `{"alive":false,"proc_name":"httpd","pid":-1,"fd":0}`, "proc_name", "httpd", "alert", "on", "mem", "no")
	check("ended since it was found", `{"alive":false,"proc_name":"sh","pid":-1`+memDown+`}`, "proc_name", "sh", "fd", "off")
}

func TestForeignProcessHasNoOpenFiles(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may count everything")
	}
	root := procfsOf(t)
	if err := os.Chmod(filepath.Join(root, "10/fd"), 0); err != nil {
		t.Fatal(err)
	}
	k := inputtest.New()
	in, err := k.Build(&config{root: root}, "proc_name", "nginx", "mem", "off")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b := event.New("in")
		if err := in.(*input).sample(b); err != nil {
			t.Fatal(err)
		}
		for r := range b.Records() {
			if got := inputtest.Text(r.Body()); got != `{"alive":true,"proc_name":"nginx","pid":10}` {
				t.Errorf("got %s", got)
			}
		}
	}
	if n := strings.Count(k.Log(), "may not count"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestFailuresKeepTheirReason(t *testing.T) {
	root := procfsOf(t)
	write(t, root, "10/status", "VmPeak: much kB\n")
	for want, dir := range map[string]string{"VmPeak is no size": root, "no such file": filepath.Join(root, "nowhere")} {
		in, err := inputtest.New().Build(&config{root: dir}, "proc_name", "nginx")
		if err != nil {
			t.Fatal(err)
		}
		if err := in.(*input).sample(event.New("in")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	if _, err := gone(notThere(fmt.Errorf("read: %w", syscall.ESRCH))); err != nil {
		t.Errorf("a process that ended is taken for an error: %v", err)
	}
}

func TestProcessMustBeNamed(t *testing.T) {
	for want, settings := range map[string][]string{
		"test.conf: the property 'proc_name' is missing": nil,
		"test.conf:1:1: proc_name: the name is empty":    {"proc_name", ""},
	} {
		if _, err := inputtest.New().Build(&config{}, settings...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}

func TestRealProcfsIsUnderstood(t *testing.T) {
	in, err := inputtest.New().Build(&config{root: "/proc"}, "proc_name", filepath.Base(os.Args[0]))
	if err != nil {
		t.Fatal(err)
	}
	st, err := in.(*input).look()
	if err != nil || st.pid < 0 || st.mem[4] == 0 || st.files == 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func FuzzProcfs(f *testing.F) {
	f.Add([]byte("VmPeak:\t  20 kB\n"))
	f.Add([]byte("/usr/sbin/nginx\x00-g\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := parseStatus(data); err == nil && m != (memory{}) && !strings.Contains(string(data), "Vm") {
			t.Errorf("%q has memory %v", data, m)
		}
		if name := program(data); strings.ContainsRune(name, 0) {
			t.Errorf("program %q", name)
		}
	})
}
