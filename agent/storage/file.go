package storage

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"sync"

	"github.com/fluent/fluent-bit-go/event"
)

// File is one chunk on disk. It grows until it is locked and is read as often as needed after that.
type File struct {
	Meta
	store  *Store
	stream string
	name   string

	mu       sync.Mutex
	handle   Handle // while it grows
	start    int64  // where the content begins
	size     int64  // of the content
	crc      uint32
	records  int // -1: nobody has looked yet
	locked   bool
	gone     bool
	unsynced error // the disk did not take what was written
	damage   error // why it is not deleted when it is done, but put aside
}

// Name says which chunk it is: the input's folder and the file's name.
func (f *File) Name() string { return f.stream + "/" + f.name }

// Replayed reports whether it is a dead letter that was sent on its way again.
func (f *File) Replayed() bool { return f.stream == replayStream }

func (f *File) path() string { return filepath.Join(f.store.Path, f.stream, f.name) }

// Size returns how many bytes of records it holds.
func (f *File) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// Records returns how many records it holds, or -1 when it has not been read yet.
func (f *File) Records() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records
}

var errLocked = errors.New("BUG: append to a locked chunk")

// Append adds n encoded records. It returns when they would survive the end of the process; durable, which
// may be nil and must not block, is called when they are as safe as the store promises. After an error the
// file holds what it held before and takes no more.
func (f *File) Append(data []byte, n int, durable func(error)) error {
	f.mu.Lock()
	err := f.append(data, n)
	if err == nil && f.store.Full {
		f.store.syncer.add(f, durable) // before anybody may close it
	}
	f.mu.Unlock()
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	f.store.bytes.Add(int64(len(data)))
	if durable != nil && !f.store.Full {
		durable(nil)
	}
	return nil
}

func (f *File) append(data []byte, n int) (err error) {
	if f.locked {
		return errLocked
	}
	defer func() {
		if err != nil {
			f.locked = true
			f.closeIdle()
		}
	}()
	if f.size+int64(len(data)) > maxContent {
		return errors.New("a chunk file ends at 4 GiB")
	}
	if f.handle == nil {
		return f.begin(data, n)
	}
	if _, err := f.handle.WriteAt(data, f.start+f.size); err != nil {
		return err
	}
	return f.grow(data, n)
}

// grow makes data, which stands behind the content, a part of it.
func (f *File) grow(data []byte, n int) error {
	crc := crc32.Update(f.crc, crc32.IEEETable, data)
	var head [headSize]byte
	f.putHead(head[:], crc, f.size+int64(len(data)))
	if _, err := f.handle.WriteAt(head[:], 0); err != nil {
		return err
	}
	f.crc = crc
	f.size += int64(len(data))
	f.records += n
	return nil
}

func (f *File) putHead(dst []byte, crc uint32, size int64) {
	if !f.store.Checksum {
		crc = 0
	}
	putHead(dst, crc, uint32(size))
}

// begin makes the file. All of it is one write.
func (f *File) begin(data []byte, n int) error {
	fs := f.store.FS
	if err := f.store.makeStream(f.stream); err != nil {
		return err
	}
	h, err := fs.Create(f.path())
	if errors.Is(err, errNotExist) { // somebody removed the folder
		f.store.streams.Delete(f.stream)
		if err = f.store.makeStream(f.stream); err == nil {
			h, err = fs.Create(f.path())
		}
	}
	if err != nil {
		return err
	}
	whole, crc := appendStart(make([]byte, 0, metaAt+16+len(f.Tag)+len(data)), f.Meta)
	start := int64(len(whole))
	whole = append(whole, data...)
	crc = crc32.Update(crc, crc32.IEEETable, data)
	f.putHead(whole, crc, int64(len(data)))
	if _, err = h.WriteAt(whole, 0); err == nil && f.store.Full {
		err = fs.SyncDir(filepath.Dir(f.path()))
	}
	if err != nil {
		h.Close()
		_ = fs.Remove(f.path())
		return err
	}
	f.handle, f.start, f.crc, f.size, f.records = h, start, crc, int64(len(data)), n
	f.store.files.Add(1)
	f.store.growing.Add(1)
	return nil
}

