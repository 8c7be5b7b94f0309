package tail

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
)

// glob is a pattern of paths, split at its slashes.
type glob struct {
	root  string // the slashes that it begins with
	parts []part
}

// part is one step of a path: a name as it is, or a pattern.
type part struct {
	name string
	re   *regexp.Regexp
	dots bool   // the pattern itself begins with a dot, so it may match names that do
	sep  string // the slashes behind it, as they are written: paths show up in records, tags and the database
}

func compileGlob(pattern, home string) (*glob, error) {
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok && home != "" {
		pattern = strings.TrimRight(home, "/") + "/" + rest
	}
	g := new(glob)
	for name := range strings.SplitSeq(pattern, "/") {
		switch n := len(g.parts); {
		case name == "" && n == 0:
			g.root += "/"
			continue
		case name == "":
			g.parts[n-1].sep += "/"
			continue
		case !strings.ContainsAny(name, `*?[\`):
			g.parts = append(g.parts, part{name: name, sep: "/"})
			continue
		}
		re, err := compilePattern(name, false)
		if err != nil {
			return nil, err
		}
		g.parts = append(g.parts, part{re: re, dots: name[0] == '.', sep: "/"})
	}
	return g, nil
}

// each calls file for every path that matches, sorted, and dir for every directory whose new entries could
// match.
func (g *glob) each(dir, file func(path string)) { walk(g.root, g.parts, dir, file) }

func walk(at string, parts []part, dir, file func(string)) {
	if len(parts) == 0 {
		return
	}
	p, last := parts[0], len(parts) == 1
	step := func(name string) {
		if last {
			file(at + name)
			return
		}
		walk(at+name+p.sep, parts[1:], dir, file)
	}
	if p.re == nil {
		if last {
			dir(at)
		}
		step(p.name)
		return
	}
	dir(at)
	for _, name := range list(at) {
		if (p.dots || name[0] != '.') && p.re.MatchString(name) {
			step(name)
		}
	}
}

// list returns the sorted names in a directory; none when it cannot be read.
func list(dir string) []string {
	if dir == "" {
		dir = "."
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1) // what could be read
	slices.Sort(names)
	return names
}

// matches reports whether path, as each would give it, is one of the pattern's.
func (g *glob) matches(path string) bool {
	rest := strings.TrimLeft(path, "/")
	if (rest == path) != (g.root == "") {
		return false
	}
	for i, p := range g.parts {
		name, more, slash := strings.Cut(rest, "/")
		if slash == (i == len(g.parts)-1) {
			return false
		}
		if p.re == nil && name != p.name || p.re != nil && (name == "" || name[0] == '.' && !p.dots || !p.re.MatchString(name)) {
			return false
		}
		rest = strings.TrimLeft(more, "/")
	}
	return len(g.parts) > 0
}

var errBracket = errors.New("a bracket of the pattern is not closed")

// compilePattern translates a shell pattern. With slashes, * and ? also match them, as fnmatch does
// without flags.
func compilePattern(pattern string, slashes bool) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	one := `[^/]`
	if slashes {
		one = `.`
	}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(one + `*`)
		case '?':
			b.WriteString(one)
		case '[':
			class, n := bracket(pattern[i:])
			if n == 0 {
				return nil, errBracket
			}
			b.WriteString(class)
			i += n - 1
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			j := i + 1
			for j < len(pattern) && !strings.ContainsRune(`*?[\`, rune(pattern[j])) {
				j++
			}
			b.WriteString(regexp.QuoteMeta(pattern[i:j]))
			i = j - 1
		}
	}
	return regexp.Compile(b.String() + `$`)
}

// bracket translates [a-z], [!a] and [[:digit:]] and returns the length of what it read, 0 without an end.
func bracket(s string) (class string, n int) {
	var b strings.Builder
	b.WriteByte('[')
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		b.WriteByte('^')
		i++
	}
	for first := true; i < len(s); first = false {
		switch {
		case s[i] == ']' && !first:
			b.WriteByte(']')
			return b.String(), i + 1
		case strings.HasPrefix(s[i:], "[:") && strings.Contains(s[i:], ":]"):
			end := strings.Index(s[i:], ":]") + 2
			b.WriteString(s[i : i+end])
			i += end
			continue
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteString(regexp.QuoteMeta(s[i : i+1]))
		case strings.IndexByte(`[]^\&`, s[i]) >= 0:
			b.WriteString(`\` + s[i:i+1])
		default:
			b.WriteByte(s[i])
		}
		i++
	}
	return "", 0
}
