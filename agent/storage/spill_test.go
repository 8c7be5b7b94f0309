package storage

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
)

func TestSpillReturnsWhatWasPutAndUsesItsRoomAgain(t *testing.T) {
	dir := t.TempDir()
	s := NewSpill(100_000, "/nonexistent", dir)
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	held := map[Extent][]byte{}
	full := 0
	for i := range 5000 {
		if len(held) > 0 && rng.IntN(2) == 0 {
			for e, want := range held {
				if got, err := s.Get(e); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("step %d: %v at %v is not what was put", i, err, e)
				}
				s.Free(e)
				delete(held, e)
				break
			}
			continue
		}
		data := bytes.Repeat([]byte{byte(i)}, 1+rng.IntN(9000))
		e, err := s.Put(data)
		if errors.Is(err, ErrSpillFull) {
			full++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		held[e] = data
	}
	if full == 0 || s.Used() > 100_000 {
		t.Errorf("%d puts were refused, %d bytes are used of 100000", full, s.Used())
	}
	for e := range held {
		s.Free(e)
	}
	if s.used != 0 || s.end != 0 || len(s.free) != 0 {
		t.Errorf("empty, it has %d bytes used, ends at %d, free is %v", s.used, s.end, s.free)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the file has a name: %v", left)
	}
}
