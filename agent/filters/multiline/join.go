package multiline

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// maxIdle is how many streams without a waiting record are remembered.
const maxIdle = 1000

// streamKey tells streams apart: records of one input, one tag and one OTLP group follow one another.
type streamKey struct {
	origin     plugin.Origin
	tag, group string
}

type stream struct {
	streamKey
	joiner plugin.Joiner
	held   held
	paused time.Time    // when its input was last seen to be held back
	batch  *event.Batch // the one in hand, if it has records of the stream
}

// regroup puts the records of b, which are all of the stream, into their group.
func (s *stream) regroup(b *event.Batch) {
	if s.group == "" {
		return
	}
	meta, attributes, err := event.CheckValue([]byte(s.group))
	if err != nil {
		panic("BUG: a group's metadata: " + err.Error())
	}
	b.Wrap(meta, attributes)
}

func (f *filter) stream(key streamKey) *stream {
	s := f.streams[key]
	if s == nil {
		s = &stream{streamKey: key, joiner: f.join(func(r plugin.Joined) { f.give(r) })}
		f.streams[key] = s
	}
	return s
}

// Filter replaces records by those that they make together.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := streamKey{tag: b.Tag}
	if f.buffer {
		key.origin = plugin.OriginOf(ctx)
	}
	touched := f.edit(b, key, time.Now())
	waits := false
	var grouped []byte // records behind the batch's own
	for _, s := range touched {
		s.batch = nil
		if key.origin == nil || f.held > f.limit {
			grouped = append(grouped, f.end(s, b)...)
		}
		waits = f.rest(s) || waits
	}
	if len(grouped) > 0 {
		if err := b.Load(append(bytes.Clone(b.Bytes()), grouped...)); err != nil {
			return err
		}
	}
	if waits {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// end gives out what waits in s: at the end of b, or for a group as records that are to stand behind it.
func (f *filter) end(s *stream, b *event.Batch) (grouped []byte) {
	to := b
	if s.group != "" {
		to = event.New(b.Tag)
		defer to.Release()
	}
	f.give = func(r plugin.Joined) { f.add(to, r, b) }
	s.joiner.Flush(time.Time{})
	if to == b {
		return nil
	}
	s.regroup(to)
	return bytes.Clone(to.Bytes())
}

// edit gives the records to their streams, and puts in the place of each what it has completed.
func (f *filter) edit(b *event.Batch, key streamKey, now time.Time) (touched []*stream) {
	var e *event.Edit
	var stays, more bool // the record at hand; others in its place
	f.give = func(r plugin.Joined) {
		if same := r.Key == "" && !r.Cut && len(r.Body) > 0 && &r.Body[0] == &e.Body()[0]; same && !more {
			stays = true // fast path: it is whole by itself
			return
		}
		more = true
		f.scratch = r.AppendBody(f.scratch[:0], f.content, 0)
		e.Insert(f.note(b.Tag, r), r.Meta, f.scratch)
		settle(r, b)
	}
	for e = range b.Edit() {
		if g := e.Group(); g.Attributes != nil {
			key.group = string(g.Meta) + string(g.Attributes)
		} else {
			key.group = ""
		}
		s := f.stream(key)
		if s.batch != b {
			s.batch = b
			touched = append(touched, s)
		}
		f.seq++
		f.held += s.held.add(f.seq, int64(len(e.Raw())))
		stays, more = false, false
		s.joiner.Add(plugin.Line{Body: e.Body(), Meta: e.Meta(), Time: e.Time(), At: f.seq, Now: now, Batch: b})
		f.waits(s)
		if !stays {
			e.Drop()
		}
	}
	return touched
}

// late reports whether the records that s waits for may only be late because the input was held back.
func (s *stream) late(now time.Time, wait time.Duration) bool {
	if s.origin.Paused() {
		s.paused = now
	}
	return now.Sub(s.paused) < wait
}

// waits reports whether something of s waits, and forgets the size of what does not.
func (f *filter) waits(s *stream) bool {
	oldest, waits := s.joiner.Oldest()
	if !waits {
		oldest = f.seq + 1
	}
	f.held -= s.held.drop(oldest)
	return waits
}

// rest reports whether something of s waits. Without that, and among many, it is forgotten.
func (f *filter) rest(s *stream) (waits bool) {
	if f.waits(s) {
		return true
	}
	if len(f.streams) > maxIdle {
		delete(f.streams, s.streamKey)
	}
	return false
}

// note looks at a record that was joined and returns its time.
func (f *filter) note(tag string, r plugin.Joined) event.Time {
	f.emitted.Inc()
	if f.debug {
		f.log.Info(fmt.Sprintf("flush of %d record(s) with tag '%s': %s", r.Lines, tag, event.AppendJSON(nil, r.AppendBody(nil, f.content, 0), event.JSONStyle{})))
	}
	if r.Cut {
		f.cut.Inc()
		if f.cuts++; f.cuts&(f.cuts-1) == 0 {
			f.log.Warn(fmt.Sprintf("records with tag '%s' make joined ones of more than multiline_buffer_limit: these are cut, and marked multiline_truncated in their metadata (so far: %d); raise the limit in [SERVICE] to have them whole", tag, f.cuts))
		}
	}
	if r.Time == (event.Time{}) {
		return event.Now()
	}
	return r.Time
}

// settle has the batches that a joined record came from wait for b, which holds it.
func settle(r plugin.Joined, b *event.Batch) {
	for _, h := range r.Holds {
		if h == b.Own() {
			h.Settle(event.Filtered) // b waits for itself anyway
			continue
		}
		b.OnSettled(h.Settle)
	}
}

// add appends a joined record to b; what it came from waits for whole, of which b is a part.
func (f *filter) add(b *event.Batch, r plugin.Joined, whole *event.Batch) {
	f.scratch = r.AppendBody(f.scratch[:0], f.content, 0)
	b.Append(f.note(b.Tag, r), r.Meta, f.scratch)
	settle(r, whole)
}

// flush gives out what has waited for too long, or all when now is zero, and reports whether something
// still waits.
func (f *filter) flush(ctx context.Context, now time.Time) (waits bool) {
	type due struct {
		origin plugin.Origin
		batch  *event.Batch
	}
	var list []due
	f.mu.Lock()
	for _, s := range f.streams {
		if _, any := s.joiner.Oldest(); !any {
			continue
		}
		if !now.IsZero() && (now.Sub(f.stalled) < f.wait() || s.late(now, f.wait())) {
			waits = true
			continue
		}
		b := event.New(s.tag)
		f.give = func(r plugin.Joined) { f.add(b, r, b) }
		s.joiner.Flush(now)
		s.regroup(b)
		waits = f.rest(s) || waits
		if b.Len() > 0 {
			list = append(list, due{s.origin, b})
		}
	}
	f.mu.Unlock()
	for _, d := range list {
		d.origin.Continue(ctx, d.batch)
	}
	return waits
}
