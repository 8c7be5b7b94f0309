package tail

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestARotatedFileThatCannotBeReadIsALossThatCounts has all reads of a file fail: its descriptor becomes one
// that is for writing only.
func TestARotatedFileThatCannotBeReadIsALossThatCounts(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.run("path", "DIR/a.log", "read_from_head", "on", "refresh_interval", "0.01", "watcher_interval", "0.01", "rotate_wait", "0.01")
	p.want(`in {"log":"one"}`)
	f := p.in.watcher.all()[0]
	blind, err := unix.Open(p.path("a.log"), unix.O_WRONLY, 0)
	must(t, err)
	must(t, unix.Dup3(blind, f.fd, unix.O_CLOEXEC))
	must(t, unix.Close(blind))
	p.append("a.log", "two\nthree")
	p.rename("a.log", "a.log.1")
	p.until("the file to be closed", func() bool { return len(p.in.watcher.all()) == 0 })
	if got := p.in.lost[unreadable].Value(); got != 9 {
		t.Errorf("%d bytes counted as unreadable, want 9", got)
	}
	if want := fmt.Sprint(f.path, " was rotated and cannot be read: its last 9 bytes are lost"); !strings.Contains(p.kit.Log(), want) {
		t.Errorf("the log lacks %q:\n%s", want, p.kit.Log())
	}
	p.want(`in {"log":"one"}`)
}
