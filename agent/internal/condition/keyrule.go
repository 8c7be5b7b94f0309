package condition

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// KeyRule is an option `regex` or `exclude` of a filter: a key and an expression for the text under it.
type KeyRule struct {
	Exclude bool
	Regex   *regex.Regexp
	Pos     option.Pos
	key     *accessor.Accessor
}

// KeyRules are such options in the order of the file.
type KeyRules []KeyRule

// Add takes an option's value, "KEY REGEX", for [option.Ordered].
func (rules *KeyRules) Add(kind string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY REGEX, not a list or a map")
	}
	key, pattern := words.Pair(v.Text)
	if pattern == "" {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: '%s' has no regular expression", kind, v.Text), Cure: "write a key, a blank and the expression: log ^error"}
	}
	at, err := accessor.CompileKey(key)
	if err != nil {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", kind, err)}
	}
	re, err := regex.Compile(pattern)
	if err != nil {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", kind, err)}
	}
	*rules = append(*rules, KeyRule{Exclude: strings.EqualFold(kind, "exclude"), Regex: re, Pos: v.Pos, key: at})
	return nil
}

// Keep goes through the rules in order. The first that matches decides, whatever follows; a `regex` that does
// not match decides too.
func (rules KeyRules) Keep(body event.Value) bool {
	for i := range rules {
		switch r := &rules[i]; {
		case r.Matches(body):
			return !r.Exclude
		case !r.Exclude:
			return false
		}
	}
	return true
}

// Matches looks at texts only: a missing key and a number match nothing.
func (r *KeyRule) Matches(body event.Value) bool {
	v := r.key.Get(body)
	return v.Type() == event.TypeStr && r.Regex.Match(v.Str())
}
