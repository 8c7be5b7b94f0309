package storage

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"sort"
	"strings"
	"sync"
	"time"
)

var (
	errCrash = errors.New("the machine is off")
	errFull  = errors.New("no space left on device")
)

// brittle is a file system in memory that loses what was not synced. Writes within one sector happen or do
// not; larger ones may be torn between sectors. Directories keep the order of their changes, as file systems
// with a journal do.
type brittle struct {
	mu      sync.Mutex
	names   map[string]*inode // as programs see it
	disk    map[string]*inode // as it is after a loss of power
	pending []func()          // changes of names that disk lacks
	dirs    map[string]bool
	steps   int   // until the crash; negative for never
	room    int   // bytes that can be written yet; negative for no limit
	bad     error // what every sync says
}

const sector = 512

type inode struct {
	data    []byte
	durable []byte
	writes  []write // that durable lacks
}

type write struct {
	at   int64
	data []byte
}

func (w write) apply(dst []byte) []byte {
	if need := int(w.at) + len(w.data); need > len(dst) {
		dst = append(dst, make([]byte, need-len(dst))...)
	}
	copy(dst[w.at:], w.data)
	return dst
}

func newBrittle() *brittle {
	return &brittle{names: map[string]*inode{}, disk: map[string]*inode{}, dirs: map[string]bool{}, steps: -1, room: -1}
}

// step counts one change; the one after the last fails, as all that follow.
func (b *brittle) step() error {
	if b.steps == 0 {
		return errCrash
	}
	if b.steps > 0 {
		b.steps--
	}
	return nil
}

// restart ends the crash. With power lost only some of what was not synced is there.
func (b *brittle) restart(power bool, rng *rand.Rand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps, b.room = -1, -1
	if !power {
		return
	}
	for _, f := range b.pending[:rng.IntN(len(b.pending)+1)] {
		f()
	}
	b.pending = nil
	for _, n := range b.disk {
		for _, w := range n.writes {
			switch part := rng.IntN(3); {
			case part == 0:
			case part == 1 && len(w.data) > sector:
				w.data = w.data[:sector*(1+rng.IntN(len(w.data)/sector))]
				fallthrough
			default:
				n.durable = w.apply(n.durable)
			}
		}
		n.writes = nil
		n.data = append([]byte(nil), n.durable...)
	}
	b.names = map[string]*inode{}
	for name, n := range b.disk {
		b.names[name] = n
	}
}

// change does something to names, now and, when its directory is synced, on the disk.
func (b *brittle) change(f func(names map[string]*inode)) error {
	if err := b.step(); err != nil {
		return err
	}
	f(b.names)
	b.pending = append(b.pending, func() { f(b.disk) })
	return nil
}

func (b *brittle) MkdirAll(dir string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirs[dir] = true
	return b.step()
}

func (b *brittle) ReadDir(dir string) ([]fs.DirEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]entry{}
	for name := range b.names {
		rest, ok := strings.CutPrefix(name, dir+"/")
		first, _, deeper := strings.Cut(rest, "/")
		if ok {
			seen[first] = entry{first, deeper}
		}
	}
	var all []fs.DirEntry
	for _, e := range seen {
		all = append(all, e)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name() < all[j].Name() })
	return all, nil
}

type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.dir }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Size() int64                { return 0 }
func (e entry) Mode() fs.FileMode          { return e.Type() }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Sys() any                   { return nil }

func (e entry) Type() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}

func (b *brittle) Open(name string) (Handle, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &grip{b, n}, nil
}

func (b *brittle) Create(name string) (Handle, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.names[name]; ok {
		return nil, fs.ErrExist
	}
	if !b.dirs[path.Dir(name)] {
		return nil, fs.ErrNotExist
	}
	n := new(inode)
	return &grip{b, n}, b.change(func(names map[string]*inode) { names[name] = n })
}

func (b *brittle) Rename(from, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	return b.change(func(names map[string]*inode) { delete(names, from); names[to] = n })
}

func (b *brittle) Remove(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.names[name]; !ok {
		return fs.ErrNotExist
	}
	return b.change(func(names map[string]*inode) { delete(names, name) })
}

func (b *brittle) SyncDir(string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.step(); err != nil {
		return err
	}
	for _, f := range b.pending {
		f()
	}
	b.pending = nil
	return nil
}

func (b *brittle) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// grip is an open file.
type grip struct {
	fs *brittle
	n  *inode
}

func (g *grip) Close() error { return nil }

func (g *grip) Size() (int64, error) {
	g.fs.mu.Lock()
	defer g.fs.mu.Unlock()
	return int64(len(g.n.data)), nil
}

func (g *grip) ReadAt(p []byte, at int64) (int, error) {
	g.fs.mu.Lock()
	defer g.fs.mu.Unlock()
	if at >= int64(len(g.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, g.n.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (g *grip) WriteAt(p []byte, at int64) (int, error) {
	g.fs.mu.Lock()
	defer g.fs.mu.Unlock()
	if err := g.fs.step(); err != nil {
		return 0, err
	}
	err := error(nil)
	if more := int(at) + len(p) - len(g.n.data); g.fs.room >= 0 && more > 0 {
		if more > g.fs.room {
			p, err = p[:max(0, len(p)-(more-g.fs.room))], errFull
			more = g.fs.room
		}
		g.fs.room -= more
	}
	w := write{at, append([]byte(nil), p...)}
	g.n.data = w.apply(g.n.data)
	g.n.writes = append(g.n.writes, w)
	return len(p), err
}

func (g *grip) Sync() error {
	g.fs.mu.Lock()
	defer g.fs.mu.Unlock()
	if err := g.fs.step(); err != nil {
		return err
	}
	if g.fs.bad != nil {
		return g.fs.bad
	}
	for _, w := range g.n.writes {
		g.n.durable = w.apply(g.n.durable)
	}
	g.n.writes = nil
	return nil
}
