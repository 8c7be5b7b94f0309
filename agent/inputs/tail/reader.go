package tail

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
	"golang.org/x/sys/unix"
)

const (
	// readSize is how much is read at once, and so about how large a batch is.
	readSize = 128 << 10
	// firstRead is what an input begins with; a file with more to read makes the buffer grow.
	firstRead = 32 << 10
	// adviseSize is for how much of a file the kernel is told at once that it may forget it.
	adviseSize = 1 << 20
)

// read gives the queued files their turns until ctx ends.
func (in *input) read(ctx context.Context, to plugin.Emitter) error {
	in.buf = make([]byte, firstRead)
	stopped := false
	var until time.Time // when even exit_on_eof no longer holds up the end
	for {
		f := in.next()
		switch {
		case ctx.Err() == nil:
		case !in.exitOnEOF || f == nil:
			return in.leave(ctx, to)
		case until.IsZero(): // another input was at its end first; this one is to come to its own
			until = time.Now().Add(max(in.env.Grace/4, time.Second))
		case time.Now().After(until):
			return in.leave(ctx, to)
		}
		if f != nil {
			if err := in.turn(ctx, to, f); err != nil {
				return unlessOver(ctx, err)
			}
			continue
		}
		if in.exitOnEOF && !stopped && in.found() {
			stopped = true
			in.env.Log.Info("all files were read to their ends; the agent stops")
			in.env.Stop(0)
		}
		select {
		case <-ctx.Done():
		case <-in.wake:
		}
	}
}

func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// turn reads f to its end, or as much as one turn allows.
func (in *input) turn(ctx context.Context, to plugin.Emitter, f *file) error {
	if f.stuck && !in.unstick(f) {
		return nil
	}
	if waits, err := in.inherit(ctx, to, f); err != nil || waits {
		return err
	}
	f.ended = false
	left := in.staticBatch
	if f.caughtUp {
		left = in.eventBatch
	}
	for left > 0 {
		n, more, err := in.readOnce(ctx, to, f)
		if err == nil && f.stuck {
			return in.giveOut(ctx, to, f, time.Time{})
		}
		if err != nil {
			return err
		}
		if !more {
			f.caughtUp, f.ended = true, true
			in.shrink(f)
			return in.atEnd(ctx, to, f)
		}
		left -= int64(n)
		if f.join != nil || f.skipping || f.hole {
			continue
		}
		ahead, err := in.readAhead(ctx, to, f, left)
		if err != nil || f.stuck {
			return err
		}
		left -= ahead
	}
	in.enqueue(f)
	return nil
}

// readOnce reads and emits once. n is how far the offset went, more whether there may be more to read.
func (in *input) readOnce(ctx context.Context, to plugin.Emitter, f *file) (n int, more bool, err error) {
	in.looked = time.Now()
	err = in.detect(f)
	back, got := len(f.before), 0
	if err == nil {
		got, err = f.readAt(in.buf, f.offset-int64(back))
	}
	if err != nil {
		in.noteFailure(f, err)
		return 0, false, nil
	}
	if f.packed != nil && f.packed.trouble != nil {
		in.noteFailure(f, f.packed.trouble) // what comes before can be read
	} else {
		f.failing = false
	}
	if got < back || !bytes.Equal(in.buf[:back], f.before) || f.sizes.shrunk.Load() {
		if err := in.giveOut(ctx, to, f, time.Time{}); err != nil {
			return 0, false, err
		}
		in.restart(f)
		return 0, true, nil
	}
	text := in.buf[back:got]
	f.seen.Store(f.offset + int64(len(text)))
	if len(text) == 0 {
		f.partial = 0
		return 0, false, nil
	}
	b := event.New(f.tag)
	r := in.lines.append(b, piece{path: f.path, at: f.offset, text: text, skipping: &f.skipping, hole: &f.hole, charset: f.charset, join: f.join, base: f.at(0)})
	in.hold(f, in.buf[:back+r.used], r.used)
	in.advance(f, in.buf[:back+r.used], r.used)
	if rest := len(text) - r.used; r.used > 0 || rest != f.partial {
		f.partial, f.restAt = rest, time.Time{}
	}
	if err := in.emit(ctx, to, f, b, f.point()); err != nil {
		return 0, false, err
	}
	in.tooLong(f, r)
	full := got == len(in.buf)
	if full {
		in.grow(r.used == 0)
	}
	return r.used, full, nil
}

