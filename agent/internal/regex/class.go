package regex

import (
	"slices"
	"strings"
	"unicode"
)

// class is a set of characters: pairs of first and last, sorted, neither overlapping nor touching.
type class []rune

const maxRune = unicode.MaxRune

var (
	newline  = class{'\n', '\n'}
	anyRune  = class{0, maxRune}
	digits   = class{'0', '9'}
	hexes    = class{'0', '9', 'A', 'F', 'a', 'f'}
	blanks   = class{'\t', '\r', ' ', ' '}
	words    = class{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}
	notBreak = newline.negate()
)

// merge sorts pairs and joins those that overlap.
func merge(pairs []rune) class {
	type span struct{ lo, hi rune }
	spans := make([]span, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		spans = append(spans, span{pairs[i], pairs[i+1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.lo - b.lo) })
	var c class
	for _, s := range spans {
		if n := len(c); n > 0 && s.lo <= c[n-1]+1 {
			c[n-1] = max(c[n-1], s.hi)
			continue
		}
		c = append(c, s.lo, s.hi)
	}
	return c
}

func (c class) union(d class) class { return merge(slices.Concat(c, d)) }

func (c class) negate() class {
	var out class
	next := rune(0)
	for i := 0; i < len(c); i += 2 {
		if c[i] > next {
			out = append(out, next, c[i]-1)
		}
		next = c[i+1] + 1
	}
	if next <= maxRune {
		out = append(out, next, maxRune)
	}
	return out
}

func (c class) intersect(d class) class { return c.negate().union(d.negate()).negate() }

// lastCased is the last character that has another case.
const lastCased = 0x1e943

// fold adds every character that differs from one of c by its case only.
func (c class) fold() class {
	out := slices.Clone(c)
	for i := 0; i < len(c); i += 2 {
		for r := c[i]; r <= min(c[i+1], lastCased); r++ {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				out = append(out, f, f)
			}
		}
	}
	return merge(out)
}

// table returns the characters of a Unicode table.
func table(ts ...*unicode.RangeTable) class {
	var pairs []rune
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			pairs = append(pairs, lo, hi)
			return
		}
		for r := lo; r <= hi; r += stride {
			pairs = append(pairs, r, r)
		}
	}
	for _, t := range ts {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return merge(pairs)
}

// bracket returns the class of a POSIX name, over all of Unicode as in Ruby, or nil.
func bracket(name string) class {
	space := func() class { return table(unicode.Z).union(class{'\t', '\r', 0x85, 0x85}) }
	graph := func() class {
		return table(unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Cf, unicode.Co)
	}
	switch name {
	case "alnum":
		return table(unicode.L, unicode.M, unicode.Nd)
	case "alpha":
		return table(unicode.L, unicode.M)
	case "ascii":
		return class{0, 0x7f}
	case "blank":
		return table(unicode.Zs).union(class{'\t', '\t'})
	case "cntrl":
		return table(unicode.Cc)
	case "digit":
		return table(unicode.Nd)
	case "graph":
		return graph()
	case "lower":
		return table(unicode.Ll)
	case "print":
		return graph().union(table(unicode.Zs))
	case "punct":
		return table(unicode.P).union(merge([]rune{'$', '$', '+', '+', '<', '>', '^', '^', '`', '`', '|', '|', '~', '~'}))
	case "space":
		return space()
	case "upper":
		return table(unicode.Lu)
	case "xdigit":
		return hexes
	case "word":
		return table(unicode.L, unicode.M, unicode.Nd, unicode.Pc)
	}
	return nil
}

// property returns the class behind \p{name}: a POSIX name, a category or a script; or nil.
func property(name string) class {
	flat := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(name))
	switch flat {
	case "any":
		return anyRune
	case "punct": // without the symbols that [[:punct:]] holds as well
		return table(unicode.P)
	}
	if c := bracket(flat); c != nil {
		return c
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts, unicode.Properties} {
		for n, t := range tables {
			if strings.ReplaceAll(strings.ToLower(n), "_", "") == flat {
				return table(t)
			}
		}
	}
	return nil
}

func (c class) has(r rune) bool {
	for i := 0; i < len(c); i += 2 {
		if r >= c[i] && r <= c[i+1] {
			return true
		}
	}
	return false
}
