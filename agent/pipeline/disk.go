package pipeline

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

// storageType is where an input's records wait.
type storageType uint8

const (
	memoryOnly storageType = iota
	filesystem
	memrb // memory that is used again: the oldest make room for the newest
)

// Storage is what the service section says about storage.
type Storage struct {
	Path          string
	Full          bool // storage.sync
	Checksum      bool
	MaxUp         int
	BacklogMemory int64
	FlushBacklog  bool // at shutdown
	Delete        bool // damaged files
	Type          string
	Rejected      string // folder of dead letters, also when none are kept
	KeepRejected  bool
	RejectedLimit int64
	SpillLimit    int64
	fileSystem    storage.FS // of tests
	spillInto     []string
}

// disk is the file storage of an agent. It outlives reloads.
type disk struct {
	opened atomic.Pointer[storage.Store]
	log    *slog.Logger

	mu      sync.Mutex
	parked  []*storage.File // for which there is no output at present
	failing error           // what the disk said last
	probing bool
	maxUp   int
	room    func() // the disk takes data again
	works   sync.WaitGroup
	buried  burst // dead letters that could not be kept
}

// store is the open folder, nil without one. A reload may give the agent one, but never another.
func (k *disk) store() *storage.Store { return k.opened.Load() }

// openStorage opens the folder when there is one and it is not open yet.
func (p *Pipeline) openStorage() error {
	set := p.set.Storage
	if have := p.disk.store(); have != nil {
		if set.Path != have.Path || set.Full != have.Full || set.Checksum != have.Checksum || set.Delete != have.Delete || set.Rejected != have.Rejected {
			p.log.Warn("storage.path or how its files are written has changed, which takes a restart: chunks go on as before, in " + have.Path)
		}
		return nil
	}
	if set.Path == "" {
		return nil
	}
	store, backlog, err := storage.Open(storage.Options{
		Path: set.Path, Full: set.Full, Checksum: set.Checksum, Delete: set.Delete, Rejected: set.Rejected,
		FS: set.fileSystem, Log: p.disk.log,
	})
	if err != nil {
		return err
	}
	p.park(backlog...)
	p.disk.opened.Store(store)
	sync := map[bool]string{true: "full", false: "normal"}[set.Full]
	p.disk.log.Info(fmt.Sprintf("type=memory+filesystem, path=%s, sync=%s, checksum=%v, max_chunks_up=%d", set.Path, sync, set.Checksum, set.MaxUp))
	if len(backlog) > 0 {
		p.disk.log.Info(fmt.Sprintf("%d chunks with %d bytes were left by an earlier run, queue memory limit: %d bytes", len(backlog), store.Bytes(), set.BacklogMemory))
	}
	return nil
}

// append adds a batch to the chunk's file. It reports whether the batch is durable with that. Otherwise it
// is once the disk says so, or, when the disk fails, as records in memory are: when all outputs have it.
func (k *disk) append(s *stored, b *event.Batch, h event.Hold) (durable bool) {
	var later func(error)
	if k.store().Full && h.Watched() {
		later = func(err error) {
			if err != nil {
				k.fails(s, h, err)
				return
			}
			h.Settle(event.Delivered)
		}
	}
	if err := s.file.Append(b.Bytes(), b.Len(), later); err != nil {
		k.fails(s, h, err)
		return false
	}
	return !k.store().Full
}

// fails notes that the disk did not take a batch, which stays in memory.
func (k *disk) fails(s *stored, h event.Hold, err error) {
	s.partial.Store(true)
	if h.Watched() {
		s.hold(h)
	}
	k.mu.Lock()
	first := k.failing == nil
	k.failing = err
	k.mu.Unlock()
	if first {
		k.log.Error(fmt.Sprintf("%v; what was taken is kept in memory, inputs with file storage pause until the disk takes data again", err))
	}
}

// maxGrowing bounds the files that are open at a time: with a tag for every client, say, there may be many
// more chunks than descriptors.
const maxGrowing = 512

// crowded reports whether a chunk had better be sent off at once.
func (k *disk) crowded() bool { return k.store() != nil && k.store().Growing() > maxGrowing }

