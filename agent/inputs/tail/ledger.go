package tail

import (
	"sync"

	"github.com/fluent/fluent-bit-go/event"
)

// ledger follows the batches of one file until they are settled: only what is settled without a gap may be
// remembered as read.
type ledger struct {
	mu      sync.Mutex
	open    []*span
	settled int64 // every byte before it is settled
	saved   int64 // what the database holds
}

// span is a part of the file on its way.
type span struct {
	end  int64
	done bool
}

// start begins anew at an offset of which nothing before has to be waited for. What was on its way no
// longer counts.
func (l *ledger) start(at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.settled = nil, at
}

// send notes that the bytes up to end are on their way, and returns what the batch calls when it is
// settled. changed is called, with no lock held, when more of the file became settled.
func (l *ledger) send(end int64, changed func()) func(event.Outcome) {
	s := &span{end: end}
	l.mu.Lock()
	l.open = append(l.open, s)
	l.mu.Unlock()
	return func(event.Outcome) {
		if l.settle(s) {
			changed()
		}
	}
}

// skip notes that the bytes up to end hold no record.
func (l *ledger) skip(end int64) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) > 0 {
		l.open = append(l.open, &span{end: end, done: true})
		return false
	}
	l.settled = end
	return true
}

func (l *ledger) settle(s *span) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.done = true
	n := 0
	for n < len(l.open) && l.open[n].done {
		l.settled = l.open[n].end
		n++
	}
	l.open = l.open[n:]
	return n > 0
}

// unsaved returns the offset that the database should hold, and whether it holds another.
func (l *ledger) unsaved() (at int64, differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settled, l.settled != l.saved
}

func (l *ledger) save(at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = at
}

// idle reports whether nothing is on its way.
func (l *ledger) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open) == 0
}
