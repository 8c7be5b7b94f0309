package storage

import (
	"errors"
	"os"
	"testing"

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
		func(path string) error { return os.WriteFile(path, chunkFile(Meta{Kind: event.Logs, Tag: "t"}, []byte("\xc1\xc1\xc1")), 0o600) },
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
