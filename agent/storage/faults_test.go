package storage

import (
	"errors"
	"testing"
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
