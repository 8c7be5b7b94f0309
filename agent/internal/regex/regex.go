// Package regex compiles regular expressions as Fluent Bit writes them, in Ruby's syntax (Onigmo), and
// runs each on the fastest engine that gives Ruby's answer.
//
// The engine is chosen once, when the pattern is compiled: plain sequences of fields run without
// allocation and without backtracking; what package regexp can express runs there, in linear time; only
// look-around, back-references and atomic groups that matter need a backtracking engine (regexp2), which
// is stopped by a time limit.
package regex

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Regexp is a compiled pattern. It may be used by many goroutines at once.
type Regexp struct {
	src      string
	names    []string
	seq      *sequence // nil, or the fastest way; the others are for what it gives up
	std      *regexp.Regexp
	lastLine bool         // a match of std behind the text's last newline is none
	ascii    bool         // std is right for ASCII texts only, back for all others
	back     *backtracker // nil when std does all
}

// Compile reads a pattern: bare, or as /…/ with the options i (case does not matter), m (a dot matches
// newlines too) and x (blanks and comments are for the reader) behind the last slash. The error says where
// in the pattern the fault is.
func Compile(pattern string) (*Regexp, error) {
	body, f := options(pattern)
	root, names, err := parse(body, f)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	re := &Regexp{src: pattern, names: names}
	relax(root, nil)
	s := scan{anchored: anchored(root)}
	s.walk(root, 0, true)
	if !s.foreign {
		e := emitter{}
		e.emit(root)
		if re.std, err = regexp.Compile(e.String()); err == nil && !s.edges {
			re.lastLine = s.lastLine
			re.seq = newSequence(root, len(names))
			return re, nil
		}
		re.lastLine, re.ascii = s.lastLine, err == nil
	}
	// What package regexp finds too large (repetitions beyond 1000) goes the same way.
	e := emitter{back: true}
	e.emit(root)
	if re.back, err = newBacktracker(e.String(), len(names)); err != nil {
		return nil, fmt.Errorf("regular expression '%s': %w", pattern, err)
	}
	return re, nil
}

// options splits /…/imx. What does not have that form is a pattern as it is: '/var/log' for instance.
func options(pattern string) (body string, f flags) {
	last := strings.LastIndexByte(pattern, '/')
	if last <= 0 || pattern[0] != '/' {
		return pattern, flags{}
	}
	for _, r := range pattern[last+1:] {
		switch r {
		case 'i':
			f.fold = true
		case 'm':
			f.dotAll = true
		case 'x':
			f.extended = true
		case 'o':
		default:
			return pattern, flags{}
		}
	}
	return pattern[1:last], f
}

// String returns the pattern as it was written.
func (re *Regexp) String() string { return re.src }

// Names returns the names of the groups in the order of their definition, as Find numbers them: index 0 is
// the whole match, and groups without a name are "". A name may be there twice; then whichever group took
// part in the match holds its value.
func (re *Regexp) Names() []string { return re.names }

// Engine names what runs the pattern, fastest first: "sequence", "regexp" or "regexp2"; what the latter runs
// for texts beyond ASCII only counts as its own.
func (re *Regexp) Engine() string {
	switch {
	case re.seq != nil:
		return "sequence"
	case re.back != nil:
		return "regexp2"
	}
	return "regexp"
}

// Backtracks reports that the pattern needs the engine with the time limit; worth a warning.
func (re *Regexp) Backtracks() bool { return re.back != nil && !re.ascii }

// Timeouts counts the texts that were given up as no match because of the time limit.
func (re *Regexp) Timeouts() uint64 {
	if re.back == nil {
		return 0
	}
	return re.back.timeouts.Load()
}

// Match reports whether the pattern matches anywhere in b.
func (re *Regexp) Match(b []byte) bool {
	if re.seq != nil {
		if found, known := re.seq.find(b, nil, nil); known {
			return found
		}
	}
	switch {
	case re.onBack(b):
		return re.back.match(b)
	case re.lastLine && len(b) > 0 && b[len(b)-1] == '\n':
		return len(re.Find(nil, b)) > 0
	}
	return re.std.Match(b)
}

// searchRoom is what a search needs of dst for itself, in most cases.
const searchRoom = 64

// Find searches the leftmost match and appends to dst, for the whole match and then each group, where it
// begins and ends in b: -1 twice for a group that took no part. Without a match dst comes back as it was.
// What dst has room for is used on the way; so hand in what came back before.
func (re *Regexp) Find(dst []int, b []byte) []int {
	if re.seq != nil {
		n := len(dst)
		end := n + 2*re.seq.groups
		dst = slices.Grow(dst, 2*re.seq.groups+searchRoom)
		found, known := re.seq.find(b, dst[n:end], dst[end:cap(dst)])
		switch {
		case found:
			return dst[:end]
		case known:
			return dst
		}
	}
	if re.onBack(b) {
		return re.back.find(dst, b)
	}
	loc := re.std.FindSubmatchIndex(b)
	if loc == nil || re.lastLine && loc[0] == len(b) && loc[0] > 0 {
		return dst
	}
	return append(dst, loc...)
}

// MatchPrefix reports whether a match that is not empty begins where b begins; its end does not matter.
// That is what match_regex asks of tags.
func (re *Regexp) MatchPrefix(b []byte) bool {
	var room [16 + searchRoom]int
	loc := re.Find(room[:0], b)
	return len(loc) > 0 && loc[0] == 0 && loc[1] > 0
}

func (re *Regexp) onBack(b []byte) bool { return re.back != nil && (!re.ascii || !isASCII(b)) }

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
