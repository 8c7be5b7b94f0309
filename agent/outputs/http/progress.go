package http

import "sync"

// progress remembers, of chunks whose records are sent one by one, how many went before the one that failed.
type progress struct {
	mu    sync.Mutex
	count map[uint64]int
}

// remembered bounds it: chunks that the agent gives up are never heard of again.
const remembered = 10_000

func (p *progress) of(chunk uint64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[chunk]
}

func (p *progress) note(chunk uint64, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == nil || len(p.count) >= remembered {
		p.count = map[uint64]int{}
	}
	p.count[chunk] = n
}

func (p *progress) forget(chunk uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.count, chunk)
}
