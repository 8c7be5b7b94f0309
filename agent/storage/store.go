// Package storage keeps chunks on disk, in the layout of Fluent Bit's own files: what either agent leaves
// behind is taken up by the other.
//
// A [Store] is one folder. In it each input has a folder of its own with a [File] for each chunk. Names that
// begin with a dot are this agent's alone; Fluent Bit passes them over:
//
//	.lock        held by the agent that uses the folder
//	.progress    which output has already had which chunk, for chunks that another one still waits for
//	.quarantine  files that are damaged, for people to look at
package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	extension  = ".flb"
	quarantine = ".quarantine"
	lockFile   = ".lock"
)

// Options say how a store works.
type Options struct {
	Path     string
	Full     bool   // a batch counts as written only when it would survive a loss of power
	Checksum bool   // keep a checksum of every chunk, and check those that are there
	Delete   bool   // damaged files are deleted instead of put aside
	Rejected string // folder of dead letters, which are no backlog
	FS       FS     // nil: the machine's
	Log      *slog.Logger
}

// Store is a folder with chunk files.
type Store struct {
	Options
	lock    io.Closer
	journal journal
	syncer  syncer
	names   namer
	letters letters
	arrived map[string]bool // files of replayed letters that were seen

	bytes, files atomic.Int64 // of content; of chunks that are not done
	growing      atomic.Int64 // files that are open
	streams      sync.Map     // folders that are there
	damaged      atomic.Uint64
}

// Open takes a folder into use, and makes it when it is not there. The files that it holds are in the
// backlog, in order of time.
func Open(o Options) (*Store, []*File, error) {
	if o.FS == nil {
		o.FS = disk{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{Options: o, arrived: map[string]bool{}}
	fail := func(err error) (*Store, []*File, error) {
		return nil, nil, fmt.Errorf("storage.path: %w", err)
	}
	if err := o.FS.MkdirAll(o.Path); err != nil {
		return fail(err)
	}
	lock, err := o.FS.Lock(filepath.Join(o.Path, lockFile))
	if err != nil {
		return fail(err)
	}
	s.lock = lock
	backlog, err := s.scan()
	if err != nil {
		lock.Close()
		return fail(err)
	}
	s.journal.open(s, backlog)
	return s, backlog, nil
}

// Wait returns when all that was appended is as safe as the store promises, or has failed to become so.
func (s *Store) Wait() { s.syncer.wait() }

// Close waits for what is being written and lets the folder go.
func (s *Store) Close() error {
	s.Wait()
	return errors.Join(s.journal.close(), s.lock.Close())
}

// Bytes returns how much content waits in the files that are not done, and Files how many these are.
func (s *Store) Bytes() int64 { return s.bytes.Load() }

// Files returns how many chunks wait.
func (s *Store) Files() int { return int(s.files.Load()) }

// Growing returns how many files are open because they may still grow.
func (s *Store) Growing() int { return int(s.growing.Load()) }

// Damaged returns how many chunks were found damaged.
func (s *Store) Damaged() uint64 { return s.damaged.Load() }

// scan lists all chunk files. One that cannot be read stays where it is.
func (s *Store) scan() ([]*File, error) {
	dirs, err := s.FS.ReadDir(s.Path)
	if err != nil {
		return nil, err
	}
	var all []*File
	for _, d := range dirs {
		if !d.IsDir() || strings.HasPrefix(d.Name(), ".") || d.Name() == s.Rejected {
			continue
		}
		found, err := s.scanStream(d.Name())
		if err != nil {
			s.Log.Error(fmt.Sprintf("the folder %s cannot be read, what is in it stays there: %v", filepath.Join(s.Path, d.Name()), err))
		}
		all = append(all, found...)
	}
	sortByTime(all)
	return all, nil
}

// scanStream lists the chunk files of one folder.
func (s *Store) scanStream(stream string) ([]*File, error) {
	entries, err := s.FS.ReadDir(filepath.Join(s.Path, stream))
	var all []*File
	for _, e := range entries {
		if !isChunk(e) {
			continue
		}
		if stream == replayStream {
			s.arrived[e.Name()] = true
		}
		f, err := s.look(stream, e.Name())
		if err != nil {
			s.Log.Error(fmt.Sprintf("%v; it stays where it is", err))
			continue
		}
		if f != nil {
			all = append(all, f)
		}
	}
	sortByTime(all)
	return all, err
}

func isChunk(e fs.DirEntry) bool {
	return e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), extension)
}

