package tail

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// TestRotationStormLosesNothing writes numbered lines and rotates all the time, in three ways.
func TestRotationStormLosesNothing(t *testing.T) {
	total := 20_000
	if !testing.Short() {
		total = 100_000
	}
	p := newPlace(t)
	p.write("a.log", "")
	p.run("path", "DIR/a.log", "rotate_wait", "0.2", "watcher_interval", "0.05", "buffer_max_size", "64k")
	known := func() map[identity]bool {
		ids := map[identity]bool{}
		for _, f := range p.in.watcher.all() {
			ids[f.id] = true
		}
		return ids
	}
	f, err := os.OpenFile(p.path("a.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range total {
		fmt.Fprintf(f, "line %d\n", i)
		if i%500 != 499 {
			continue
		}
		f.Close()
		// A file that nobody has seen before its name is gone cannot be followed by anybody.
		opened, st, err := openFile(p.path("a.log"))
		if err != nil {
			t.Fatal(err)
		}
		opened.close()
		p.until("the file to be found", func() bool { return known()[identify(&st)] })
		if i%1000 == 999 {
			p.rename("a.log", "a.log.1")
		} else if err := os.Remove(p.path("a.log")); err != nil {
			t.Fatal(err)
		}
		if f, err = os.OpenFile(p.path("a.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	p.until("all lines", func() bool { return len(p.sink.list()) >= total })
	seen := make([]int, total)
	for _, r := range p.sink.list() {
		var i int
		if _, err := fmt.Sscanf(r, `in {"log":"line %d"}`, &i); err != nil || i < 0 || i >= total {
			t.Fatalf("strange record %q", r)
		}
		seen[i]++
	}
	if i := slices.IndexFunc(seen, func(n int) bool { return n != 1 }); i >= 0 {
		t.Errorf("line %d came %d times", i, seen[i])
	}
}

// size waits until the watcher has seen that a.log has n bytes.
func (p *place) size(n int) {
	p.t.Helper()
	p.until(fmt.Sprint("the size to be seen: ", n), func() bool {
		for _, f := range p.in.watcher.all() {
			f.sizes.mu.Lock()
			defer f.sizes.mu.Unlock()
			return f.sizes.now == int64(n)
		}
		return false
	})
}

// turnOnce gives f one turn while the input does not run.
func (in *input) turnOnce(p *place, f *file) error {
	in.buf = make([]byte, firstRead)
	return in.turn(p.t.Context(), p.sink, f)
}

func (p *place) truncate(name string, size int64) {
	p.t.Helper()
	if err := os.Truncate(p.path(name), size); err != nil {
		p.t.Fatal(err)
	}
}

func TestWhatVanishesUnreadIsCounted(t *testing.T) {
	p := newPlace(t)
	gate := make(chan struct{})
	p.sink.gate = gate
	line := strings.Repeat("x", 99) + "\n"
	first, second := strings.Repeat(line, 2000), strings.Repeat(line, 500)
	p.write("a.log", first)
	p.run("path", "DIR/a.log", "read_from_head", "on")
	var read int64
	p.until("the first lines to be read", func() bool {
		read = p.in.watcher.all()[0].seen.Load() / 100 * 100 // what is behind the last line feed is no line yet
		return read > 0
	})
	p.size(len(first))
	p.truncate("a.log", 0)
	p.size(0)
	p.append("a.log", second)
	p.size(len(second))
	p.truncate("a.log", 0)
	p.size(0)
	p.append("a.log", "last\n")
	close(gate)
	lost := int64(len(first)+len(second)) - read
	p.until("the last line", func() bool { return slices.Contains(p.sink.list(), `in {"log":"last"}`) })
	if got := p.in.lost[truncated].Value(); got != uint64(lost) || len(p.sink.list()) != int(read/100)+1 {
		t.Errorf("%d bytes are counted as lost, not %d, with %d lines", got, lost, len(p.sink.list()))
	}
	if want := fmt.Sprintf("a.log was truncated before its last %d bytes were read", lost); !strings.Contains(p.kit.Log(), want) {
		t.Errorf("the log does not say it:\n%s", p.kit.Log())
	}
	p.truncate("a.log", 0)
	p.append("a.log", "more\n")
	p.until("one more line", func() bool { return slices.Contains(p.sink.list(), `in {"log":"more"}`) })
	if got := p.in.lost[truncated].Value(); got != uint64(lost) {
		t.Errorf("%d bytes are counted as lost although the file was read to its end", got-uint64(lost))
	}
}

func TestTruncationIsNoticedWhenTheSameLinesComeAgain(t *testing.T) {
	p := newPlace(t)
	gate := make(chan struct{})
	text := strings.Repeat("the same line\n", 100)
	p.write("a.log", text)
	p.run("path", "DIR/a.log", "read_from_head", "on")
	p.until("100 lines", func() bool { return len(p.sink.list()) == 100 })
	p.sink.mu.Lock()
	p.sink.gate = gate
	p.sink.mu.Unlock()
	p.append("a.log", "wait\n")
	p.until("the reader to wait", func() bool { return p.in.watcher.all()[0].seen.Load() == int64(len(text)+5) })
	p.size(len(text) + 5)
	p.truncate("a.log", 0)
	p.size(0)
	p.append("a.log", text+"wait\n"+text)
	close(gate)
	p.until("all lines", func() bool { return len(p.sink.list()) == 302 })
}

func TestTruncationIsNoticedAlthoughLinesEndAlike(t *testing.T) {
	p := newPlace(t)
	text := func(from, n int) (s string) {
		for i := range n {
			s += fmt.Sprintf("%04d %s\n", from+i, strings.Repeat("the same end ", 10))
		}
		return s
	}
	p.write("a.log", text(0, 100))
	run := p.start("path", "DIR/a.log", "read_from_head", "on", "inotify_watcher", "off")
	in := p.in
	for f := range in.files { // the reader alone, so that nobody sees the file while it is short
		if err := in.turnOnce(p, in.files[f]); err != nil {
			t.Fatal(err)
		}
	}
	p.truncate("a.log", 0)
	p.append("a.log", text(100, 150))
	run()
	p.until("all lines", func() bool { return len(p.sink.list()) == 250 })
}

func TestFileThatIsRenamedBeforeItCouldBeOpenedIsRead(t *testing.T) {
	p := newPlace(t)
	run := p.start("path", "DIR/a.log", "rotate_wait", "0.01", "watcher_interval", "0.01", "path_key", "p")
	p.write("a.log", "one\n")
	p.rename("a.log", "a.log.1")
	p.write("a.log", "two\n")
	p.rename("a.log", "b")
	p.write("a.log", "three\n")
	run()
	p.until("all lines", func() bool { return len(p.sink.list()) == 3 })
	got := p.sink.list()
	slices.Sort(got)
	path := p.path("a.log")
	if want := []string{`in {"p":"` + path + `","log":"one"}`, `in {"p":"` + path + `","log":"three"}`, `in {"p":"` + path + `","log":"two"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	p.until("the renamed files to be closed", func() bool { return len(p.in.watcher.all()) == 1 })
}

func TestFilesThatMoveOnBeforeTheyCouldBeOpenedAreRead(t *testing.T) {
	p := newPlace(t)
	p.write("a.log.1", "never\n")
	run := p.start("path", "DIR/a.log", "rotate_wait", "0.01", "watcher_interval", "0.01", "read_from_head", "on")
	const n = 5
	for i := range n {
		for k := i + 1; k > 0; k-- { // as logrotate does it
			p.rename(fmt.Sprint("a.log.", k), fmt.Sprint("a.log.", k+1))
		}
		p.write("a.log", fmt.Sprint(i, "\n"))
		p.rename("a.log", "a.log.1")
	}
	run()
	p.until("all lines", func() bool { return len(p.sink.list()) >= n })
	p.until("the files to be closed", func() bool { return len(p.in.watcher.all()) == 0 })
	p.rename("a.log.3", "a.log.33") // news of what was closed
	p.write("a.log", "last\n")
	p.until("the last line", func() bool { return slices.Contains(p.sink.list(), `in {"log":"last"}`) })
	got := p.sink.list()
	slices.Sort(got)
	if want := []string{`in {"log":"0"}`, `in {"log":"1"}`, `in {"log":"2"}`, `in {"log":"3"}`, `in {"log":"4"}`, `in {"log":"last"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestNamesOfRotatedFilesDoNotFillTheMemory(t *testing.T) {
	p := newPlace(t)
	p.start("path", "DIR/a.log")
	t.Cleanup(func() { _ = p.in.Close() })
	w := &p.in.watcher
	for i := range 3 * manyClosed {
		w.leaving(change{dir: p.dir + "/", name: "a.log", cookie: uint32(i)})
		w.arrived(change{dir: p.dir + "/", name: fmt.Sprint("a.log.", i), cookie: uint32(i)})
	}
	if n := len(w.former); n == 0 || n > manyClosed+1 {
		t.Errorf("%d names are kept", n)
	}
}

func TestNewsOfARenamingThatComeLateDoNotHaveAFileReadAgain(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	run := p.start("path", "DIR/a.log", "read_from_head", "on", "rotate_wait", "0.01", "db", "DIR/state.db")
	f := p.in.watcher.all()[0]
	p.rename("a.log", "a.log.1")
	p.in.watcher.check(f)
	p.until("the file to be closed", func() bool {
		if err := p.in.turnOnce(p, f); err != nil {
			t.Fatal(err)
		}
		return len(p.in.watcher.all()) == 0
	})
	p.in.watcher.moving[7] = p.path("a.log")
	p.in.watcher.arrived(change{dir: p.dir + "/", name: "a.log.1", cookie: 7})
	if n := len(p.in.watcher.all()); n != 0 {
		t.Error("it is followed again")
	}
	must(t, os.Remove(p.path("a.log.1"))) // whose inode another file may get now
	p.write("a.log", "two\n")
	run()
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
}

func TestEventsThatTheKernelDroppedAreMadeUpFor(t *testing.T) {
	limit := 0
	if b, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events"); err == nil {
		_, _ = fmt.Sscan(string(b), &limit)
	}
	if limit == 0 || limit > 100_000 {
		t.Skip("the queue of events is too long to fill it: ", limit)
	}
	p := newPlace(t)
	p.write("a.log", "")
	run := p.start("path", "DIR/*.log", "refresh_interval", "1h", "watcher_interval", "1h", "progress_check_interval", "1h")
	for i := range limit/2 + 1 { // each gives two events at least
		p.write("other", "")
		p.rename("other", fmt.Sprint("other", i%2))
	}
	p.append("a.log", "grown\n")
	p.write("b.log", "new\n")
	run()
	p.until("both lines", func() bool { return len(p.sink.list()) == 2 })
	if !strings.Contains(p.kit.Log(), "inotify lost events") {
		t.Error("no event was lost")
	}
}

func TestFileThatWasGivenUpIsReadAgainOnceItIsTruncated(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n"+strings.Repeat("x", 50)+"\ntwo\n")
	p.run("path", "DIR/a.log", "read_from_head", "on", "buffer_chunk_size", "10", "buffer_max_size", "10", "rotate_wait", "0.01", "watcher_interval", "0.01")
	p.want(`in {"log":"one"}`)
	p.until("the complaint", func() bool { return strings.Contains(p.kit.Log(), "is not read any further") })
	p.write("a.log", "three\n")
	p.want(`in {"log":"one"}`, `in {"log":"three"}`)
	if got := p.in.lost[truncated].Value(); got != 55 {
		t.Errorf("%d bytes are counted as lost, not 55", got)
	}
	p.append("a.log", strings.Repeat("y", 50))
	p.until("another complaint", func() bool { return strings.Count(p.kit.Log(), "is not read any further") == 2 })
	p.rename("a.log", "a.log.1")
	p.until("the file to be closed", func() bool { return len(p.in.watcher.all()) == 0 })
	p.write("a.log", "four\n")
	p.want(`in {"log":"one"}`, `in {"log":"three"}`, `in {"log":"four"}`)
	if c := &p.in.counters; c.opened.Value() != 2 || c.closed.Value() != 1 || c.rotated.Value() != 1 {
		t.Errorf("files: %d opened, %d closed, %d rotated", c.opened.Value(), c.closed.Value(), c.rotated.Value())
	}
	if got := p.in.lost[tooLong].Value(); got != 50 {
		t.Errorf("%d bytes are counted as too long, not 50", got)
	}
}

func TestOnlyZeroBytesAtTheBeginningOfAFileAreLeftOut(t *testing.T) {
	p := newPlace(t)
	hole := strings.Repeat("\x00", 3*readSize)
	p.write("a.log", hole+"one\n")
	p.run("path", "DIR/a.log", "read_from_head", "on")
	p.want(`in {"log":"one"}`)
	p.append("a.log", "\x00\x00two\n")
	p.want(`in {"log":"one"}`, `in {"log":"\x00\x00two"}`)
}

// rotatedLongAgo starts an input whose only file, with this text, has lost its name and had nothing new for an hour.
func (p *place) rotatedLongAgo(text string) (f *file) {
	p.t.Helper()
	p.write("a.log", text)
	p.start("path", "DIR/a.log", "read_from_head", "on")
	p.t.Cleanup(func() { _ = p.in.Close() })
	f = p.in.watcher.all()[0]
	if err := p.in.turnOnce(p, f); err != nil {
		p.t.Fatal(err)
	}
	p.rename("a.log", "a.log.1")
	f.rotated, f.restAt = true, time.Now().Add(-time.Hour)
	return f
}

func TestALineThatComesInPiecesKeepsARotatedFileOpen(t *testing.T) {
	p := newPlace(t)
	f := p.rotatedLongAgo("one\nbegin")
	p.append("a.log.1", "ning")
	if err := p.in.turnOnce(p, f); err != nil || f.gone {
		t.Fatal("the file was closed although its last line grew:", err)
	}
	p.append("a.log.1", " and end\n")
	if err := p.in.turnOnce(p, f); err != nil {
		t.Fatal(err)
	}
	p.want(`in {"log":"one"}`, `in {"log":"beginning and end"}`)
}

// meanwhile is a sink; what it does happens while the reader waits for it.
type meanwhile struct {
	*sink
	do func()
}

func (m meanwhile) Emit(ctx context.Context, b *event.Batch) error {
	m.do()
	return m.sink.Emit(ctx, b)
}

func TestWhatComesWhileTheEndOfARotatedFileIsEmittedIsRead(t *testing.T) {
	p := newPlace(t)
	f := p.rotatedLongAgo("one\nno end")
	grow := sync.OnceFunc(func() { p.append("a.log.1", " after all\nnext\n") })
	if err := p.in.turn(t.Context(), meanwhile{p.sink, grow}, f); err != nil || f.gone {
		t.Fatal("the file was closed although it grew:", err)
	}
	if err := p.in.turnOnce(p, f); err != nil {
		t.Fatal(err)
	}
	p.want(`in {"log":"one"}`, `in {"log":"no end"}`, `in {"log":" after all"}`, `in {"log":"next"}`)
	f.rotated, f.aged = false, true
	p.append("a.log.1", "late\n")
	if err := p.in.turn(t.Context(), meanwhile{p.sink, sync.OnceFunc(func() { p.append("a.log.1", "later\n") })}, f); err != nil {
		t.Fatal(err)
	}
	if err := p.in.turnOnce(p, f); err != nil || f.gone {
		t.Fatal("the file was closed for its age although it grew:", err)
	}
}
