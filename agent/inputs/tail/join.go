package tail

import (
	"context"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// checkJoin finds what joins lines: multiline parsers, or one of the two old ways.
func (in *input) checkJoin() error {
	in.lines.cut = in.longJoined()
	switch {
	case len(in.multilineParsers) > 0:
		return in.checkMultiline()
	case in.multiline && in.dockerMode:
		return in.fault("docker_mode", "is on and so is multiline", "switch one of them off; multiline.parser docker, cri does what docker_mode does")
	case in.multiline:
		return in.checkFirstLine()
	case in.dockerMode:
		return in.checkDockerMode()
	case in.firstline != "" || len(in.moreParsers) > 0:
		in.env.Log.Warn("parser_firstline and parser_1, parser_2, … have no effect without multiline on")
	}
	return nil
}

func (in *input) checkMultiline() error {
	m, err := in.env.Multiline(plugin.Joining{Parsers: in.multilineParsers})
	if err != nil {
		return in.fault("multiline.parser", err.Error(), "correct the name, or name the file that defines it with parsers_file")
	}
	if in.multiline || in.dockerMode {
		in.env.Log.Warn("multiline and docker_mode have no effect: multiline.parser joins the lines")
	}
	if in.parser != "" {
		in.env.Log.Warn("parser has no effect: multiline.parser makes the records; the filter parser can take their text apart")
	}
	in.lines.newJoin = func(path string) plugin.Joiner {
		return m(func(r plugin.Joined) { in.lines.joined(path, r) })
	}
	return nil
}

// longJoined returns what reports joined records that were too long, once for each file.
func (in *input) longJoined() func(path string) {
	warned := map[string]bool{}
	return func(path string) {
		in.ended.Inc()
		if warned[path] || len(warned) == 1000 {
			return
		}
		warned[path] = true
		in.env.Log.Warn(fmt.Sprintf("%s has lines that make joined records of more than multiline_buffer_limit: these end there; raise the limit in [SERVICE] to have them whole", path))
	}
}

// joiner returns what joins the lines of the file at path, or nil.
func (l *lines) joiner(path string) plugin.Joiner {
	if l.newJoin == nil {
		return nil
	}
	return l.newJoin(path)
}

// joined adds a joined record to the batch: the map of the first line with all of the text, or the text
// alone, and behind it the path and the offset.
func (l *lines) joined(path string, r plugin.Joined) {
	if r.Time == (event.Time{}) {
		r.Time = event.Now()
	} else if l.old(r.Time) {
		return
	}
	if r.Cut {
		l.cut(path)
	}
	if r.Meta == nil { // fast path
		l.batch.Commit(l.appendExtra(r.AppendBody(l.batch.Begin(r.Time), l.key, l.extra()), path, r.At))
		return
	}
	l.scratch = l.appendExtra(r.AppendBody(l.scratch[:0], l.key, l.extra()), path, r.At)
	l.batch.Append(r.Time, r.Meta, l.scratch)
}

// hold notes where the first line begins that waits for others, since all from there on has to be read
// again after a restart. The last n bytes of read are new, and the offset was not moved yet.
func (in *input) hold(f *file, read []byte, n int) {
	if f.join == nil {
		return
	}
	at, waits := f.join.Oldest()
	upTo := int64(len(read)-n) + offsetOf(at) - f.offset // bytes of read before that line
	switch {
	case !waits || f.lends:
	case f.inherited(at):
		f.held = point{}
	case upTo >= min(markSize, offsetOf(at)): // otherwise it is long past, and held stays where it was
		f.held.at = offsetOf(at)
		f.held.mark.set(read[:upTo])
	}
	f.joining.Store(waits)
}

// giveOut emits the joined records that have waited long enough, or all when now is zero.
func (in *input) giveOut(ctx context.Context, to plugin.Emitter, f *file, now time.Time) error {
	if f.join == nil || !f.joining.Load() {
		return nil
	}
	b := event.New(f.tag)
	in.lines.begins(b)
	f.join.Flush(now)
	in.hold(f, f.before, 0)
	return in.emit(ctx, to, f, b, f.point())
}

// never is before all that waits, so that nothing has waited for long.
var never = time.Unix(0, 0)

// due returns the time for giveOut at the end of a file: zero when nothing more is waited for. It is when
// the end was seen, not now: meanwhile the pipeline may have held the reader back, and lines may have come.
func (in *input) due(f *file, last bool) time.Time {
	switch {
	case last || in.exitOnEOF:
		return time.Time{}
	case f.lender != nil && in.looked.Sub(f.inherits) < in.rotateWait:
		return never // what it has inherited has some time anew
	}
	return in.looked
}

// leave emits what waits when the agent stops. With a database it is read again instead, as a whole.
func (in *input) leave(ctx context.Context, to plugin.Emitter) error {
	if in.store != nil || in.lines.newJoin == nil {
		return nil
	}
	for _, f := range in.watcher.all() {
		if err := in.giveOut(ctx, to, f, time.Time{}); err != nil {
			return unlessOver(ctx, err)
		}
	}
	return nil
}
