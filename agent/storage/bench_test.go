package storage

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

// benchmarkAppend appends batches of a size to chunks of two megabytes, each deleted when it is full.
func benchmarkAppend(b *testing.B, dir string, o Options, size int) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Skip(err)
	}
	o.Path = filepath.Join(dir, "store")
	defer os.RemoveAll(o.Path)
	s, _, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := numbered(1, size)
	var f *File
	var wg sync.WaitGroup
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		if f == nil {
			f = s.Create("in.0", Meta{Kind: event.Logs, Tag: "t"})
		}
		wg.Add(1)
		if err := f.Append(batch, 1, func(error) { wg.Done() }); err != nil {
			b.Fatal(err)
		}
		if f.Size() > 2_048_000 {
			f.Lock()
			f.Delete()
			f = nil
		}
	}
	wg.Wait()
	if f != nil {
		f.Delete()
	}
}

func BenchmarkAppend(b *testing.B) {
	b.Run("tmpfs", func(b *testing.B) { benchmarkAppend(b, "/dev/shm/fluent-bit-bench", Options{}, 256<<10) })
	b.Run("tmpfs/checksum", func(b *testing.B) {
		benchmarkAppend(b, "/dev/shm/fluent-bit-bench", Options{Checksum: true}, 256<<10)
	})
	b.Run("tmpfs/small", func(b *testing.B) { benchmarkAppend(b, "/dev/shm/fluent-bit-bench", Options{}, 200) })
	b.Run("disk", func(b *testing.B) { benchmarkAppend(b, b.TempDir(), Options{}, 256<<10) })
	b.Run("disk/full", func(b *testing.B) { benchmarkAppend(b, b.TempDir(), Options{Full: true}, 256<<10) })
	b.Run("disk/full/small", func(b *testing.B) { benchmarkAppend(b, b.TempDir(), Options{Full: true}, 200) })
}

// One append after the other, each waiting for the disk: what group commit saves.
func BenchmarkAppendAndWait(b *testing.B) {
	for name, writers := range map[string]int{"1 writer": 1, "64 writers": 64} {
		b.Run(name, func(b *testing.B) {
			s, _, err := Open(Options{Path: b.TempDir(), Full: true})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			f := s.Create("in.0", Meta{Kind: event.Logs, Tag: "t"})
			batch := numbered(1, 200)
			var wg sync.WaitGroup
			turns := make(chan int)
			for range writers {
				wg.Go(func() {
					for range turns {
						done := make(chan error)
						if err := f.Append(batch, 1, func(err error) { done <- err }); err != nil {
							b.Error(err)
						}
						<-done
					}
				})
			}
			for b.Loop() {
				turns <- 1
			}
			close(turns)
			wg.Wait()
		})
	}
}
