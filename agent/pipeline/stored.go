package pipeline

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

// stored is a chunk on its way, shared by its routes.
type stored struct {
	id      uint64
	tag     string
	kind    event.Kinds
	source  string          // the instance that made it; "" for logs
	ways    []storage.Route // where an input's own routes lead it; nil: its tag decides
	in      *input
	born    time.Time
	size    int64
	records atomic.Int64 // -1: of an earlier run, and nobody has looked yet
	backlog bool         // an earlier run left it
	file    *storage.File
	partial atomic.Bool // the file lacks what came last

	place   place
	left    atomic.Int32 // routes that are not done with it
	worst   atomic.Int32 // of their outcomes
	claimed atomic.Bool  // an output has taken it: it no longer counts against its input

	mu    sync.Mutex
	holds []event.Hold // of batches that are settled when all routes are done
	over  bool         // they are
	had   []string     // routes that are done
	kept  []*output    // routes that will never be: the agent stops, or they are gone
}

// inFile reports whether all of the chunk is in its file.
func (s *stored) inFile() bool { return s.file != nil && !s.partial.Load() }

// count returns how many records the chunk holds, as far as that is known.
func (s *stored) count() uint64 { return uint64(max(0, s.records.Load())) }

// look reads a chunk of an earlier run, so that its records can be counted.
func (s *stored) look(p *Pipeline) {
	if s.records.Load() >= 0 {
		return
	}
	if _, err := p.memory.take(s); err == nil {
		p.memory.done(s, true)
	}
}

func (s *stored) String() string {
	if n := s.records.Load(); n >= 0 {
		return fmt.Sprintf("chunk %s with tag '%s' (%d records)", s.name(), plain(s.tag), n)
	}
	return fmt.Sprintf("chunk %s with tag '%s' (%d bytes)", s.name(), plain(s.tag), s.size)
}

func (s *stored) name() string {
	if s.file != nil {
		return s.file.Name()
	}
	return fmt.Sprint(s.id)
}

// hold has a batch settled together with the chunk.
func (s *stored) hold(h event.Hold) {
	s.mu.Lock()
	over := s.over
	if !over {
		s.holds = append(s.holds, h)
	}
	s.mu.Unlock()
	if over {
		h.Settle(event.Outcome(s.worst.Load()))
	}
}

// held reports whether batches wait to be settled with the chunk.
func (s *stored) held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.holds) > 0
}

// finish notes that one route is done with the chunk.
func (s *stored) finish(p *Pipeline, route string, how event.Outcome) {
	for {
		w := s.worst.Load()
		if w >= int32(how) || s.worst.CompareAndSwap(w, int32(how)) {
			break
		}
	}
	s.mu.Lock()
	s.had = append(s.had, route)
	if s.file != nil && (s.left.Load() > 1 || len(s.kept) > 0) {
		s.file.Done(route)
	}
	last := s.left.Add(-1) == 0
	s.mu.Unlock()
	s.end(p, last, how == event.Delivered)
}

// keep notes that a route will not have the chunk in this run. What can be saved is, for the next one.
func (s *stored) keep(p *Pipeline, o *output) {
	s.mu.Lock()
	s.kept = append(s.kept, o)
	last := s.left.Add(-1) == 0
	s.mu.Unlock()
	s.end(p, last, false)
}

func (s *stored) end(p *Pipeline, last, delivered bool) {
	if (delivered || last) && !s.claimed.Swap(true) {
		s.in.charge(-int(s.size))
	}
	if !last {
		return
	}
	s.in.busy.chunks.Add(-1)
	s.in.busy.bytes.Add(-s.size)
	if len(s.kept) > 0 {
		p.save(s)
		p.memory.drop(s)
		return
	}
	if s.file != nil {
		s.file.Delete()
	}
	p.memory.drop(s)
	s.settle(event.Outcome(s.worst.Load()))
}

func (s *stored) settle(how event.Outcome) {
	s.mu.Lock()
	s.over = true
	holds := s.holds
	s.holds = nil
	s.mu.Unlock()
	for _, h := range holds {
		h.Settle(how)
	}
}
