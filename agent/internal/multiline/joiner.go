package multiline

import (
	"bytes"
	"slices"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// maxWaiting is how many records of one stream wait at most; they differ in their parsers or groups.
const maxWaiting = 16

// keptText is how much memory of a joined text is kept for the next one.
const keptText = 64 << 10

// joiner joins the lines of one stream.
type joiner struct {
	*use
	out     func(plugin.Joined)
	last    int        // the parser that took the last line has the next one first
	open    []*pending // in the order of their first lines
	states  []state    // of rules; they outlive the records
	free    []*pending
	line    plugin.Line
	scratch []byte
	text    []byte
	fields  []event.Field
}

// pending is a record that waits for more lines.
type pending struct {
	parser *Parser
	group  []byte
	text   []byte
	body   []byte // of its first line; empty when lines are text
	meta   []byte
	time   event.Time
	at     int64
	lines  int
	since  time.Time
	holds  []event.Hold
}

// state is where rules have led.
type state struct {
	parser *Parser
	group  []byte
	rule   *Rule // that took the last line
}

// input is a line as one parser sees it.
type input struct {
	*plugin.Line
	text  []byte
	body  event.Value
	time  event.Time
	group []byte
}

// Add implements [plugin.Joiner].
func (j *joiner) Add(l plugin.Line) {
	j.line = l // not on the heap for each line anew
	if j.last >= 0 && j.try(j.parsers[j.last], &j.line) {
		return // fast path
	}
	for i, p := range j.parsers {
		if i != j.last && j.try(p, &j.line) {
			j.last = i
			return
		}
	}
	j.Flush(time.Time{})
	j.alone(&j.line)
}

// alone gives out a line that no parser takes. An empty text is none.
func (j *joiner) alone(l *plugin.Line) {
	r := plugin.Joined{At: l.At, Time: l.Time, Meta: l.Meta, Body: l.Body, Lines: 1}
	if l.Body == nil {
		if len(l.Text) == 0 {
			return
		}
		r.Key = j.parsers[0].Content
		r.Cut = len(l.Text) > j.limit
		j.text = append(j.text[:0], cut(l.Text, j.limit)...)
		if r.Key == "" {
			j.text = append(j.text, '\n')
		}
		r.Text = j.text
	}
	j.give(r)
}

func (j *joiner) give(r plugin.Joined) {
	if r.Cut {
		r.Meta = addMeta(r.Meta, truncated)
	}
	j.out(r)
}

// Flush implements [plugin.Joiner].
func (j *joiner) Flush(now time.Time) {
	for i := 0; i < len(j.open); {
		w := j.open[i]
		wait := w.parser.Wait
		if j.wait > 0 {
			wait = j.wait
		}
		late := !now.IsZero() && now.Sub(w.since) >= wait
		if late { // what comes now does not belong to it
			j.states = slices.DeleteFunc(j.states, func(s state) bool { return s.parser == w.parser && bytes.Equal(s.group, w.group) })
		}
		if late || now.IsZero() {
			j.finish(w, false)
			continue
		}
		i++
	}
}

// Oldest implements [plugin.Joiner].
func (j *joiner) Oldest() (at int64, waits bool) {
	if len(j.open) == 0 {
		return 0, false
	}
	return j.open[0].at, true
}

// try gives the line to one parser.
func (j *joiner) try(p *Parser, l *plugin.Line) bool {
	in, ok := j.look(p, l)
	if !ok {
		return false
	}
	if p.Kind == Rules {
		return j.byRules(p, in)
	}
	j.interrupt(p)
	key := in.text
	if p.Pattern != "" {
		if v := in.body.Get(p.Pattern); v.Type() == event.TypeStr {
			key = v.Str()
		}
	}
	hit := p.Kind == Equal && string(key) == p.Match || p.Kind == EndsWith && bytes.HasSuffix(key, []byte(p.Match))
	w, over := j.waiting(p, in.group), hit != p.Negate
	switch {
	case w == nil && over && in.body != nil: // fast path: whole by itself
		j.give(plugin.Joined{At: l.At, Time: in.time, Meta: l.Meta, Body: in.body, Lines: 1})
		return true
	case w == nil && len(in.text) == 0 && in.body == nil:
		return true // an empty line between records
	case w != nil && len(w.text)+len(in.text) >= j.limit: // what does not fit begins another record
		w = j.goOn(w, in)
	}
	if w == nil {
		w = j.begin(p, in)
	}
	if j.add(w, in); over {
		j.finish(w, false)
	}
	return true
}

// goOn ends w at the limit and begins the record in which the text goes on. A character that was split between
// two parts is in the latter.
func (j *joiner) goOn(w *pending, in input) *pending {
	var split []byte
	if j.key(w) != "" {
		split = bytes.Clone(half(w.text))
		w.text = w.text[:len(w.text)-len(split)]
	}
	j.finish(w, true)
	next := j.begin(w.parser, in)
	next.text = append(next.text, split...)
	return next
}

// look sees the line with the eyes of p, or reports that it is not of its kind.
func (j *joiner) look(p *Parser, l *plugin.Line) (in input, ok bool) {
	in = input{Line: l, text: l.Text, time: l.Time, body: l.Body}
	content := p.Content
	if l.Body != nil {
		if j.content != "" {
			content = j.content
		}
		v := l.Body.Get(content)
		if v.Type() != event.TypeStr {
			return in, false
		}
		in.text = v.Str()
	}
	if p.Pre != nil {
		body, t, ok := p.Pre(j.scratch[:0], in.text)
		if !ok {
			return in, false
		}
		j.scratch = body
		v := event.Value(body).Get(p.Content)
		if v.Type() != event.TypeStr {
			return in, false
		}
		if t != (event.Time{}) {
			in.time = t
		}
		in.text, in.body = v.Str(), body
		if l.Body != nil && l.Body.Len() > 1 {
			in.body = j.beside(body, l.Body, content)
		}
	}
	if p.Group != "" {
		in.group = in.body.Get(p.Group).Str()
	}
	return in, true
}

// beside returns the parsed map and what else was in the record that it was parsed from.
func (j *joiner) beside(parsed []byte, record event.Value, content string) event.Value {
	j.fields = event.AppendFields(j.fields[:0], event.Value(parsed))
	for k, v := range record.Pairs() {
		f := event.Field{Key: k, Val: v}
		same := func(o event.Field) bool { return bytes.Equal(o.Key, k) }
		if !f.Is(content) && !slices.ContainsFunc(j.fields, same) {
			j.fields = append(j.fields, f)
		}
	}
	return event.AppendMapOf(nil, j.fields)
}

func (j *joiner) byRules(p *Parser, in input) bool {
	w, st := j.waiting(p, in.group), j.state(p, in.group)
	var r *Rule
	if st != nil {
		r = first(st.rule.next, in.text)
	}
	switch {
	case r == nil:
		if r = first(p.starts, in.text); r == nil {
			return false
		}
		j.interrupt(p)
		if w != nil {
			j.finish(w, false)
		}
		w = j.begin(p, in)
	case w == nil && len(in.text) == 0 && in.body == nil:
		return true // an empty line between records
	case w == nil: // what goes on after an interruption stays together
		j.interrupt(p)
		if w = j.begin(p, in); len(in.text) == 0 {
			w.text = append(w.text, '\n')
		}
	}
	cut := j.add(w, in)
	if cut || r.over {
		j.finish(w, cut)
	}
	if cut {
		r = &Rule{} // nothing goes on
	}
	j.leadTo(p, in.group, r)
	return true
}

// state returns where the last line of p and group has led, or nil.
func (j *joiner) state(p *Parser, group []byte) *state {
	for i := range j.states {
		if s := &j.states[i]; s.parser == p && bytes.Equal(s.group, group) {
			return s
		}
	}
	return nil
}

func (j *joiner) leadTo(p *Parser, group []byte, r *Rule) {
	if s := j.state(p, group); s != nil {
		s.rule = r
		return
	}
	if len(j.states) == maxWaiting {
		j.states = slices.Delete(j.states, 0, 1)
	}
	j.states = append(j.states, state{parser: p, group: slices.Clone(group), rule: r})
}

// interrupt ends what other parsers have begun, since p takes the line. Groups of one parser may mix.
func (j *joiner) interrupt(p *Parser) {
	for i := 0; i < len(j.open); {
		if w := j.open[i]; w.parser != p {
			j.finish(w, false)
			continue
		}
		i++
	}
	if len(j.parsers) > 1 {
		j.states = slices.DeleteFunc(j.states, func(s state) bool { return s.parser != p })
	}
}

func (j *joiner) waiting(p *Parser, group []byte) *pending {
	for _, w := range j.open {
		if w.parser == p && bytes.Equal(w.group, group) {
			return w
		}
	}
	return nil
}

func (j *joiner) begin(p *Parser, in input) *pending {
	if len(j.open) == maxWaiting {
		j.finish(j.open[0], false)
	}
	w := new(pending)
	if n := len(j.free); n > 0 {
		w, j.free = j.free[n-1], j.free[:n-1]
	}
	w.parser, w.time, w.at, w.lines = p, in.time, in.At, 0
	w.group = append(w.group[:0], in.group...)
	w.body = append(w.body[:0], in.body...)
	w.meta = append(w.meta[:0], in.Meta...)
	w.text, w.holds = w.text[:0], nil
	j.open = append(j.open, w)
	return w
}

// add joins the line to w: by line feeds, unless the parser knows the parts of a text by their content. It
// reports that the text has reached the limit, where rules end it.
func (j *joiner) add(w *pending, in input) (over bool) {
	rules := w.parser.Kind == Rules
	feed := rules || j.key(w) == ""
	if n := len(w.text); feed && n > 0 && w.text[n-1] != '\n' {
		w.text = append(w.text, '\n')
	}
	if feed && len(in.text) == 0 && w.lines > 0 {
		w.text = append(w.text, '\n')
	}
	fits := in.text
	if room := max(0, j.limit-len(w.text)); rules && len(fits) > room {
		fits, over = cut(fits, room), true
	}
	w.text = append(w.text, fits...)
	w.since = in.Now
	if w.lines++; w.lines > 1 && len(in.Meta) > 1 && !bytes.Equal(in.Meta, w.meta) {
		w.meta = addMeta(w.meta, in.Meta)
	}
	w.holds = hold(w.holds, in.Batch)
	return over
}

// hold adds a share in the settlement of b, if there is one that is not among the holds.
func hold(holds []event.Hold, b *event.Batch) []event.Hold {
	if b == nil {
		return holds
	}
	own := b.Own()
	if !own.Watched() || len(holds) > 0 && holds[len(holds)-1] == own {
		return holds
	}
	return append(holds, b.Hold())
}

// key is where the text of w goes; "" when there is no such key, and w is nothing but text.
func (j *joiner) key(w *pending) string {
	if len(w.body) > 0 && w.parser.Pre == nil && j.content != "" {
		return j.content
	}
	return w.parser.Content
}

// finish gives w out. An empty text is none.
func (j *joiner) finish(w *pending, cut bool) {
	j.open = slices.DeleteFunc(j.open, func(o *pending) bool { return o == w })
	if len(w.text) == 0 && len(w.body) == 0 {
		j.free = append(j.free, w)
		return
	}
	r := plugin.Joined{At: w.at, Time: w.time, Key: j.key(w), Lines: w.lines, Cut: cut, Holds: w.holds}
	if len(w.body) > 0 {
		r.Body = w.body
	}
	if len(w.meta) > 0 {
		r.Meta = w.meta
	}
	if n := len(w.text); r.Key == "" && (n == 0 || w.text[n-1] != '\n') {
		w.text = append(w.text, '\n')
	}
	r.Text = w.text
	j.give(r)
	if cap(w.text) <= keptText {
		j.free = append(j.free, w)
	}
}
