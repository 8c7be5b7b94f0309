package multiline

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Set is the multiline parsers of a configuration.
type Set struct {
	parsers map[string]*Parser // by their names in lower case
	names   []string
	limit   int
}

// NewSet returns the built-in parsers. Joined texts are cut at limit bytes; 0 is no limit.
func NewSet(limit int64) *Set {
	s := &Set{parsers: map[string]*Parser{}, limit: int(limit)}
	if limit <= 0 {
		s.limit = 1 << 30 // a record's length has to fit 32 bits
	}
	for _, name := range Builtins {
		s.Add(builtin(name))
	}
	return s
}

// Add adds p, or reports false when there is a parser of that name.
func (s *Set) Add(p *Parser) bool {
	name := strings.ToLower(p.Name)
	if s.parsers[name] != nil {
		return false
	}
	s.parsers[name] = p
	s.names = append(s.names, p.Name)
	return true
}

// use is what the joiners of one plugin have in common.
type use struct {
	parsers []*Parser
	content string
	wait    time.Duration
	limit   int
}

// Use finds the parsers of what; see [plugin.Env.Multiline].
func (s *Set) Use(what plugin.Joining) (plugin.Multiline, error) {
	u := &use{content: what.Content, wait: what.Wait, limit: s.limit}
	if what.Partial {
		return func(out func(plugin.Joined)) plugin.Joiner { return &partials{use: u, out: out} }, nil
	}
	var faults []string
	for _, name := range what.Parsers {
		p := s.parsers[strings.ToLower(name)]
		switch {
		case p == nil:
			hint := option.Suggest(name, s.names)
			if hint == "" {
				hint = "there are " + strings.Join(s.names, ", ")
			}
			faults = append(faults, fmt.Sprintf("there is no multiline parser '%s'; %s", name, hint))
		case p.Pre != nil && p.Content == "":
			faults = append(faults, fmt.Sprintf("the multiline parser '%s' has a parser but no key_content, so that no line could be joined; add the key of the text", p.Name))
		default:
			u.parsers = append(u.parsers, p)
		}
	}
	if len(what.Parsers) == 0 {
		faults = append(faults, "no multiline parser is named")
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "; "))
	}
	return func(out func(plugin.Joined)) plugin.Joiner { return &joiner{use: u, out: out, last: -1} }, nil
}
