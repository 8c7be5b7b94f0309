package storage

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Spill is a temporary file without a name: memory that is larger and slower. It is gone with the process.
type Spill struct {
	dirs  []string
	limit int64

	mu   sync.Mutex
	file *os.File
	used int64
	end  int64
	free []Extent // before end, in order, none touching another
}

// Extent is where something was spilled to.
type Extent struct{ at, size int64 }

// Size returns how many bytes it holds.
func (e Extent) Size() int64 { return e.size }

// ErrSpillFull says that the spill is at its limit.
var ErrSpillFull = errors.New("the temporary file is at its limit")

// NewSpill returns a spill of at most limit bytes. Its file is made when it is first needed, in the first of
// the folders that takes it.
func NewSpill(limit int64, dirs ...string) *Spill { return &Spill{limit: limit, dirs: dirs} }

// Put writes data somewhere.
func (s *Spill) Put(data []byte) (Extent, error) {
	f, e, err := s.reserve(int64(len(data)))
	if err != nil {
		return Extent{}, err
	}
	if _, err := f.WriteAt(data, e.at); err != nil {
		s.Free(e)
		return Extent{}, fmt.Errorf("storage: spill: %w", err)
	}
	return e, nil
}

func (s *Spill) reserve(size int64) (*os.File, Extent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+size > s.limit {
		return nil, Extent{}, ErrSpillFull
	}
	if s.file == nil {
		if err := s.open(); err != nil {
			return nil, Extent{}, fmt.Errorf("storage: spill: %w", err)
		}
	}
	s.used += size
	for i, e := range s.free {
		if e.size >= size {
			s.free[i] = Extent{e.at + size, e.size - size}
			if e.size == size {
				s.free = slices.Delete(s.free, i, i+1)
			}
			return s.file, Extent{e.at, size}, nil
		}
	}
	e := Extent{s.end, size}
	s.end += size
	return s.file, e, nil
}

func (s *Spill) open() (err error) {
	for _, dir := range s.dirs {
		var f *os.File
		if f, err = os.CreateTemp(dir, ".fluent-bit-spill-"); err == nil {
			s.file = f
			return os.Remove(f.Name())
		}
	}
	return err
}

// Get reads what was put.
func (s *Spill) Get(e Extent) ([]byte, error) {
	s.mu.Lock()
	f := s.file
	s.mu.Unlock()
	data := make([]byte, e.size)
	if _, err := f.ReadAt(data, e.at); err != nil {
		return nil, fmt.Errorf("storage: spill: %w", err)
	}
	return data, nil
}

// Free gives the room back.
func (s *Spill) Free(e Extent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= e.size
	i, _ := slices.BinarySearchFunc(s.free, e, func(a, b Extent) int { return cmp(uint64(a.at), uint64(b.at)) })
	s.free = slices.Insert(s.free, i, e)
	if i+1 < len(s.free) && e.at+e.size == s.free[i+1].at {
		s.free[i].size += s.free[i+1].size
		s.free = slices.Delete(s.free, i+1, i+2)
	}
	if i > 0 && s.free[i-1].at+s.free[i-1].size == e.at {
		s.free[i-1].size += s.free[i].size
		s.free = slices.Delete(s.free, i, i+1)
	}
	if last := len(s.free) - 1; s.free[last].at+s.free[last].size == s.end {
		s.end = s.free[last].at
		s.free = s.free[:last]
		_ = s.file.Truncate(s.end)
	}
}

// Used returns how many bytes are spilled.
func (s *Spill) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Close gives the file up, with all that is in it.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
