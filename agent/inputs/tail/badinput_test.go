package tail

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatTakesAFilesPlaceMayBeAnything(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"directory":     func(path string) error { return os.Mkdir(path, 0o777) },
		"fifo":          func(path string) error { return syscall.Mkfifo(path, 0o666) },
		"symlink loop":  func(path string) error { return os.Symlink(path, path) },
		"dead symlink":  func(path string) error { return os.Symlink(path+".none", path) },
		"device":        func(path string) error { return os.Symlink("/dev/zero", path) },
		"symlink to it": func(path string) error { return os.Symlink("old", path) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("a.log", "one\n")
			p.write("b.log", "bee\n")
			p.run("path", "DIR/a.log,DIR/b.log", "read_from_head", "on", "refresh_interval", "0.01", "watcher_interval", "0.01", "rotate_wait", "0.01")
			p.want(`in {"log":"one"}`, `in {"log":"bee"}`)
			p.rename("a.log", "old")
			must(t, put(p.path("a.log")))
			p.append("old", "late\n")
			p.want(`in {"log":"one"}`, `in {"log":"bee"}`, `in {"log":"late"}`)
			p.append("b.log", "still here\n")
			p.want(`in {"log":"one"}`, `in {"log":"bee"}`, `in {"log":"late"}`, `in {"log":"still here"}`)
			must(t, os.Remove(p.path("a.log")))
			p.write("a.log", "again\n")
			p.want(`in {"log":"one"}`, `in {"log":"bee"}`, `in {"log":"late"}`, `in {"log":"still here"}`, `in {"log":"again"}`)
		})
	}
}

func TestSymlinkLeadsToAFileThatComesLater(t *testing.T) {
	p := newPlace(t)
	must(t, os.Symlink(p.path("real"), p.path("a.log")))
	p.run("path", "DIR/*.log", "refresh_interval", "1h", "watcher_interval", "0.01")
	p.write("real", "one\n")
	p.want(`in {"log":"one"}`)
}

func TestBinaryLinesKeepTheirBytes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 10*readSize)
	for i := range text {
		text[i] = byte(rnd.Uint32())
	}
	text[0], text[len(text)-1] = 'x', '\n' // zeros at the beginning would be a hole
	p := newPlace(t)
	p.write("a.log", string(text))
	p.once("path", "DIR/a.log")
	var want []string
	for line := range strings.Lines(string(text)) {
		want = append(want, `in {"log":`+strconv.Quote(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))+"}")
	}
	if got := p.sink.list(); !slices.Equal(got, want) {
		t.Errorf("%d lines, not %d, or others", len(got), len(want))
	}
}

func TestNamesMayHoldAnyBytes(t *testing.T) {
	for _, name := range []string{"a b.log", "a\nb.log", "\xff\xfe.log", "[x].log", "ä*.log", `back\slash.log`, strings.Repeat("n", 240) + ".log"} {
		p := newPlace(t)
		p.write(name, "one\n")
		p.kit.Env.Tag = "t.*"
		p.run("path", "DIR/*.log", "path_key", "p", "read_from_head", "on", "db", "DIR/state.db")
		p.append(name, "two\n")
		p.until("both lines", func() bool { return len(p.sink.list()) == 2 })
		if got := p.sink.list()[0]; !strings.HasSuffix(got, fmt.Sprintf(`{"p":%s,"log":"one"}`, strconv.Quote(p.path(name)))) {
			t.Errorf("got %s", got)
		}
		p.end()
	}
}

func TestFileThatCannotBeReadIsReportedAndHoldsUpNobody(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.run("path", "/proc/self/mem,DIR/a.log", "read_from_head", "on", "watcher_interval", "0.01") // whose beginning is no memory
	p.want(`in {"log":"one"}`)
	p.until("the complaint", func() bool {
		return strings.Contains(p.kit.Log(), "reading /proc/self/mem at byte 0: input/output error")
	})
	p.append("a.log", "two\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	p.end()
	if n := strings.Count(p.kit.Log(), "input/output error"); n != 1 {
		t.Errorf("it complained %d times", n)
	}
}

func TestFolderThatIsMadeAnewIsWatchedAgain(t *testing.T) {
	p := newPlace(t)
	p.run("path", "DIR/logs/*.log", "refresh_interval", "1h", "watcher_interval", "0.01")
	p.write("logs/a.log", "one\n")
	p.want(`in {"log":"one"}`)
	p.rename("logs", "old")
	p.write("logs/a.log", "two\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	must(t, os.RemoveAll(p.path("logs")))
	p.write("logs/b.log", "three\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`)
	p.write("logs/c.log", "four\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`, `in {"log":"four"}`)
}

func TestLongLineAtTheEndOfARotatedFileIsKept(t *testing.T) {
	p := newPlace(t)
	long := strings.Repeat("x", 3<<20)
	p.write("a.log", long)
	p.run("path", "DIR/a.log", "read_from_head", "on", "buffer_max_size", "4M", "rotate_wait", "0.01", "watcher_interval", "0.01")
	p.until("the line to be seen", func() bool { return p.in.watcher.all()[0].seen.Load() == int64(len(long)) })
	p.rename("a.log", "old")
	p.want(`in {"log":"` + long + `"}`)
	p.write("a.log", "short\n")
	p.want(`in {"log":"`+long+`"}`, `in {"log":"short"}`)
	p.end()
	if len(p.in.buf) > readSize {
		t.Errorf("%d bytes are kept for lines to come", len(p.in.buf))
	}
}
