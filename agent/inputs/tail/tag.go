package tail

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
)

// tagger makes the tag of a file's records out of its path.
type tagger struct {
	tag   string
	re    *regex.Regexp
	words []word
}

// word is a piece of a tag: text, or the name of a group.
type word struct {
	text  string
	group bool
}

// use has the groups of re stand for their names in angle brackets.
func (t *tagger) use(re *regex.Regexp) error {
	t.re = re
	rest := t.tag
	for {
		before, after, found := strings.Cut(rest, "<")
		if before != "" {
			t.words = append(t.words, word{text: before})
		}
		if !found {
			return nil
		}
		name, more, closed := strings.Cut(after, ">")
		if !closed || strings.Contains(name, "<") {
			return fmt.Errorf("the tag '%s' has a < without a >", t.tag)
		}
		t.words = append(t.words, word{text: name, group: true})
		rest = more
	}
}

var errNoTag = errors.New("tag_regex does not match the path")

// of returns the tag of the file at path. A group without a value is "_".
func (t *tagger) of(path string) (string, error) {
	if t.re == nil {
		return expand(t.tag, path), nil // fast path
	}
	loc := t.re.Find(nil, []byte(path))
	if len(loc) == 0 {
		return "", errNoTag
	}
	var b strings.Builder
	for _, w := range t.words {
		if !w.group {
			b.WriteString(w.text)
			continue
		}
		b.WriteString(group(path, t.re.Names(), loc, w.text))
	}
	return b.String(), nil
}

func group(path string, names []string, loc []int, name string) string {
	for i := range names {
		if names[i] == name && loc[2*i] >= 0 {
			return path[loc[2*i]:loc[2*i+1]]
		}
	}
	return "_"
}

// expand puts the path in the place of the first *, and then makes a dot of every slash, backslash and
// colon, and one dot of many.
func expand(tag, path string) string {
	before, after, found := strings.Cut(tag, "*")
	if !found {
		return tag
	}
	s := strings.TrimLeft(before+path+after, "/\\:")
	out := make([]byte, 0, len(s))
	for _, c := range []byte(s) {
		if slices.Contains([]byte(`/\:`), c) {
			c = '.'
		}
		if c == '*' || c == '.' && len(out) > 0 && out[len(out)-1] == '.' {
			continue
		}
		out = append(out, c)
	}
	return strings.TrimSuffix(string(out), ".")
}
