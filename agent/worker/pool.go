package worker

import (
	"context"
	"sync"
)

// pool lends the lanes that an instance, or all instances that take turns, may use.
type pool struct {
	p    *process
	free chan *lane

	mu     sync.Mutex
	closed bool
}

// newPool makes a pool of n new lanes.
func newPool(ctx context.Context, p *process, n int) (*pool, error) {
	q := &pool{p: p, free: make(chan *lane, n)}
	for range n {
		l, err := newLane(ctx, p)
		if err != nil {
			q.close()
			return nil, err
		}
		q.free <- l
	}
	return q, nil
}

// get waits for a lane. The error is the worker's end or that of ctx.
func (q *pool) get(ctx context.Context) (*lane, error) {
	select {
	case l := <-q.free: // fast path
		return l, nil
	default:
	}
	select {
	case l := <-q.free:
		return l, nil
	case <-q.p.exited:
		return nil, q.p.failure()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put gives a lane back.
func (q *pool) put(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		l.close()
		return
	}
	q.free <- l
}

// close closes the lanes that are free now, and the others once they are put back.
func (q *pool) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for {
		select {
		case l := <-q.free:
			l.close()
		default:
			return
		}
	}
}

// link is an instance's place in one worker process.
type link struct {
	p    *process
	pool *pool // nil for custom plugins
	own  bool  // the pool is this instance's alone
}

// gate lets flushes overlap, and keeps one that is under suspicion apart from all others.
type gate struct {
	mu      sync.Mutex
	inside  int
	alone   bool
	queue   int           // who waits to be alone; newcomers stand behind
	changed chan struct{} // closed when it is worth looking again
}

func (g *gate) enter(ctx context.Context, alone bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		g.queue++
		defer func() { g.queue--; g.wake() }()
	}
	for g.alone || alone && g.inside > 0 || !alone && g.queue > 0 {
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		g.mu.Lock()
		if err != nil {
			return err
		}
	}
	g.inside++
	g.alone = alone
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.alone = false
	g.wake()
}

func (g *gate) wake() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// suspects remembers the chunks that were at work when a worker died.
type suspects struct {
	mu    sync.Mutex
	acks  uint64            // flushes that plugins accepted
	crash map[uint64]uint64 // chunk → acks at its last crash
}

// maxSuspects bounds the memory; forgetting one costs a chance to find the culprit, never a record.
const maxSuspects = 1024

func (s *suspects) has(chunk uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.crash[chunk]
	return ok
}

// cleared notes that the plugin survived the chunk.
func (s *suspects) cleared(chunk uint64, accepted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.crash) > 0 {
		delete(s.crash, chunk)
	}
	if accepted {
		s.acks++
	}
}

// crashed notes a death with the chunk at work, and reports whether the chunk is to blame: it was alone,
// and between its two crashes the plugin accepted others.
func (s *suspects) crashed(chunk uint64, alone bool) (guilty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	acks, known := s.crash[chunk]
	if !known && len(s.crash) >= maxSuspects {
		for other := range s.crash {
			delete(s.crash, other)
			break
		}
	}
	if s.crash == nil {
		s.crash = map[uint64]uint64{}
	}
	s.crash[chunk] = s.acks
	return known && alone && s.acks > acks
}