// overlimit says why inputs with file storage must wait, if they must.
func (k *disk) overlimit(in *input) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.failing != nil:
		return fmt.Sprintf("the disk does not take its records: %v", k.failing)
	case in.settings.pauseOverlimit && k.store() != nil && k.store().Files() >= k.maxUp:
		return fmt.Sprintf("storage buf overlimit: %d chunks wait, storage.max_chunks_up is %d", k.store().Files(), k.maxUp)
	}
	return ""
}

// probe looks whether a disk that failed takes data again.
func (k *disk) probe() {
	k.mu.Lock()
	skip := k.failing == nil || k.probing
	k.probing = k.probing || !skip
	k.mu.Unlock()
	if skip {
		return
	}
	k.works.Go(func() {
		err := k.store().Probe()
		k.mu.Lock()
		k.probing, k.failing = false, err
		k.mu.Unlock()
		if err == nil {
			k.log.Info("the disk takes data again")
			k.room()
		}
	})
}

// takeUp queues the chunks of earlier runs, and those that had no output before the last reload.
func (p *Pipeline) takeUp() {
	p.disk.mu.Lock()
	files := p.disk.parked
	p.disk.parked = nil
	p.disk.mu.Unlock()
	var homeless []*storage.File
	tags := map[string]int{}
	for _, f := range files {
		if !p.resume(f) {
			homeless = append(homeless, f)
			tags[f.Tag]++
		}
	}
	told := 0
	for tag, n := range tags {
		if told++; told > 20 {
			p.disk.log.Warn(fmt.Sprintf("no matching route for chunks with %d more tags, keeping them on disk", len(tags)-20))
			break
		}
		p.disk.log.Warn(fmt.Sprintf("no matching route for %d chunks with tag '%s', keeping them on disk; give an output a match for it", n, plain(tag)))
	}
	p.park(homeless...)
}

func (p *Pipeline) park(files ...*storage.File) {
	p.disk.mu.Lock()
	p.disk.parked = append(p.disk.parked, files...)
	p.disk.mu.Unlock()
}

// resume queues one file for the outputs that have not had it yet.
func (p *Pipeline) resume(f *storage.File) bool {
	routes := p.routesOf(f.Meta, f.Replayed())
	if len(routes) == 0 {
		return false
	}
	s := &stored{id: p.ids.Add(1), tag: f.Tag, kind: f.Kind, in: p.emitter, born: time.Now(), size: f.Size(), file: f, backlog: true}
	s.records.Store(int64(f.Records()))
	s.claimed.Store(true) // no input is charged for it
	had := func(o *output) bool { return f.Had(o.key()) }
	routes = slices.DeleteFunc(slices.Clone(routes), had)
	if len(routes) == 0 {
		f.Delete()
		return true
	}
	s.left.Store(int32(len(routes)))
	s.in.busy.chunks.Add(1)
	s.in.busy.bytes.Add(s.size)
	for _, o := range routes {
		o.accept(s)
	}
	return true
}

// takeArrivals queues dead letters that somebody has sent on their way again.
func (p *Pipeline) takeArrivals() {
	if p.disk.store() == nil {
		return
	}
	for _, f := range p.disk.store().Arrivals() {
		if !p.resume(f) {
			p.disk.log.Warn(fmt.Sprintf("the dead letter %s has no output here, keeping it on disk", f.Name()))
			p.park(f)
		}
	}
}

// routesOf returns the outputs that a chunk names, or those that match its tag when it names none that is
// there. A dead letter that is sent again goes nowhere but where it was meant to.
func (p *Pipeline) routesOf(m storage.Meta, replayed bool) []*output {
	var outs []*output
	for _, r := range m.Routes {
		for _, o := range p.outputs {
			plug, _, _ := strings.Cut(o.name, ".")
			if !o.kinds.Has(m.Kind) {
				continue
			}
			if r.Label == o.alias && o.alias != "" || r.Label == o.name || r.Label == "" && r.Plugin == plug {
				outs = append(outs, o)
			}
		}
	}
	if len(outs) == 0 && (len(m.Routes) == 0 || !replayed) {
		return p.routes(openKey{tag: m.Tag, kind: m.Kind})
	}
	return outs
}

// save keeps a chunk for the next run as far as that can be done, and counts how it went.
func (p *Pipeline) save(s *stored) {
	switch {
	case s.inFile():
		p.saved.count(s.count())
		p.park(s.file)
	case p.disk.store() == nil || !p.write(s):
		p.unsaved(s)
	}
}

