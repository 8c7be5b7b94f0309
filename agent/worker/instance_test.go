package worker

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/option"
)

func TestMisspeltKeyIsWarnedAbout(t *testing.T) {
	r := newRig(t, "output")
	r.output("fault.0", "echoo", "x", "plugin.max_procs", "2")
	if !r.log.has("test.conf:3:5: the plugin has not asked for the property 'echoo'; did you mean 'echo'?") {
		t.Errorf("no warning:\n%s", r.log)
	}
	for _, quiet := range []string{"'out'", "'id'", "plugin.max_procs"} {
		if r.log.has(quiet) {
			t.Errorf("a warning about %s:\n%s", quiet, r.log)
		}
	}
}

func TestConfigMapRefusesUnknownKeys(t *testing.T) {
	m := New(Info{Name: "strict", Type: Output, ConfigKeys: []string{"url", "token"}}, Options{})
	err := m.checkKeys([]option.Property{{Key: "Url"}, {Key: "tokn", Pos: option.Pos{File: "a.conf", Line: 3, Col: 1}}})
	if err == nil || err.Error() != "a.conf:3:1: the plugin 'strict' has no configuration property 'tokn'; did you mean 'token'?" {
		t.Error(err)
	}
	if e := (*option.Error)(nil); !errors.As(err, &e) {
		t.Error("it is no option.Error")
	}
}

func TestLogPrintReachesTheAgentsLog(t *testing.T) {
	r := newRig(t, "output")
	r.output("fault.0", "init", "log")
	waitFor(t, "the line", func() bool { return r.log.has("level=WARN msg=careful instance=fault.0") })
	if r.log.has("long long") {
		t.Error("a debug line in a log of level info")
	}
	if r.count("debug 0") != 1 || r.count("warn 1") != 1 {
		t.Errorf("log checks do not know the instance's level: %q", r.lines())
	}
}

func TestLimitsReachTheWorkersRuntime(t *testing.T) {
	r := newRig(t, "output")
	r.output("fault.0", "init", "limits", "plugin.memory_limit", "123M", "plugin.max_procs", "1")
	if r.count("limits 123000000 1") != 1 {
		t.Errorf("%q", r.lines())
	}
}

func TestFlushesOverlapOnlyWhenWorkersAreSet(t *testing.T) {
	f := func(overlaps bool, kv ...string) {
		t.Helper()
		r := newRig(t, "output")
		var wg sync.WaitGroup
		for _, name := range []string{"fault.0", "fault.1"} {
			o := r.output(name, kv...)
			for range 4 {
				c := chunkOf("overlap", 0, 1)
				wg.Go(func() {
					if err := o.Flush(t.Context(), c); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		if got := strings.Contains(strings.Join(r.lines(), "\n"), "overlap"); got != overlaps {
			t.Errorf("%q: overlap %v: %q", kv, got, r.lines())
		}
	}
	f(false)
	f(true, "workers", "4")
}

func TestLargeChunkGrowsTheRegion(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	b := event.New("app")
	for range 3 {
		body := event.AppendStr(event.AppendMap(nil, 1), "n")
		b.Append(event.Time{Sec: 1}, nil, event.AppendStr(body, strings.Repeat("x", 3<<20)))
	}
	if err := o.Flush(t.Context(), event.NewChunk(1, "app", event.Logs, b.Bytes(), 3)); err != nil {
		t.Fatal(err)
	}
	if n := r.count("v2 0"); n != 3 {
		t.Errorf("%d of 3 records", n)
	}
	if failed := r.deliver(o, "app", 1, 1); failed != 0 {
		t.Error("the next flush failed")
	}
}

func TestGroupBordersStayInTheAgent(t *testing.T) {
	border := func(sec byte) []byte {
		b := []byte{0x92, 0x92, 0xd7, 0x00, 0xff, 0xff, 0xff, sec, 0, 0, 0, 0, 0x80, 0x80}
		return b
	}
	inner := chunkOf("app", 7, 1).Bytes()
	data := append(append(border(0xff), inner...), border(0xfe)...)
	b, err := event.Parse("app", data)
	if err != nil || b.Len() != 1 {
		t.Fatal(b.Len(), err)
	}
	c := event.NewChunk(1, "app", event.Logs, b.Bytes(), 1)
	out := make([]byte, len(data)+growth)
	f := func(o output, want []byte) {
		t.Helper()
		if n := o.encode(out, c); string(out[:n]) != string(want) {
			t.Errorf("%x, want %x", out[:n], want)
		}
	}
	f(output{}, inner)
	f(output{raw: true}, data)
	f(output{v1: true}, append([]byte{0x92}, append(append([]byte{}, inner[2:12]...), inner[13:]...)...))
}

func TestWorkerEndsWithItsAgent(t *testing.T) {
	f := func(name string, setup func(p *process)) {
		t.Helper()
		p, err := spawn(launch{path: faultFile("output"), onLine: func(string) {}, onLog: func(uint32, int, string) {}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.load(t.Context(), faultFile("output"), false); err != nil {
			t.Fatal(err)
		}
		setup(p)
		p.ctl.Close() // what the kernel does when the agent dies
		<-p.exited
		if p.cause != "exit status 0" {
			t.Errorf("%s: %s", name, p.cause)
		}
	}
	f("idle", func(*process) {})
	f("while Init hangs", func(p *process) {
		props := "init\x00hang\x00"
		fd, err := sharedFile(int64(len(props)))
		if err != nil {
			t.Fatal(err)
		}
		defer closeFD(fd)
		if err := writeAll(fd, []byte(props)); err != nil {
			t.Fatal(err)
		}
		init := wire.Frame{Op: wire.OpInit, Inst: 1, Len: uint64(len(props))}
		if err := sendPacket(p.ctl, init, "", []int{fd}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWorkerIgnoresTheTerminalsSignals(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0")
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(r.mod.pid(), s); err != nil {
			t.Fatal(err)
		}
	}
	if failed := r.deliver(o, "app", 0, 5); failed != 0 {
		t.Errorf("%d attempts failed", failed)
	}
	r.deliver(o, "stop", 5, 1)
	if r.count("child: signal: terminated") != 1 {
		t.Errorf("its child ignores them too: %q", r.lines())
	}
	if n := r.count("init fault.0"); n != 1 {
		t.Errorf("%d inits", n)
	}
}

func TestContentHashFollowsTheBytes(t *testing.T) {
	a, err := ContentHash(faultFile("output"))
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.so")
	if out, err := exec.Command("cp", faultFile("output"), copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, _ := ContentHash(copied)
	c, _ := ContentHash(faultFile("input"))
	if a != b || a == c {
		t.Errorf("%s %s %s", a, b, c)
	}
}

func TestTimeoutsThatCannotBeMeantAreRefused(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		var s settings
		err := option.Decode(s.own(), []option.Property{{Key: key, Value: option.Value{Text: value}}}, option.Pos{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s=%s: %v, want %q", key, value, err, want)
		}
	}
	f("plugin.flush_timeout", "-1", "is less than 0s")
	f("plugin.flush_timeout", "0", "")
	f("plugin.init_timeout", "-1", "is not more than 0s")
	f("plugin.init_timeout", "0", "is not more than 0s")
}
