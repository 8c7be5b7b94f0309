package pipeline

import (
	"sync"
	"sync/atomic"
)

// ring lists the chunks of an input with storage.type memrb in the order in which they came.
type ring struct {
	mu    sync.Mutex
	queue []ringed

	chunks, bytes atomic.Uint64 // that had to go
}

type ringed struct {
	*stored
	routes []*output
}

func (r *ring) add(s *stored, routes []*output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 && r.queue[0].claimed.Load() {
		r.queue = r.queue[1:]
	}
	r.queue = append(r.queue, ringed{s, routes})
}

// next takes the oldest chunk that no output has had yet.
func (r *ring) next() (ringed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 {
		first := r.queue[0]
		r.queue = r.queue[1:]
		if !first.claimed.Load() {
			return first, true
		}
	}
	return ringed{}, false
}

// wrap gives up the oldest chunks of a ring while it holds more than it may. What an output works on stays.
func (in *input) wrap() {
	if in.storage != memrb || in.settings.memBufLimit <= 0 {
		return
	}
	over := func() bool {
		in.gate.mu.Lock()
		defer in.gate.mu.Unlock()
		return in.gate.waiting > in.settings.memBufLimit
	}
	for over() {
		s, ok := in.ring.next()
		if !ok {
			return
		}
		in.ring.chunks.Add(1)
		in.ring.bytes.Add(uint64(s.size))
		for _, o := range s.routes {
			if d := o.remove(func(d *delivery) bool { return d.stored == s.stored }); d != nil {
				o.giveUp(d, RingFull, nil)
			}
		}
	}
}
