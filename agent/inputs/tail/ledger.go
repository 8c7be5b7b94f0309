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
	settled point
	saved   bool // the database holds settled
}

// point is an offset and the bytes before it.
type point struct {
	at   int64
	mark mark
}

// span is a part of the file on its way.
type span struct {
	end  point
	done bool
}

// start begins anew at a point of which nothing before has to be waited for. What was on its way no longer
// counts.
func (l *ledger) start(at point) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.settled, l.saved = nil, at, false
}

// send notes that the bytes up to end are on their way, and returns what the batch calls when it is
// settled. changed is called, with no lock held, when more of the file became settled.
func (l *ledger) send(end point, changed func()) func(event.Outcome) {
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
func (l *ledger) skip(end point) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.open); n > 0 {
		if last := l.open[n-1]; last.done { // a line may grow for long while what is before it is on its way
			last.end = end
			return false
		}
		l.open = append(l.open, &span{end: end, done: true})
		return false
	}
	l.settled, l.saved = end, false
	return true
}

func (l *ledger) settle(s *span) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.done = true
	n := 0
	for n < len(l.open) && l.open[n].done {
		l.settled, l.saved = l.open[n].end, false
		n++
	}
	l.open = l.open[n:]
	return n > 0
}

// unsaved returns the point that the database should hold, if it holds another, and takes it for saved.
func (l *ledger) unsaved() (at point, differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	differs = !l.saved
	l.saved = true
	return l.settled, differs
}

// forget has the point be saved again.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = false
}

// idle reports whether nothing is on its way.
func (l *ledger) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open) == 0
}
