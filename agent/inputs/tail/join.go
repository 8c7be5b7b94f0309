package tail

import (
	"context"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// longestJoined is where a joined record is cut, as multiline_buffer_limit has it.
const longestJoined = 2_000_000

// joiner returns what joins the lines of the file at path, or nil.
func (l *lines) joiner(path string) *multiline.Joiner {
	if len(l.joiners) == 0 {
		return nil
	}
	return multiline.New(l.joiners, longestJoined, func(r multiline.Result) { l.joined(path, r) })
}

// joined adds a joined record to the batch: the map of the first line with all of the text, or the text
// alone, and behind it the path and the offset.
func (l *lines) joined(path string, r multiline.Result) {
	if r.Time == (event.Time{}) {
		r.Time = event.Now()
	} else if l.old(r.Time) {
		return
	}
	l.fields = event.AppendFields(l.fields[:0], r.First)
	n := max(len(l.fields), 1) + l.extra()
	dst := event.AppendMap(l.batch.Begin(r.Time), n)
	if r.First == nil {
		dst = event.AppendStr(event.AppendStr(dst, l.key), r.Text)
	}
	for _, f := range l.fields {
		dst = append(dst, f.Key...)
		if f.Is(r.Content) {
			dst = event.AppendStr(dst, r.Text)
			continue
		}
		dst = append(dst, f.Val...)
	}
	l.batch.Commit(l.appendExtra(dst, path, r.At))
}

// hold notes where the first line begins that waits for others, since all from there on has to be read
// again after a restart. The last n bytes of read are new, and the offset was not moved yet.
func (in *input) hold(f *file, read []byte, n int) {
	if f.join == nil {
		return
	}
	at, waits := f.join.Oldest()
	if fresh := at - f.offset; waits && fresh >= 0 {
		f.held.at = at
		f.held.mark.set(read[:len(read)-n+int(fresh)])
	}
	f.joining.Store(waits)
}

// giveOut emits the joined records that have waited long enough, or all when now is zero.
func (in *input) giveOut(ctx context.Context, to plugin.Emitter, f *file, now time.Time) error {
	if f.join == nil || !f.joining.Load() {
		return nil
	}
	b := event.New(f.tag)
	in.lines.batch = b
	f.join.Flush(now)
	_, waits := f.join.Oldest()
	f.joining.Store(waits)
	if b.Len() == 0 {
		return nil
	}
	return in.emit(ctx, to, f, b, f.point())
}

// due returns the time for giveOut at the end of a file: zero when nothing more is waited for.
func (in *input) due(now time.Time, last bool) time.Time {
	if last || in.exitOnEOF {
		return time.Time{}
	}
	return now
}

// leave emits what waits when the agent stops. With a database it is read again instead, as a whole.
func (in *input) leave(ctx context.Context, to plugin.Emitter) error {
	if in.store != nil || len(in.lines.joiners) == 0 {
		return nil
	}
	for _, f := range in.watcher.all() {
		if err := in.giveOut(ctx, to, f, time.Time{}); err != nil {
			return unlessOver(ctx, err)
		}
	}
	return nil
}
