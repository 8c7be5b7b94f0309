package http

import "sync"

// progress remembers how far chunks came whose records are sent one by one.
type progress struct {
	mu sync.Mutex
	at map[uint64]place
}

// place is where the next attempt for a chunk goes on.
type place struct {
	done     int   // records that are sent or given up
	rejected []int // of these, what the server or the record itself made impossible
	why      error // the last of these faults
}

// remembered bounds it: chunks that the agent gives up are never heard of again.
const remembered = 10_000

func (p *progress) of(chunk uint64) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[chunk]
}

func (p *progress) note(chunk uint64, at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil || len(p.at) >= remembered {
		p.at = map[uint64]place{}
	}
	p.at[chunk] = at
}

func (p *progress) forget(chunk uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, chunk)
}
