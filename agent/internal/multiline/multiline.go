// Package multiline joins lines that belong together, such as stack traces and lines that a container
// runtime has split.
package multiline

import (
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
	Equal                // a record ends with the line that is Match
)

// Start is the state before the first line.
const Start = "start_state"

// Rule takes a line that matches Regex in one of the states From, and goes to the state To.
type Rule struct {
	From  []string
	Regex *regex.Regexp
	To    string

	next []*Rule // what may take the next line of the same record
	over bool    // a rule that begins a record may follow: then this one has ended
}

func (r *Rule) starts() bool { return slices.Contains(r.From, Start) }

// Parser says which lines belong together.
type Parser struct {
	Name   string
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

	starts []*Rule
}

// link finds for each rule those that may follow it.
func (p *Parser) link() *Parser {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.starts() {
			p.starts = append(p.starts, r)
		}
		for k := range p.Rules {
			switch to := &p.Rules[k]; {
			case !slices.Contains(to.From, r.To):
			case to.starts():
				r.over = true
			default:
				r.next = append(r.next, to)
			}
		}
	}
	return p
}

// first returns the first of the rules that takes text.
func first(rules []*Rule, text []byte) *Rule {
	for _, r := range rules {
		if r.Regex.Match(text) {
			return r
		}
	}
	return nil
}
