package storage

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/event"
)

func TestAFileThatCouldNotBeBegunIsNotCounted(t *testing.T) {
	b := newBrittle()
	s, _ := open1(t, Options{Path: "/s", FS: b})
	b.room = 5
	f := s.Create("in.0", Meta{Tag: "t"})
	if err := f.Append(numbered(1, 10), 1, nil); !errors.Is(err, errFull) {
		t.Fatalf("new file on a full disk: %v", err)
	}
	b.room = -1
	f.Done("out.0") // one route had it, from memory
	f.Delete()
	if s.Files() != 0 || s.Bytes() != 0 || s.journal.live != 0 {
		t.Errorf("%d files with %d bytes are counted, %d lines of the journal", s.Files(), s.Bytes(), s.journal.live)
	}
}

func TestAChunkThatIsGoneIsLostForEveryRoute(t *testing.T) {
	dir := t.TempDir()
	s, _ := open1(t, Options{Path: dir})
	for _, harm := range []func(path string) error{
		os.Remove,
		func(path string) error {
			return os.WriteFile(path, chunkFile(Meta{Kind: event.Logs, Tag: "t"}, []byte("\xc1\xc1\xc1")), 0o600)
		},
	} {
		f := s.Create("in.0", Meta{Tag: "t"})
		if err := f.Append(numbered(1, 10), 1, nil); err != nil {
			t.Fatal(err)
		}
		f.Lock()
		if err := harm(f.path()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // two outputs want it
			if _, err := f.Load(1); !Damaged(err) {
				t.Errorf("trying again is said to help: %v", err)
			}
		}
		f.Delete()
	}
	if s.Files() != 0 || s.Bytes() != 0 {
		t.Errorf("%d files with %d bytes are counted", s.Files(), s.Bytes())
	}
}

// What the kernel could not write once it forgets; the next sync of the file says that all is well.
func TestAfterAFailedSyncNothingInTheFileIsDurable(t *testing.T) {
	b := newBrittle()
	slow := &failOnce{slowSync{FS: b, gate: make(chan struct{})}, make(chan struct{})}
	s, _ := open1(t, Options{Path: "/s", FS: slow, Full: true})
	f := s.Create("in.0", Meta{Tag: "t"})
	var wg sync.WaitGroup
	var said [2]error
	for i := range said {
		wg.Add(1)
		if err := f.Append(numbered(i, 10), 1, func(err error) { said[i] = err; wg.Done() }); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-slow.begun
		}
	}
	close(slow.gate)
	wg.Wait()
	if said[0] == nil || said[1] == nil {
		t.Errorf("the batches were told %v and %v", said[0], said[1])
	}
}

type failOnce struct {
	slowSync
	begun chan struct{}
}

func (s *failOnce) Create(name string) (Handle, error) {
	h, err := s.FS.Create(name)
	return &failingHandle{slowHandle{h, &s.slowSync}, s}, err
}

type failingHandle struct {
	slowHandle
	of *failOnce
}

func (h *failingHandle) Sync() error {
	if h.s.count() == 0 {
		close(h.of.begun)
		_ = h.slowHandle.Sync()
		return errors.New("input/output error")
	}
	return h.slowHandle.Sync()
}

func TestAnUnreadableLetterHidesNoOther(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "rejected")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write("a_500_http.0_0x7f.flb", "cut off")
	write("b.flb", "cut off")
	write("b.json", "{")
	s, _ := open1(t, Options{Path: root, Rejected: "rejected"})
	if _, err := s.Bury(Letter{Tag: "t", Output: "o", Records: 1}, event.Logs, numbered(1, 10), 1000); err != nil {
		t.Errorf("a letter is not kept since others are damaged: %v", err)
	}
	all, err := Letters(dir)
	if err != nil || len(all) != 3 {
		t.Errorf("%d letters, %v", len(all), err)
	}
}

func TestAReplayedLetterThatCannotBeReadIsTold(t *testing.T) {
	root := t.TempDir()
	var log bytes.Buffer
	s, _ := open1(t, Options{Path: root, Log: slog.New(slog.NewTextHandler(&log, nil))})
	stream := filepath.Join(root, replayStream)
	if err := errors.Join(os.Mkdir(stream, 0o700), os.WriteFile(filepath.Join(stream, "1-1.1.flb"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.FS = unreadable{s.FS}
	for range 2 {
		if got := s.Arrivals(); len(got) != 0 {
			t.Errorf("arrived: %v", got)
		}
	}
	if n := strings.Count(log.String(), "input/output error"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
}

type unreadable struct{ FS }

func (unreadable) Open(string) (Handle, error) { return nil, errors.New("input/output error") }

func TestALetterOfALongTagIsKept(t *testing.T) {
	root := t.TempDir()
	s, _ := open1(t, Options{Path: root, Rejected: "rejected"})
	long := strings.Repeat("日本", 200)
	id, err := s.Bury(Letter{Tag: long, Output: long, Records: 1}, event.Logs, numbered(1, 10), 0)
	if err != nil || !utf8.ValidString(id) {
		t.Fatalf("the letter %q is not kept: %v", id, err)
	}
	all, err := Letters(filepath.Join(root, "rejected"))
	if err != nil || len(all) != 1 || all[0].Tag != long {
		t.Errorf("%d letters, %v", len(all), err)
	}
}

func TestAFullDeadLetterStoreIsNotLookedThroughForEachChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		s, _ := open1(t, Options{Path: root, Rejected: "rejected"})
		bury := func() (string, error) {
			return s.Bury(Letter{Tag: "t", Output: "o", Records: 1}, event.Logs, numbered(1, 100), 200)
		}
		id, err := bury()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bury(); !errors.Is(err, ErrLettersFull) {
			t.Errorf("over the limit: %v", err)
		}
		if err := Discard(filepath.Join(root, "rejected"), id); err != nil {
			t.Fatal(err)
		}
		if _, err := bury(); !errors.Is(err, ErrLettersFull) {
			t.Errorf("it was looked through again at once: %v", err)
		}
		time.Sleep(lookAgain)
		if _, err := bury(); err != nil {
			t.Errorf("there is room by now: %v", err)
		}
	})
}

// What waits in the folder is what fills the disk: an agent that did not start could never make room.
func TestAFullDiskKeepsNoAgentFromStarting(t *testing.T) {
	b := newBrittle()
	s, _ := open1(t, Options{Path: "/s", FS: b})
	f := s.Create("in.0", Meta{Tag: "t"})
	if err := f.Append(numbered(1, 10), 1, nil); err != nil {
		t.Fatal(err)
	}
	f.Done("out.0")
	b.room = 0
	_, backlog, err := Open(Options{Path: "/s", FS: b})
	if err != nil || len(backlog) != 1 || !backlog[0].Had("out.0") {
		t.Fatalf("%v, %v", backlog, err)
	}
	b.room = -1
	backlog[0].Done("out.1")
	if _, backlog, err = Open(Options{Path: "/s", FS: b}); err != nil || !backlog[0].Had("out.0") || !backlog[0].Had("out.1") {
		t.Errorf("the journal was lost: %v", err)
	}
}