// advance moves the offset to the end of read, whose last n bytes are new.
func (in *input) advance(f *file, read []byte, n int) {
	f.offset += int64(n)
	f.passed(read)
	if !in.cacheAdvise || f.packed != nil || f.offset-f.advised < adviseSize {
		return
	}
	// What fails here costs nothing but memory of the kernel.
	_ = unix.Fadvise(f.fd, f.advised, f.offset-f.advised, unix.FADV_DONTNEED)
	f.advised = f.offset
}

// emit sends off what was read up to end.
func (in *input) emit(ctx context.Context, to plugin.Emitter, f *file, b *event.Batch, end point) error {
	in.repay(f, b)
	switch {
	case b.Len() == 0:
		if f.ledger.skip(end) {
			signal(in.moved)
		}
		return nil
	case in.store != nil:
		b.OnSettled(f.ledger.send(end, func() { signal(in.moved) }))
	}
	return to.Emit(ctx, b)
}

// shrink lets go of the memory that a long line of f has needed.
func (in *input) shrink(f *file) {
	if len(in.buf) > 8*readSize && f.partial < readSize {
		in.buf = make([]byte, readSize)
	}
}

// grow makes room for larger reads, or for a line that is longer than the buffer.
func (in *input) grow(stuck bool) {
	switch {
	case len(in.buf) < readSize:
		in.buf = make([]byte, readSize)
	case stuck:
		in.buf = make([]byte, min(2*len(in.buf), int(in.maxSize)+backSize+1))
	}
}

// tooLong reports lines that were too long, once per file.
func (in *input) tooLong(f *file, r result) {
	if r.skipped == 0 && r.lost == 0 && !r.tooLong {
		return // fast path
	}
	in.lost[tooLong].Add(uint64(r.lost))
	if in.truncateLong {
		in.cut.Add(uint64(r.skipped))
	} else {
		in.skipped.Add(uint64(r.skipped))
	}
	switch {
	case r.tooLong:
		in.giveUp(f, fmt.Sprintf("%s has a line of more than buffer_max_size, %d bytes, at byte %d and is not read any further; raise buffer_max_size, or set truncate_long_lines or skip_long_lines", f.path, in.maxSize, f.offset))
	case r.skipped > 0 && !f.warned:
		f.warned = true
		what := "left out"
		if in.truncateLong {
			what = "cut"
		}
		in.env.Log.Warn(fmt.Sprintf("%s has lines of more than buffer_max_size, %d bytes, which are %s; raise buffer_max_size to have them whole", f.path, in.maxSize, what))
	}
}

// noteFailure reports once that f cannot be read. It is tried again whenever it is looked at.
func (in *input) noteFailure(f *file, err error) {
	if !f.failing {
		in.env.Log.Error(err.Error() + "; it is tried again whenever the files are looked at")
	}
	f.failing = true
}

// giveUp stops reading a file; it stays open, so that it is not found anew.
func (in *input) giveUp(f *file, why string) {
	in.env.Log.Error(why)
	f.stuck = true
}

// unstick has a file that was given up read again if it was truncated, and lets go of it once it is rotated.
func (in *input) unstick(f *file) bool {
	in.mu.Lock()
	rotated := f.rotated
	in.mu.Unlock()
	switch {
	case f.sizes.shrunk.Load():
		f.stuck = false
		return true
	case rotated:
		if f.packed == nil {
			f.look()
			in.lost[tooLong].Add(uint64(max(0, f.sizes.now-f.offset)))
		}
		in.letGo(f, false)
	}
	return false
}