// look reads the beginning of a file that an earlier run left. It returns none for one that holds nothing.
func (s *Store) look(stream, name string) (*File, error) {
	f := &File{store: s, stream: stream, name: name, records: -1, locked: true}
	h, err := s.FS.Open(f.path())
	if err != nil {
		return nil, err
	}
	defer h.Close()
	size, err := h.Size()
	if err != nil {
		return nil, err
	}
	head, err := readHead(h, size)
	if err != nil {
		return nil, err
	}
	im, err := parseImage(head)
	if size == 0 || err == nil && im.length == 0 {
		return nil, s.FS.Remove(f.path()) // its writer died before there was anything in it
	}
	if err != nil {
		s.damaged.Add(1)
		f.quarantine(err)
		return nil, nil
	}
	f.Meta = im.Meta
	f.size = min(int64(im.length), size-int64(im.start))
	if im.length == len(im.rest) { // of an old file, as far as it was read
		f.size = size - int64(im.start)
	}
	s.files.Add(1)
	s.bytes.Add(f.size)
	return f, nil
}

// readHead reads what stands before the content, and some of that.
func readHead(h Handle, size int64) ([]byte, error) {
	for _, n := range []int64{4096, metaAt + 0x10000} {
		head := make([]byte, min(size, n))
		if _, err := h.ReadAt(head, 0); err != nil && err != io.EOF {
			return nil, err
		}
		if len(head) < metaAt || metaAt+int64(binary.BigEndian.Uint16(head[checkedAt:])) < n || size <= n {
			return head, nil
		}
	}
	panic("BUG: metadata beyond its length")
}

// sortByTime sorts by the seconds and nanoseconds in the names; those that have none come last.
func sortByTime(files []*File) {
	type when struct{ sec, nsec uint64 }
	of := func(f *File) when {
		_, stamp, _ := strings.Cut(strings.TrimSuffix(f.name, extension), "-")
		sec, nsec, ok := strings.Cut(stamp, ".")
		a, err := strconv.ParseUint(sec, 10, 64)
		b, err2 := strconv.ParseUint(strings.TrimSpace(nsec), 10, 64)
		if !ok || err != nil || err2 != nil {
			return when{1<<64 - 1, 0}
		}
		return when{a, b}
	}
	slices.SortStableFunc(files, func(a, b *File) int {
		x, y := of(a), of(b)
		if x.sec != y.sec {
			return cmp(x.sec, y.sec)
		}
		return cmp(x.nsec, y.nsec)
	})
}

func cmp(a, b uint64) int {
	if a < b {
		return -1
	}
	return int(min(a-b, 1))
}

// namer gives names that sort in the order in which they were given.
type namer struct {
	mu   sync.Mutex
	last time.Time
}

func (n *namer) next() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := time.Now().Round(0) // of the wall's clock, which may go back; without that it would look as if it never did
	if !t.After(n.last) {
		t = n.last.Add(1)
	}
	n.last = t
	return fmt.Sprintf("%d-%d.%4d%s", os.Getpid(), t.Unix(), t.Nanosecond(), extension)
}

// makeStream makes sure that a folder is there.
func (s *Store) makeStream(name string) error {
	if _, ok := s.streams.Load(name); ok {
		return nil
	}
	if err := s.FS.MkdirAll(filepath.Join(s.Path, name)); err != nil {
		return err
	}
	if s.Full {
		if err := s.FS.SyncDir(s.Path); err != nil {
			return err
		}
	}
	s.streams.Store(name, true)
	return nil
}

// Create begins a chunk of an input. Nothing is on disk before the first append.
func (s *Store) Create(stream string, m Meta) *File {
	return &File{store: s, stream: stream, name: s.names.next(), Meta: m}
}

// Probe reports whether the disk takes data again.
func (s *Store) Probe() error {
	name := filepath.Join(s.Path, ".probe")
	_ = s.FS.Remove(name)
	h, err := s.FS.Create(name)
	if err != nil {
		return err
	}
	_, err = h.WriteAt(make([]byte, 64<<10), 0)
	if err == nil {
		err = h.Sync()
	}
	return errors.Join(err, h.Close(), s.FS.Remove(name))
}