// Lock ends the growth: the file may be read now.
func (f *File) Lock() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.locked = true
	f.closeIdle()
}

// closeIdle lets the descriptor go unless the syncer still needs it, which then calls this again.
func (f *File) closeIdle() {
	if f.handle != nil && !f.store.syncer.holds(f) {
		f.handle.Close()
		f.handle = nil
		f.store.growing.Add(-1)
	}
}

// Load reads the chunk. What is damaged is left out of it, and put aside when the chunk is done. A chunk
// that holds nothing at all any more is put aside at once and comes with an error that [Damaged] knows.
func (f *File) Load(id uint64) (*event.Chunk, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return nil, damaged{fmt.Errorf("chunk %s was put aside or deleted", f.Name())}
	}
	data, err := f.read()
	if errors.Is(err, errNotExist) {
		return nil, damaged{fmt.Errorf("chunk %s was deleted by somebody: %w", f.Name(), err)}
	}
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	chunk, damage := load(id, data, f.store.Checksum)
	if damage != nil && f.damage == nil {
		f.damage = damage
		f.store.damaged.Add(1)
	}
	if chunk == nil || len(chunk.Bytes()) == 0 {
		f.remove()
		return nil, damaged{fmt.Errorf("chunk %s holds no records: %w", f.Name(), damage)}
	}
	if damage != nil && f.records < 0 {
		f.store.Log.Error(fmt.Sprintf("chunk %s is damaged: %v; %d records of it are delivered, and the file is put aside after that", f.Name(), damage, chunk.Len()))
	}
	f.records = chunk.Len()
	return chunk, nil
}

// damaged marks errors that trying again does not cure.
type damaged struct{ error }

// Damaged reports whether err means that a chunk is lost.
func Damaged(err error) bool { return errors.As(err, new(damaged)) }

func (f *File) read() ([]byte, error) {
	h, err := f.store.FS.Open(f.path())
	if err != nil {
		return nil, err
	}
	defer h.Close()
	size, err := h.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if n, err := h.ReadAt(data, 0); err != nil && (err != io.EOF || int64(n) < size) {
		return nil, err
	}
	return data, nil
}

// Done notes that the route of that name has had the chunk, while others have not: it will not get it again.
func (f *File) Done(route string) { f.store.journal.add(f, route) }

// Had reports whether the route of that name is done with the chunk.
func (f *File) Had(route string) bool { return f.store.journal.has(f, route) }

// Delete removes the chunk: every route is done with it.
func (f *File) Delete() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remove()
}

func (f *File) remove() {
	if f.gone {
		return
	}
	f.gone, f.locked = true, true
	f.closeIdle()
	defer f.store.journal.forget(f) // after the file: a journal that forgets first would have it delivered again
	if f.start == 0 && f.records >= 0 && f.size == 0 {
		return // it never was on disk
	}
	f.store.files.Add(-1)
	f.store.bytes.Add(-f.size)
	if f.damage != nil {
		f.quarantine(f.damage)
	} else if err := f.store.FS.Remove(f.path()); err != nil && !errors.Is(err, errNotExist) {
		f.store.Log.Error(fmt.Sprintf("chunk %s was delivered but cannot be deleted, so it will come again after a restart: %v", f.Name(), err))
	}
}

// quarantine puts a damaged file where it is in nobody's way.
func (f *File) quarantine(why error) {
	s := f.store
	if s.Delete {
		err := s.FS.Remove(f.path())
		s.Log.Error(fmt.Sprintf("chunk %s is damaged and was deleted, as storage.delete_irrecoverable_chunks says: %v", f.Name(), errors.Join(why, err)))
		return
	}
	dir := filepath.Join(s.Path, quarantine, f.stream)
	err := s.FS.MkdirAll(dir)
	if err == nil {
		err = s.FS.Rename(f.path(), filepath.Join(dir, f.name))
	}
	if err != nil {
		s.Log.Error(fmt.Sprintf("chunk %s is damaged (%v) and cannot be put aside: %v", f.Name(), why, err))
		return
	}
	s.Log.Error(fmt.Sprintf("chunk %s is damaged and was put aside into %s: %v", f.Name(), dir, why))
}
