package regex

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// pieces make up patterns that sequences can run.
var pieces = []string{
	"a", "b", " ", "x", "é", "[ab]", "[^ ]", "[^a]", ".", `\d`, `\S`, "[^ ]*", "[^ ]+", "a*", "[ab]+", ".*", ".+", `\S*`, "a?", ".?", "[^b]*?", ".*?", ".+?", "(?<u>[^a]+?)", `\D+?`,
	"[ab]{2}", "[ab]{1,2}", "(?<x>a*)", "(?<y>[^ ]*)", "(?<z>.*)", "(?: b)?", "(?:a|ab)", "(?<w>a|b|)", "(?<v>a+b)?", `(?:"[^"]*")?`, "(?: a)??", "$", `\z`, "é+", "[^ ]?",
	"(?:a+ )*", "(?:[ab]é)+", "(?:x|é)*?", "(?<t>a|bé?)*", "(?:(?<s>[^ ]) ?)+", "(?:b(?:a ?)*)*", "é", ".*é", `\S+`, "(?<r>[^a]*é)??", "(?:[ab]+ ){2}", "(?<p>a|b ?){3}",
}

func TestSequencesAgreeWithPackageRegexp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	ran := 0
	for range 4000 {
		pattern := []string{"^", `\A`, "a", "", "^", "[ab]", "(?<q>.)", `\S+`}[rnd.IntN(8)]
		for range 1 + rnd.IntN(6) {
			pattern += pieces[rnd.IntN(len(pieces))]
		}
		re, err := Compile(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if re.seq == nil {
			continue
		}
		ran++
		back := engines(t, pattern)["back"]
		std := &Regexp{src: pattern, names: re.names, std: re.std, lastLine: re.lastLine}
		for range 12 {
			text := ""
			for range rnd.IntN(9) {
				text += []string{"a", "b", " ", "x", "é", "\n", "\xff", "1", "\"", "ab", "\x80"}[rnd.IntN(11)]
			}
			if got, want := shown(re, text), shown(std, text); got != want {
				t.Errorf("%s on %q: the sequence says %s, package regexp %s", pattern, text, got, want)
			}
			before := back.Timeouts() // on a machine that stalls regexp2 may give up, and then says nothing
			if got, want := shown(re, text), shown(back, text); got != want && back.Timeouts() == before {
				t.Errorf("%s on %q: the sequence says %s, regexp2 %s", pattern, text, got, want)
			}
			if re.Match([]byte(text)) != std.Match([]byte(text)) {
				t.Errorf("%s on %q: Match differs", pattern, text)
			}
		}
	}
	if ran < 1000 {
		t.Errorf("only %d patterns ran as sequences", ran)
	}
}

func TestUsualParsersRunAsSequencesWithoutAllocation(t *testing.T) {
	for _, p := range []string{
		`^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<logtag>[^ ]*) (?<message>.*)$`,
		`^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^ ]*) +\S*)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>[^\"]*)" "(?<agent>.*)")?$`,
		`^\<(?<pri>[0-9]+)\>(?<time>[^ ]* {1,2}[^ ]* [^ ]*) (?<host>[^ ]*) (?<ident>[a-zA-Z0-9_\/\.\-]*)(?:\[(?<pid>[0-9]+)\])?(?:[^\:]*\:)? *(?<message>.*)$`,
	} {
		re, err := Compile(p)
		if err != nil || re.seq == nil {
			t.Errorf("%s: no sequence, %v", p, err)
			continue
		}
		text := []byte("2024-01-02T10:20:30Z stdout F the message of the day")
		var loc []int
		if n := testing.AllocsPerRun(100, func() { loc = re.Find(loc[:0], text); re.Match(text) }); n > 0 {
			t.Errorf("%s: %v allocations", p, n)
		}
	}
}

func TestASequenceThatWorksTooLongIsLeftToPackageRegexp(t *testing.T) {
	re, err := Compile(`^.*a.*a.*a.*a.*a.*b$`)
	if err != nil || re.seq == nil {
		t.Fatalf("no sequence, %v", err)
	}
	text := []byte(strings.Repeat("a", 2000))
	if _, known := re.seq.find(text, nil, nil); known {
		t.Error("the budget was not spent")
	}
	if re.Match(text) || !re.Match(append(text, 'b')) {
		t.Error("wrong answer")
	}
}

func FuzzEnginesAgree(f *testing.F) {
	f.Add(`^(?<x>[^ ]+) (?:a|b)?.*$`, "x a\nb")
	f.Add(`"(?<k>[^"]*)"(?: é+)?`, `a "b" éé`)
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 40 || len(text) > 40 {
			return
		}
		re, err := Compile(pattern)
		if err != nil || re.seq == nil {
			return
		}
		std := &Regexp{src: pattern, names: re.names, std: re.std, lastLine: re.lastLine}
		if got, want := shown(re, text), shown(std, text); got != want {
			t.Errorf("%s on %q: the sequence says %s, package regexp %s", pattern, text, got, want)
		}
	})
}
