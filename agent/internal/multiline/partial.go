package multiline

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// maxPartials is how many messages of one stream wait for their last parts at most.
const maxPartials = 1000

// partials joins the records into which Docker's fluentd driver splits long messages. A message is known by
// its partial_id; parts of several may mix, with each other and with whole records.
type partials struct {
	*use
	out    func(plugin.Joined)
	open   []*partial // in the order of their first parts
	fields []event.Field
}

// partial is a message that waits for more parts.
type partial struct {
	id, text, meta []byte
	body           []byte // of the first part: without its partial_ keys, and with the text's at the end
	time           event.Time
	at             int64
	parts          int
	since          time.Time
	holds          []event.Hold
}

// Add implements [plugin.Joiner].
func (j *partials) Add(l plugin.Line) {
	id, text, ok := j.look(l.Body)
	if !ok {
		j.out(plugin.Joined{At: l.At, Time: l.Time, Meta: l.Meta, Body: l.Body, Lines: 1})
		return
	}
	var split []byte // a character of which one part has the beginning
	i := slices.IndexFunc(j.open, func(p *partial) bool { return bytes.Equal(p.id, id) })
	if i >= 0 && len(j.open[i].text)+len(text) > j.limit { // what does not fit begins another record
		p := j.open[i]
		split = half(p.text)
		p.text = p.text[:len(p.text)-len(split)]
		j.finish(i, true)
		i = -1
	}
	if i < 0 {
		if len(j.open) == maxPartials {
			j.finish(0, false)
		}
		i = len(j.open)
		j.open = append(j.open, j.begin(l, id))
	}
	p := j.open[i]
	p.text = append(append(p.text, split...), text...)
	p.since = l.Now
	p.holds = hold(p.holds, l.Batch)
	if p.parts++; p.parts > 1 && len(l.Meta) > 1 && !bytes.Equal(l.Meta, p.meta) {
		p.meta = addMeta(p.meta, l.Meta)
	}
	if isTrue(l.Body.Get("partial_last")) {
		j.finish(i, false)
	}
}

// look reports whether body is a part, of which message, and its text.
func (j *partials) look(body event.Value) (id, text []byte, ok bool) {
	if !isTrue(body.Get("partial_message")) {
		return nil, nil, false
	}
	name, content := body.Get("partial_id"), body.Get(j.content)
	if name.Type() != event.TypeStr || content.Type() != event.TypeStr {
		return nil, nil, false
	}
	return name.Str(), content.Str(), true
}

// isTrue takes Docker's texts as well as booleans.
func isTrue(v event.Value) bool {
	b, _ := v.Bool()
	return b || bytes.EqualFold(v.Str(), []byte("true"))
}

func (j *partials) begin(l plugin.Line, id []byte) *partial {
	var text event.Field
	j.fields = j.fields[:0]
	for k, v := range l.Body.Pairs() {
		switch f := (event.Field{Key: k, Val: v}); {
		case f.Is(j.content):
			text = f
		case !strings.HasPrefix(string(k.Str()), "partial_"):
			j.fields = append(j.fields, f)
		}
	}
	return &partial{
		id: slices.Clone(id), body: event.AppendMapOf(nil, append(j.fields, text)),
		meta: slices.Clone(l.Meta), time: l.Time, at: l.At,
	}
}

func (j *partials) finish(i int, cut bool) {
	p := j.open[i]
	j.open = slices.Delete(j.open, i, i+1)
	if cut {
		p.meta = addMeta(p.meta, truncated)
	}
	j.out(plugin.Joined{At: p.at, Time: p.time, Meta: p.meta, Body: p.body, Key: j.content, Text: p.text, Lines: p.parts, Cut: cut, Holds: p.holds})
}

// Flush implements [plugin.Joiner].
func (j *partials) Flush(now time.Time) {
	for i := 0; i < len(j.open); {
		if now.IsZero() || now.Sub(j.open[i].since) >= j.wait {
			j.finish(i, false)
			continue
		}
		i++
	}
}

// Oldest implements [plugin.Joiner].
func (j *partials) Oldest() (at int64, waits bool) {
	if len(j.open) == 0 {
		return 0, false
	}
	return j.open[0].at, true
}
