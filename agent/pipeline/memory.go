package pipeline

import (
	"container/list"
	"errors"
	"log/slog"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

// memory says which of the chunks that wait are in memory. What is beyond its limits goes to the spill, or,
// when it is in a file anyway, is just let go until an output wants it.
type memory struct {
	limit   int64 // bytes of chunks; 0 for none
	maxUp   int   // chunks of files
	backlog int64 // bytes of chunks that an earlier run left
	spill   *storage.Spill
	log     *slog.Logger
	full    func() bool // gives something up; false when nothing may be

	mu          sync.Mutex
	used        int64 // bytes of all chunks that are in memory
	usedBacklog int64
	filesUp     int
	fresh, aged list.List // *stored in memory: no output has had them yet; some have
	spilled     int
	trimming    bool
	works       sync.WaitGroup
	stuck       bool // over the limit, and nothing can be done about it
	spillFailed bool
	trouble     burst  // with the spill
	changed     func() // something became smaller
}

// place is where a stored chunk is. All of it is guarded by memory.mu.
type place struct {
	chunk   *event.Chunk // nil: not in memory
	size    int64        // that it takes there
	rest    int64        // that it takes when it is not there
	users   int          // who read it right now
	loading chan struct{}
	extent  *storage.Extent // in the spill
	at      *list.Element
	aged    bool
	gone    bool
}

// overhead is what a chunk takes beside its bytes.
const overhead = 512

var errGone = errors.New("all outputs are done with this chunk")

// admit takes in a chunk that does not grow any more.
func (m *memory) admit(s *stored, c *event.Chunk) {
	m.mu.Lock()
	m.up(s, c)
	m.mu.Unlock()
	m.trim()
}

// up notes that s is in memory.
func (m *memory) up(s *stored, c *event.Chunk) {
	s.place.chunk, s.place.size = c, c.Memory()+overhead
	m.used += s.place.size - s.place.rest
	s.place.rest = 0
	s.in.busy.up.Add(1)
	if s.file != nil {
		m.filesUp++
	}
	if s.backlog {
		m.usedBacklog += s.place.size
	}
	m.enlist(s)
}

func (m *memory) enlist(s *stored) {
	if s.place.at != nil {
		m.listOf(s).Remove(s.place.at)
	}
	s.place.aged = s.place.aged || s.claimed.Load()
	s.place.at = m.listOf(s).PushBack(s)
}

func (m *memory) listOf(s *stored) *list.List {
	if s.place.aged {
		return &m.aged
	}
	return &m.fresh
}

// down lets the chunk's memory go.
func (m *memory) down(s *stored) {
	if s.place.chunk == nil {
		return
	}
	m.used -= s.place.size
	s.in.busy.up.Add(-1)
	if s.file != nil {
		m.filesUp--
	}
	if s.backlog {
		m.usedBacklog -= s.place.size
	}
	m.listOf(s).Remove(s.place.at)
	s.place.at = nil
	s.place.chunk.Release()
	s.place.chunk = nil
	if s.place.extent != nil {
		s.place.rest = overhead // what it takes to know of it
		m.used += overhead
	}
	m.changed()
}

// take returns the chunk for reading, until done is called.
func (m *memory) take(s *stored) (*event.Chunk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.place.users++
	for s.place.chunk == nil {
		if wait := s.place.loading; wait != nil {
			m.mu.Unlock()
			<-wait
			m.mu.Lock()
			continue
		}
		s.place.loading = make(chan struct{})
		m.mu.Unlock()
		c, err := m.load(s)
		m.mu.Lock()
		close(s.place.loading)
		s.place.loading = nil
		if err != nil {
			s.place.users--
			m.leave(s)
			return nil, err
		}
		c.Source = s.source
		m.up(s, c)
	}
	return s.place.chunk, nil
}

func (m *memory) load(s *stored) (*event.Chunk, error) {
	if s.file == nil && s.place.extent == nil {
		return nil, errGone
	}
	if s.place.extent == nil {
		c, err := s.file.Load(s.id)
		if err == nil {
			s.records.Store(int64(c.Len()))
		}
		return c, err
	}
	data, err := m.spill.Get(*s.place.extent)
	if err != nil {
		return nil, err
	}
	return event.View(s.id, s.tag, s.kind, data)
}

// done ends a take. A chunk that some output could not deliver is not wanted for a while.
func (m *memory) done(s *stored, failed bool) {
	m.mu.Lock()
	s.place.users--
	if !s.place.gone && s.place.chunk != nil {
		if !s.place.aged {
			m.listOf(s).Remove(s.place.at)
			s.place.aged = true
			s.place.at = m.aged.PushBack(s)
		}
		if s.place.users == 0 && m.elsewhere(s) && (failed || m.usedBacklog > m.backlog && s.backlog) {
			m.down(s)
		}
	}
	m.leave(s)
	m.mu.Unlock()
	m.trim()
}

// elsewhere reports whether the chunk need not be in memory.
func (m *memory) elsewhere(s *stored) bool { return s.place.extent != nil || s.inFile() }

// drop forgets a chunk that every route is done with.
func (m *memory) drop(s *stored) {
	m.mu.Lock()
	s.place.gone = true
	m.leave(s)
	m.mu.Unlock()
	m.trim()
}

// leave lets everything of a chunk go that nobody reads and nobody waits for.
func (m *memory) leave(s *stored) {
	if !s.place.gone || s.place.users > 0 {
		return
	}
	m.down(s)
	if s.place.extent != nil {
		m.spill.Free(*s.place.extent)
		s.place.extent = nil
		m.used -= s.place.rest
		s.place.rest = 0
		m.spilled--
		m.spillFailed = false
	}
}

// trim has the memory brought back under its limits. The work is done aside, since it may wait for a disk.
func (m *memory) trim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.trimming:
	case m.over():
		m.trimming = true
		m.works.Go(m.shrink)
	default:
		m.stuck = false
		m.changed()
	}
}

