// Package multiline joins lines that belong together, such as stack traces and lines that a container
// runtime has split.
package multiline

import (
	"bytes"
	"slices"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
)

// Kind is how a parser knows which lines belong together.
type Kind uint8

// The kinds of parsers.
const (
	Rules    Kind = iota // states and regular expressions
	EndsWith             // a record ends with the line that ends with Match
	Equal                // a record ends with the line whose Pattern is Match
)

// Start is the state before the first line.
const Start = "start_state"

// Rule takes a line that matches Regex in one of the states From, and goes to the state To.
type Rule struct {
	From  []string
	Regex *regex.Regexp
	To    string
}

func (r *Rule) starts() bool { return slices.Contains(r.From, Start) }

// Parser says which lines belong together.
type Parser struct {
	Kind   Kind
	Match  string
	Negate bool
	Rules  []Rule
	Wait   time.Duration // how long a record waits for its next line

	// Pre makes a map of a line, or reports false for one that is not of its kind. Without it a line is
	// text. The keys are those of the map: where the text is, what Match is compared with instead of it,
	// and what tells streams apart that share the lines.
	Pre                     func(dst, line []byte) (body []byte, t event.Time, ok bool)
	Content, Pattern, Group string
}

// Result is a joined record. Text and First are valid until the function that is given them returns.
type Result struct {
	At      int64       // where the first line stands
	Time    event.Time  // of the first line; zero when that had none
	First   event.Value // the map of the first line; nil when lines are text
	Content string      // the key in First whose value Text replaces
	Text    []byte
}

// pending is a record that waits for more lines.
type pending struct {
	parser *Parser
	group  string
	state  *Rule
	text   []byte
	first  event.Value
	time   event.Time
	at     int64 // of its first line
	since  time.Time
}

// Joiner joins the lines of one stream. It remembers every record that waits.
type Joiner struct {
	parsers []*Parser // the last used one first
	limit   int
	out     func(Result)
	open    []*pending
	scratch []byte
}

// New returns a joiner that tries the parsers in turn, cuts records at limit bytes and gives them to out.
func New(parsers []*Parser, limit int, out func(Result)) *Joiner {
	return &Joiner{parsers: slices.Clone(parsers), limit: limit, out: out}
}

// Line takes the next line, without its end, which stands at the offset at.
func (j *Joiner) Line(line []byte, at int64, now time.Time) {
	for i, p := range j.parsers {
		if !j.try(p, line, at, now) {
			continue
		}
		if i > 0 {
			copy(j.parsers[1:], j.parsers[:i])
			j.parsers[0] = p
		}
		return
	}
	j.Flush(time.Time{})
	if len(line) > 0 {
		j.out(Result{At: at, Text: append(append(j.scratch[:0], line...), '\n')})
	}
}

// Flush gives out the records that wait for longer than their parsers say, or all when now is zero.
func (j *Joiner) Flush(now time.Time) {
	for i := 0; i < len(j.open); {
		if p := j.open[i]; now.IsZero() || now.Sub(p.since) >= p.parser.Wait {
			j.finish(p)
			continue
		}
		i++
	}
}

// Oldest returns where the first of the lines that wait stands, or false when none waits.
func (j *Joiner) Oldest() (at int64, waits bool) {
	for _, p := range j.open {
		if !waits || p.at < at {
			at, waits = p.at, true
		}
	}
	return at, waits
}

// try gives the line to one parser.
func (j *Joiner) try(p *Parser, line []byte, at int64, now time.Time) bool {
	l := input{text: line, at: at, now: now}
	if p.Pre != nil {
		body, t, ok := p.Pre(j.scratch[:0], line)
		if !ok {
			return false
		}
		j.scratch = body
		l.body, l.time = event.Value(body), t
		content := l.body.Get(p.Content)
		if content.Type() != event.TypeStr {
			return false
		}
		l.text = content.Str()
		l.group = string(l.body.Get(p.Group).Str())
	}
	if p.Kind == Rules {
		return j.byRules(p, l)
	}
	key := l.text
	if p.Pattern != "" {
		key = l.body.Get(p.Pattern).Str()
	}
	hit := p.Kind == Equal && string(key) == p.Match || p.Kind == EndsWith && bytes.HasSuffix(key, []byte(p.Match))
	w := j.waiting(p, l.group)
	if w == nil {
		w = j.begin(p, l)
	}
	if j.add(w, l); w.full(j.limit) || hit != p.Negate {
		j.finish(w)
	}
	return true
}

// input is a line as one parser sees it.
type input struct {
	text  []byte
	body  event.Value
	time  event.Time
	group string
	at    int64
	now   time.Time
}

func (j *Joiner) byRules(p *Parser, l input) bool {
	w := j.waiting(p, l.group)
	var r *Rule
	if w != nil {
		r = p.next(w.state.To, false, l.text)
	}
	if r == nil {
		if r = p.next(Start, true, l.text); r == nil {
			return false
		}
		if w != nil {
			j.finish(w)
		}
		w = j.begin(p, l)
	}
	w.state = r
	j.add(w, l)
	if w.full(j.limit) || p.mayStart(r.To) {
		j.finish(w)
	}
	return true
}

// next returns the rule that takes text in a state: of those that begin a record, or of the others.
func (p *Parser) next(state string, starts bool, text []byte) *Rule {
	for i := range p.Rules {
		if r := &p.Rules[i]; r.starts() == starts && slices.Contains(r.From, state) && r.Regex.Match(text) {
			return r
		}
	}
	return nil
}

// mayStart reports whether a rule that begins a record follows the state: then this one is over.
func (p *Parser) mayStart(state string) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.starts() && slices.Contains(r.From, state) })
}

func (j *Joiner) waiting(p *Parser, group string) *pending {
	for _, w := range j.open {
		if w.parser == p && w.group == group {
			return w
		}
	}
	return nil
}

func (j *Joiner) begin(p *Parser, l input) *pending {
	w := &pending{parser: p, group: l.group, time: l.time, at: l.at}
	if l.body != nil {
		w.first = slices.Clone(l.body)
	}
	j.open = append(j.open, w)
	return w
}

// add joins the line to w: parts of a text by line feeds, contents of maps by nothing unless rules do it.
func (j *Joiner) add(w *pending, l input) {
	feed := w.first == nil || w.parser.Kind == Rules
	if n := len(w.text); feed && n > 0 && w.text[n-1] != '\n' {
		w.text = append(w.text, '\n')
	}
	if feed && len(l.text) == 0 {
		w.text = append(w.text, '\n')
	}
	w.text = append(w.text, l.text[:min(len(l.text), max(0, j.limit-len(w.text)))]...)
	w.since = l.now
}

func (w *pending) full(limit int) bool { return len(w.text) >= limit }

// finish gives w out. A text ends with a line feed.
func (j *Joiner) finish(w *pending) {
	j.open = slices.DeleteFunc(j.open, func(o *pending) bool { return o == w })
	if n := len(w.text); w.first == nil && (n == 0 || w.text[n-1] != '\n') {
		w.text = append(w.text, '\n')
	}
	j.out(Result{At: w.at, Time: w.time, First: w.first, Content: w.parser.Content, Text: w.text})
}
