package storage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// numbered is one encoded record with the number n, of at least size bytes.
func numbered(n, size int) []byte {
	b := event.New("t")
	body := event.AppendInt(event.AppendStr(event.AppendMap(nil, 2), "n"), int64(n))
	b.Append(event.Time{Sec: 1700000000}, nil, event.AppendStr(event.AppendStr(body, "x"), strings.Repeat("x", size)))
	return bytes.Clone(b.Bytes())
}

func numbers(c *event.Chunk) (all []int) {
	for r := range c.Records() {
		n, _ := r.Get("n").Int()
		all = append(all, int(n))
	}
	return all
}

func open1(t *testing.T, o Options) (*Store, []*File) {
	t.Helper()
	s, backlog, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, backlog
}

func TestFullDiskFailsTheAppendAndLeavesTheChunkWhole(t *testing.T) {
	b := newBrittle()
	s, _ := open1(t, Options{Path: "/s", FS: b, Checksum: true})
	f := s.Create("in.0", Meta{Tag: "t"})
	if err := f.Append(numbered(1, 10), 1, nil); err != nil {
		t.Fatal(err)
	}
	b.room = 5
	if err := f.Append(numbered(2, 10), 1, func(error) { t.Error("called for an append that failed") }); !errors.Is(err, errFull) {
		t.Fatalf("append to a full disk: %v", err)
	}
	if err := s.Create("in.0", Meta{Tag: "t"}).Append(numbered(3, 10), 1, nil); !errors.Is(err, errFull) {
		t.Fatalf("new file on a full disk: %v", err)
	}
	if err := s.Probe(); err == nil {
		t.Error("a full disk passes for one with room")
	}
	b.room = -1
	if err := s.Probe(); err != nil {
		t.Error(err)
	}
	f.Lock()
	c, err := f.Load(1)
	if err != nil || fmt.Sprint(numbers(c)) != "[1]" {
		t.Errorf("the chunk holds %v, %v", numbers(c), err)
	}
	if s.Files() != 1 {
		t.Errorf("%d files are counted, want 1", s.Files())
	}
}

func TestFailedSyncIsReported(t *testing.T) {
	b := newBrittle()
	s, _ := open1(t, Options{Path: "/s", FS: b, Full: true})
	b.bad = errors.New("input/output error")
	f := s.Create("in.0", Meta{Tag: "t"})
	said := make(chan error, 1)
	if err := f.Append(numbered(1, 10), 1, func(err error) { said <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-said; !errors.Is(err, b.bad) {
		t.Errorf("durable was told %v", err)
	}
	s.syncer.wait()
	if err := f.Append(numbered(2, 10), 1, nil); err == nil {
		t.Error("a file that could not be synced takes more")
	}
}

// Appends that come while a sync is under way share the next one.
func TestAppendsShareASync(t *testing.T) {
	b := newBrittle()
	slow := &slowSync{FS: b, gate: make(chan struct{})}
	s, _ := open1(t, Options{Path: "/s", FS: slow, Full: true})
	f := s.Create("in.0", Meta{Tag: "t"})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Add(1)
		if err := f.Append(numbered(i, 10), 1, func(error) { wg.Done() }); err != nil {
			t.Fatal(err)
		}
	}
	close(slow.gate)
	wg.Wait()
	if n := slow.count(); n > 2 {
		t.Errorf("100 appends took %d syncs", n)
	}
}

type slowSync struct {
	FS
	gate chan struct{}
	mu   sync.Mutex
	n    int
}

func (s *slowSync) count() int { s.mu.Lock(); defer s.mu.Unlock(); return s.n }

func (s *slowSync) Create(name string) (Handle, error) {
	h, err := s.FS.Create(name)
	return slowHandle{h, s}, err
}

type slowHandle struct {
	Handle
	s *slowSync
}

func (h slowHandle) Sync() error {
	<-h.s.gate
	h.s.mu.Lock()
	h.s.n++
	h.s.mu.Unlock()
	return h.Handle.Sync()
}

func TestBacklogComesInOrderOfTime(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.0/1-1700000000.5.flb", "a.0/9-1700000000.10.flb", "a.0/1-1699999999.999999999.flb", "a.0/odd.flb", "b.0/1-1700000000.  40.flb"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, fixture(t), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	_, backlog := open1(t, Options{Path: dir})
	var names []string
	for _, f := range backlog {
		names = append(names, f.Name())
	}
	want := "a.0/1-1699999999.999999999.flb b.0/1-1700000000.5.flb a.0/9-1700000000.10.flb b.0/1-1700000000.  40.flb a.0/odd.flb"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the order is %s", got)
	}
}

