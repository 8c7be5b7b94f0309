package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// A reload into a plugin that does not start changes nothing; one into a plugin whose file has changed takes the
// new one. No record is lost or comes twice on the way.
func TestReloadsOfPlugins(t *testing.T) {
	bin, so := build(t), buildFault(t)
	a := newFault(t, "app")
	config, err := os.ReadFile(a.config)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(a.config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reload := func(answer string) {
		t.Helper()
		before := strings.Count(a.read("stderr"), answer)
		if err := a.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		a.waitFor(answer, func() bool { return strings.Count(a.read("stderr"), answer) > before })
	}
	a.start(bin, "-Y", "-e", so, "-c", a.config)
	a.send(0, 20)
	a.waitForPlugin(20)
	first := a.worker()

	for _, fault := range []string{"fail", "panic", "exit"} {
		write(strings.Replace(string(config), "    id          x\n", "    id          x\n    init        "+fault+"\n", 1))
		reload("reloading is halted: the configuration that was in force stays")
	}
	if log := a.read("stderr"); !strings.Contains(log, "the key 'url' is not a URL") || !strings.Contains(log, "no such region: moon-1") {
		t.Errorf("the log lacks the plugin's own words:\n%s", log)
	}
	if w := a.worker(); w != first {
		t.Errorf("the worker %d was replaced by %d although no reload succeeded", first, w)
	}
	a.send(20, 20)
	a.waitForPlugin(40)

	write(string(config))
	reload("is in force (reload 1)")
	if w := a.worker(); w != first {
		t.Errorf("the worker %d of an unchanged plugin was replaced by %d", first, w)
	}
	a.send(40, 20)
	a.waitForPlugin(60)

	b, err := os.ReadFile(so)
	if err != nil {
		t.Fatal(err)
	}
	// Another file with the same plugin: what follows the sections does not matter to the linker.
	if err := os.WriteFile(so+".new", append(b, "more"...), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(so+".new", so); err != nil {
		t.Fatal(err)
	}
	reload("is in force (reload 2)")
	a.waitFor("the old worker to end", func() bool { return a.worker() != first && len(a.left()) == 2 })
	a.send(60, 20)
	a.waitForPlugin(80)
	a.stop()
	a.allOnce(80)
}