// unsaved counts a chunk that is in no file.
func (p *Pipeline) unsaved(s *stored) {
	n, stops := s.count(), p.stops.Load()
	if stops && s.in.replays && s.held() {
		p.reread.count(n)
		return
	}
	p.lost[Shutdown].Add(n)
	for _, o := range s.kept {
		o.counters.DroppedRecords.Add(n)
	}
	if !stops { // a reload took the output away, and nobody must wait for it any longer
		s.settle(event.GivenUp)
	}
}

// write puts a chunk that was in memory into a file, and reports whether the file took it. The chunk is
// settled when it is durable there.
func (p *Pipeline) write(s *stored) bool {
	c, err := p.memory.take(s)
	if err != nil {
		return false
	}
	defer p.memory.done(s, false)
	f := p.disk.store().Create(s.in.name, storage.Meta{Kind: s.kind, Tag: s.tag, Routes: s.ways})
	err = f.Append(c.Bytes(), c.Len(), func(err error) {
		if err != nil {
			p.disk.log.Error(fmt.Sprintf("%v cannot be saved: %v", s, err))
			p.unsaved(s)
			return
		}
		p.saved.count(s.count())
		s.settle(event.Delivered)
		if s.file != nil {
			s.file.Delete() // it was cut short by a failing disk
		}
	})
	if err != nil {
		p.disk.log.Error(fmt.Sprintf("%v cannot be saved: %v", s, err))
		return false
	}
	f.Lock()
	for _, route := range s.had {
		f.Done(route)
	}
	p.park(f)
	return true
}

// spillDirs are where records that do not fit into memory may go.
func (s Storage) spillDirs() []string {
	if s.spillInto != nil {
		return s.spillInto
	}
	dirs := []string{"/var/tmp", os.TempDir()}
	if s.Path != "" {
		dirs = append([]string{s.Path}, dirs...)
	}
	return dirs
}

// reportRest says what became of records that were not delivered before the end.
func (p *Pipeline) reportRest() {
	if n := p.saved.chunks.Load(); n > 0 {
		p.log.Info(fmt.Sprintf("%d chunks (%d records) that could not be delivered are saved in %s, for the next run", n, p.saved.records.Load(), p.disk.store().Path))
	}
	if n := p.reread.records.Load(); n > 0 {
		p.log.Info(fmt.Sprintf("%d records could not be delivered; their inputs will bring them again, as far as they remember their positions", n))
	}
	if n := p.lost[Shutdown].Load(); n > 0 {
		p.log.Error(fmt.Sprintf("%d records could not be delivered within the grace period of %v and are lost; with storage.path they would have been saved", n, p.set.Grace))
	}
}

// syncStorage waits until the disk has what was given to it. A disk that hangs holds nobody up.
func (p *Pipeline) syncStorage() {
	if p.disk.store() != nil && !within(p.disk.store().Wait, time.After(closeTimeout)) {
		p.disk.log.Warn("the disk does not take what was written in time")
	}
}

func (p *Pipeline) closeStorage() {
	within(func() { p.memory.works.Wait(); p.disk.works.Wait() }, time.After(closeTimeout))
	_ = p.memory.spill.Close()
	if p.disk.store() == nil {
		return
	}
	var err error
	if within(func() { err = p.disk.store().Close() }, time.After(closeTimeout)) && err != nil {
		p.disk.log.Error(fmt.Sprintf("close: %v", err))
	}
}

// flushSoon sends off the open chunks. An input that waits for a slow disk right now is passed over.
func (p *Pipeline) flushSoon() {
	for _, in := range append(p.inputs[:len(p.inputs):len(p.inputs)], p.emitter) {
		if in.storage != filesystem && in != p.emitter {
			in.flush()
		} else if in.mu.TryLock() {
			in.flushLocked()
		}
	}
}

// tick does what is done at every flush.
func (p *Pipeline) tick() {
	now := time.Now()
	for _, in := range p.inputs {
		in.rate.sample(&in.counters, now)
	}
	p.flushSoon()
	p.disk.probe()
	p.memory.probe()
	p.takeArrivals()
	for _, o := range p.outputs {
		o.sumUp(false)
	}
}