func TestDamagedFilesArePutAsideAndTheRestGoesOn(t *testing.T) {
	dir := t.TempDir()
	whole := bytes.TrimRight(fixture(t), "\x00")
	put := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	long := append(bytes.Clone(whole), unhex(t, recordHex)...)
	putHead(long, 0, 40)
	put("a.0/1-1.1.flb", whole)
	put("a.0/1-1.2.flb", long) // 34 of 40 bytes are there
	put("a.0/1-1.3.flb", []byte("this was never a chunk, whatever it is"))
	put("a.0/1-1.4.flb", nil)
	put("a.0/notes.txt", []byte("not ours"))
	put("stray.flb", whole)
	put("rejected/x.flb", whole)
	var log bytes.Buffer
	s, backlog := open1(t, Options{Path: dir, Checksum: true, Rejected: "rejected", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if len(backlog) != 2 {
		t.Fatalf("%d files in the backlog, want 2", len(backlog))
	}
	for i, f := range backlog {
		c, err := f.Load(1)
		if err != nil || c.Len() != i+1 {
			t.Errorf("%s: %v, %v", f.Name(), c, err)
		}
		f.Delete()
	}
	left := func(name string, want bool) {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	left("a.0/1-1.1.flb", false)
	left(".quarantine/a.0/1-1.2.flb", true)
	left(".quarantine/a.0/1-1.3.flb", true)
	left("a.0/1-1.4.flb", false)
	left("a.0/notes.txt", true)
	left("stray.flb", true)
	left("rejected/x.flb", true)
	if n := strings.Count(log.String(), "put aside"); n != 3 {
		t.Errorf("said %d times that something is put aside:\n%s", n, log.String())
	}
	if s.Files() != 0 || s.Bytes() != 0 {
		t.Errorf("%d files with %d bytes are counted at the end", s.Files(), s.Bytes())
	}
}

func TestJournalOutlivesTheStoreAndForgetsWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	keep, gone := s.Create("a.0", Meta{Tag: "t"}), s.Create("a.0", Meta{Tag: "t"})
	for _, f := range []*File{keep, gone} {
		if err := f.Append(numbered(1, 1), 1, nil); err != nil {
			t.Fatal(err)
		}
		f.Lock()
		f.Done("an output, with \"everything\"\nin its name")
	}
	gone.Delete()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, progressFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "0badc0de \"a.0/x\" \"y\"\n1234567") // a line that lies, and one that is torn
	f.Close()
	_, backlog := open1(t, Options{Path: dir})
	if len(backlog) != 1 || !backlog[0].Had("an output, with \"everything\"\nin its name") || backlog[0].Had("y") {
		t.Errorf("the backlog is %v", backlog)
	}
	text, _ := os.ReadFile(filepath.Join(dir, progressFile))
	if n := bytes.Count(text, []byte("\n")); n != 1 {
		t.Errorf("the journal has %d lines, want 1:\n%s", n, text)
	}
}

func TestFolderHasOneOwner(t *testing.T) {
	t.Parallel() // it waits for the first one to go
	dir := t.TempDir()
	open1(t, Options{Path: dir})
	_, _, err := Open(Options{Path: dir})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("another agent (pid %d) uses", os.Getpid())) {
		t.Errorf("a second owner: %v", err)
	}
}

func TestNamesSortInTheOrderInWhichTheyWereGiven(t *testing.T) {
	var n namer
	n.last = time.Now().Add(time.Hour) // a clock that was set back
	var files []*File
	for range 1000 {
		files = append(files, &File{name: n.next()})
	}
	sorted := append([]*File(nil), files...)
	sortByTime(sorted)
	for i := range files {
		if files[i] != sorted[i] {
			t.Fatalf("%s is not in its place", files[i].name)
		}
	}
	var fresh namer
	fresh.next()
	if fresh.last != fresh.last.Round(0) {
		t.Error("names are compared by a clock that is not in them")
	}
}

func TestLongTagsComeBack(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 4000, 4072, 4073, 60_000, MaxTag, MaxTag + 1000} {
		f := s.Create("a.0", Meta{Kind: event.Logs, Tag: strings.Repeat("x", n)})
		if err := f.Append(numbered(n, 5000), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, backlog := open1(t, Options{Path: dir})
	for _, f := range backlog {
		c, err := f.Load(1)
		if err != nil || min(numbers(c)[0], MaxTag) != len(f.Tag) || c.Tag != f.Tag {
			t.Errorf("%s: a tag of %d bytes, %v", f.Name(), len(f.Tag), err)
		}
	}
	if len(backlog) != 8 {
		t.Errorf("%d chunks", len(backlog))
	}
}

func FuzzProgress(f *testing.F) {
	f.Add(progressLine("dummy.0/1-2.3.flb", "es.0"), "a", "b")
	f.Add("00000000 \"a\" \"b\"\n", "a/b", "\xff\n")
	f.Fuzz(func(t *testing.T, line, chunk, route string) {
		_, _, _ = parseProgress(line)
		if c, r, ok := parseProgress(progressLine(chunk, route)); !ok || c != chunk || r != route {
			t.Fatalf("%q %q is read as %q %q, %v", chunk, route, c, r, ok)
		}
	})
}
