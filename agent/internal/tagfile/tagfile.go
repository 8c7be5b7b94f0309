// Package tagfile makes file names out of tags and other words that come from outside.
package tagfile

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// maxName is how long a component of a path may be on common file systems, in bytes.
const maxName = 255

// Path turns a tag into a relative path below a directory. Components are separated by slashes; it never
// begins with one, leads upwards, or has an empty or overlong component. A tag that needs no change stays
// as it is, and so do two tags stay different as far as their length allows.
func Path(tag string) string {
	var parts []string
	for part := range strings.SplitSeq(tag, "/") {
		if part != "" {
			parts = append(parts, Name(part))
		}
	}
	if len(parts) == 0 {
		return "_"
	}
	if path := strings.Join(parts, "/"); len(path) <= 4*maxName {
		return path
	}
	return Name(strings.Join(parts, "_"))
}

// Plain is [Path] with nothing left in the components but ASCII letters and digits, dots, dashes and
// underscores; a backslash separates like a slash. Fluent Bit's output file names its files so.
func Plain(tag string) string {
	name := []byte(tag)
	for i, c := range name {
		switch {
		case c == '\\':
			name[i] = '/'
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '.', c == '-', c == '_':
		default:
			name[i] = '_'
		}
	}
	return Path(string(name))
}

// Name turns a word into one component of a path.
func Name(word string) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, word)
	switch name {
	case "", ".", "..":
		return "_"
	}
	if len(name) <= maxName {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(word))
	return fmt.Sprintf("%s-%016x", strings.ToValidUTF8(name[:maxName-17], ""), h.Sum64())
}

// Fit shortens those components of a path that are too long. What was put together from a text and a word may be,
// however short the word was made.
func Fit(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if len(part) > maxName {
			parts[i] = Name(part)
		}
	}
	return strings.Join(parts, "/")
}
