package tail

import (
	"context"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// A record may begin in one file and go on in the file that takes its place: a container's runtime is told to
// begin another file whenever that is due, also between two parts of a line. So a file that is read from its
// beginning inherits what waits at the end of the one that had its path before. That one is the lender: it
// is not let go of, and its offset stays before the record, until the record is settled.

// Of where a line stands some bits are its offset, and those above tell which file of a path it is in.
const (
	offsetBits = 48
	orderMask  = 1<<(63-offsetBits) - 1
)

// heritage is what a file has to do with those that had its path before and will have it.
type heritage struct {
	begun    bool  // it had its first turn
	lends    bool  // what waited at its end waits in its heir
	lender   *file // whose heir it is; nil once that is settled
	inherits time.Time
	order    int64 // of the files that had its path
}

// at is where a line at the offset stands, among all files that had the path of f.
func (f *file) at(offset int64) int64 { return f.order&orderMask<<offsetBits + offset }

func offsetOf(at int64) int64 { return at & (1<<offsetBits - 1) }

// inherited reports whether the line at at is of an earlier file.
func (f *file) inherited(at int64) bool { return at>>offsetBits != f.order&orderMask }

// inherit makes f the heir of the file that had its path, if that is to be. It is for the first turn, which
// waits when there is more to read of that file than it may give in one of its own.
func (in *input) inherit(ctx context.Context, to plugin.Emitter, f *file) (waits bool, err error) {
	if f.begun || f.join == nil {
		return false, nil
	}
	g := in.predecessor(f)
	if g == nil || f.offset > 0 {
		f.begun = true
		return false, nil
	}
	if err := in.turn(ctx, to, g); err != nil { // what is left of it comes first
		return false, err
	}
	if !g.ended && !g.stuck {
		in.enqueue(f)
		return true, nil
	}
	f.begun = true
	if !g.ended || !g.joining.Load() || g.lends {
		return false, nil
	}
	f.join, g.join = g.join, in.lines.joiner(g.path)
	g.joining.Store(false)
	g.lends, f.lender, f.held, f.inherits = true, g, point{}, time.Now()
	f.joining.Store(true)
	return false, nil
}

// predecessor returns the last of the files that had the path of f before it, or nil.
func (in *input) predecessor(f *file) (last *file) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, g := range in.files {
		if g.order < f.order && g.path == f.path && (last == nil || g.order > last.order) {
			last = g
		}
	}
	return last
}

// repay lets the lenders of f go on to their ends when b, which is about to be emitted, is settled: it holds
// the last of what f has inherited.
func (in *input) repay(f *file, b *event.Batch) {
	if f.lender == nil || f.lends {
		return
	}
	if at, waits := f.join.Oldest(); waits && f.inherited(at) {
		return
	}
	for g := f.lender; g != nil; {
		next := g.lender
		g.lends, g.lender = false, nil
		settled := g.ledger.send(g.point(), func() { signal(in.moved) })
		if b.Len() > 0 && in.store != nil {
			b.OnSettled(settled)
		} else {
			settled(event.Filtered)
		}
		g = next
	}
	f.lender = nil
}