func (m *memory) shrink() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.over() {
		s := m.victim()
		if s != nil && (m.elsewhere(s) || m.out(s)) {
			m.down(s)
			continue
		}
		if s != nil {
			continue // the spill is full: perhaps another is in a file
		}
		if !m.tight() {
			break // what is too much is being read, and can go after that
		}
		m.mu.Unlock()
		more := m.full() // asks outputs, which ask us
		m.mu.Lock()
		if !more {
			break
		}
	}
	m.trimming = false
	m.stuck = m.tight()
	m.changed()
}

// tight reports whether there is too much even without what outputs read right now, of which each has no more
// than it has workers. Where the spill takes nothing, that counts as well.
func (m *memory) tight() bool {
	more := m.used - m.limit
	if !m.spillFailed {
		for _, l := range []*list.List{&m.aged, &m.fresh} {
			for e := l.Front(); e != nil; e = e.Next() {
				if s := e.Value.(*stored); s.place.users > 0 {
					more -= s.place.size
				}
			}
		}
	}
	return m.limit > 0 && more > 0
}

func (m *memory) over() bool {
	return m.limit > 0 && m.used > m.limit || m.filesUp > m.maxUp
}

// victim returns the chunk that can best be missed: the oldest of those that some output has had, or else
// the one that was last to come.
func (m *memory) victim() *stored {
	bytes := m.limit > 0 && m.used > m.limit
	fits := func(e *list.Element) bool {
		s := e.Value.(*stored)
		switch {
		case s.place.users > 0:
			return false
		case m.elsewhere(s):
			return true
		}
		return bytes && !m.spillFailed
	}
	for e := m.aged.Front(); e != nil; e = e.Next() {
		if fits(e) {
			return e.Value.(*stored)
		}
	}
	for e := m.fresh.Back(); e != nil; e = e.Prev() {
		if fits(e) {
			return e.Value.(*stored)
		}
	}
	return nil
}

// out writes a chunk to the spill, and reports whether it may be let go after that.
func (m *memory) out(s *stored) bool {
	s.place.users++
	data := s.place.chunk.Bytes()
	m.mu.Unlock()
	e, err := m.spill.Put(data)
	m.mu.Lock()
	s.place.users--
	if err == nil {
		s.place.extent = &e
		m.spilled++
	} else if m.spillFailed = true; !errors.Is(err, storage.ErrSpillFull) {
		m.trouble.say(m.log, slog.LevelError, "records that do not fit into storage.memory_budget cannot be put into a temporary file: "+err.Error(), s.count())
	}
	m.leave(s)
	return err == nil && s.place.users == 0
}

// probe has the spill tried again that did not take a chunk: its disk may have room by now.
func (m *memory) probe() {
	m.mu.Lock()
	failed := m.spillFailed
	m.spillFailed = false
	m.mu.Unlock()
	if failed {
		m.trim()
	}
}

// overfull reports whether all is used up, so that no more records may come until some are gone.
func (m *memory) overfull() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stuck && m.used > m.limit
}

// behind reports whether chunks come faster than they can be put away.
func (m *memory) behind(more int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limit > 0 && m.trimming && m.used+more > m.limit+m.limit/4
}