// atEnd lets go of a file that is read to its end, if it is time.
func (in *input) atEnd(ctx context.Context, to plugin.Emitter, f *file) error {
	in.mu.Lock()
	rotated, aged := f.rotated, f.aged
	in.mu.Unlock()
	now := time.Now()
	if err := in.giveOut(ctx, to, f, in.due(f, aged)); err != nil {
		return err
	}
	switch {
	case f.lends:
		return nil // it is needed until its heir has delivered what it began
	case aged:
		in.env.Log.Debug(fmt.Sprintf("%s was not modified for long and is closed", f.path))
	case !rotated:
		return nil
	case f.restAt.IsZero():
		f.restAt = now
		return nil
	case now.Sub(f.restAt) < in.rotateWait:
		return nil
	default:
		in.env.Log.Debug(fmt.Sprintf("%s was rotated, and nothing came for %v: closed", f.path, in.rotateWait))
		if err := in.lastLine(ctx, to, f); err != nil {
			return err
		}
	}
	if in.hasMore(f) { // it came while the pipeline held the reader back
		f.restAt = time.Time{}
		in.stay(f)
		in.enqueue(f)
		return nil
	}
	if rotated && f.failing {
		in.loseRest(f)
	}
	in.letGo(f, aged)
	return nil
}

// loseRest counts what cannot be read of f, which is about to be closed for good.
func (in *input) loseRest(f *file) {
	if f.packed != nil {
		in.env.Log.Error(f.path + " was rotated and cannot be read: the rest of its text is lost, nobody knows how much")
		return
	}
	f.look()
	if n := f.sizes.now - f.offset; n > 0 {
		in.lost[unreadable].Add(uint64(n))
		in.env.Log.Error(fmt.Sprintf("%s was rotated and cannot be read: its last %d bytes are lost", f.path, n), "offset", f.offset)
	}
}

// hasMore reports whether something came since f was read to its end, and can be read.
func (in *input) hasMore(f *file) bool {
	var st unix.Stat_t
	return !f.failing && unix.Fstat(f.fd, &st) == nil && f.more(st.Size)
}

// stay has f no longer closed for its age.
func (in *input) stay(f *file) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f.aged = false
}

// letGo closes f and forgets it, but for how far it was read.
func (in *input) letGo(f *file, aged bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.departed) > manyClosed {
		maps.DeleteFunc(in.departed, func(_ identity, c departure) bool { return !c.aged })
	}
	in.departed[f.id] = departure{point{f.offset, f.mark}, aged}
	in.closed.Inc()
	delete(in.files, f.id)
	in.release(f)
	if in.store != nil {
		in.store.left(f, aged)
		signal(in.moved)
	}
}

// lastLine emits the end of a rotated file that has no line feed: none will come.
func (in *input) lastLine(ctx context.Context, to plugin.Emitter, f *file) error {
	if err := in.giveOut(ctx, to, f, time.Time{}); err != nil {
		return err
	}
	if f.partial == 0 || f.skipping {
		return nil
	}
	read := make([]byte, len(f.before)+f.partial)
	n, err := f.readAt(read, f.offset-int64(len(f.before)))
	if err != nil || n < len(read) {
		return nil
	}
	text := read[len(f.before):]
	b := event.New(f.tag)
	in.lines.begins(b)
	in.lines.take(b, piece{path: f.path, at: f.offset, text: text, join: f.join, base: f.at(0)}, 0, in.lines.decode(f.charset, text, false))
	if f.join != nil {
		f.join.Flush(time.Time{})
	}
	f.offset += int64(len(text))
	f.passed(read)
	f.partial = 0
	return in.emit(ctx, to, f, b, f.point())
}

// release closes f. The caller holds in.mu, and nobody reads.
func (in *input) release(f *file) {
	f.gone = true
	in.watcher.notify.forget(f)
	f.close()
}
