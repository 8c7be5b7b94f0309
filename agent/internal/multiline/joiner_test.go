package multiline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// set returns a set with some parsers of our own.
func set(t testing.TB, limit int64) *Set {
	s := NewSet(limit)
	rule := func(from, pattern, to string) Rule {
		re, err := regex.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return Rule{From: strings.Split(from, ","), Regex: re, To: to}
	}
	add := func(p Parser) {
		if p.Wait = wait; !s.Add(p.link()) {
			t.Fatal(p.Name, " is there already")
		}
	}
	add(Parser{Name: "semi", Kind: EndsWith, Match: ";"})
	add(Parser{Name: "cont", Kind: EndsWith, Match: "\\", Negate: true})
	add(Parser{Name: "end", Kind: Equal, Match: "END"})
	add(Parser{Name: "glued", Kind: EndsWith, Match: ";", Content: "text"})
	add(Parser{Name: "steps", Kind: Rules, Rules: []Rule{rule(Start, `^\d+\. `, "more"), rule("more", `^ +- `, "more"), rule("more", `^$`, "more")}})
	add(Parser{Name: "stars", Kind: Rules, Content: "text", Rules: []Rule{rule(Start, `^\* `, "star"), rule(Start, `^# `, "hash"), rule("star,hash", `^ `, "star")}})
	add(Parser{Name: "short", Kind: Rules, Rules: []Rule{rule(Start+",again", `^a`, "again"), rule("again", `^ `, "again")}})
	add(Parser{Name: "indented", Kind: Rules, Rules: []Rule{rule(Start, `^(?! )`, "more"), rule("more", `^ `, "more")}})
	return s
}

// joins returns what becomes of the lines of text, each record as "TEXT" or "KEY TEXT", …
func joins(t testing.TB, s *Set, text string, names ...string) (got []string) {
	t.Helper()
	m, err := s.Use(plugin.Joining{Parsers: names})
	if err != nil {
		t.Fatal(err)
	}
	j := m(func(r plugin.Joined) {
		text := string(r.Text)
		if r.Body != nil && r.Key == "" {
			text = string(r.Body.Get("log").Str()) + string(r.Body.Get("text").Str())
		}
		if r.Body == nil && r.Key != "" {
			text = r.Key + " " + text
		}
		if r.Cut {
			text += " (cut)"
		}
		got = append(got, text)
	})
	for line := range strings.SplitSeq(text, "\n") {
		j.Add(plugin.Line{Text: []byte(line)})
	}
	j.Flush(time.Time{})
	if _, waits := j.Oldest(); waits {
		t.Error("a line still waits")
	}
	return got
}

func check(t *testing.T, s *Set, name, text string, want ...string) {
	t.Helper()
	if got := joins(t, s, text, strings.Split(name, ", ")...); !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", name, got, want)
	}
}

func TestStackTracesStayTogether(t *testing.T) {
	one := func(name string, parts ...string) {
		t.Helper()
		check(t, NewSet(0), name, strings.TrimSuffix(strings.Join(parts, ""), "\n"), parts...)
	}
	one("go", "before\n", "panic: no luck\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x39\n", "exit status 2\n")
	one("java", "starting\n", "java.lang.Error: broken\n\tat a.B(C:1)\nCaused by: x.Exception: y\n\tat d.E(F:2)\n\t... 2 more\n", "still here\n", "java.lang.Error: again\n\tat g\n")
	one("python", "Traceback (most recent call last):\n  File \"a.py\", line 1\n    f()\nValueError: bad\n", "after\n")
	one("ruby", "a.rb:1:in `f': bad (E)\n\tfrom a.rb:2:in `g'\n", "after\n")
	one("go, java, python", "panic: x\n", "Traceback (most recent call last):\n  File \"a.py\", line 1\n    f()\nValueError: bad\n", "x.Error: y\n\tat z\n", "end\n")
}

func TestPartsOfContainersAreJoinedPerStream(t *testing.T) {
	check(t, NewSet(0), "docker, cri", `2024-05-06T07:08:09.125Z stdout P first, 
2024-05-06T07:08:09.125Z stderr P other, 
2024-05-06T07:08:09.250Z stdout F second
2024-05-06T07:08:09.250Z stderr F end
2024-05-06T07:08:09.250Z stderr P lonely
{"log":"a ","stream":"stdout"}
{"log":"x\n","stream":"stderr"}
{"log":"b\n","stream":"stdout"}
neither`, "first, second", "other, end", "lonely", "x\n", "a b\n", "log neither")
}

func TestLinesAreJoinedUntilOneEndsTheRecord(t *testing.T) {
	s := set(t, 0)
	check(t, s, "semi", "a\nb;\nc;\n\n\nd\n\ne;\nf", "a\nb;\n", "c;\n", "d\n\ne;\n", "f\n")
	check(t, s, "cont", "a \\\nb \\\nc\nd\n\ne", "a \\\nb \\\nc\n", "d\n", "e\n")
	check(t, s, "end", "a\nEND\nEND\nb\nEN", "a\nEND\n", "END\n", "b\nEN\n")
	check(t, s, "glued", "a\nb;\n\nc", "text ab;", "text c")
}

func TestRulesLeadFromStateToState(t *testing.T) {
	s := set(t, 0)
	check(t, s, "steps", "x\n\n1. a\n - b\n\n\n - c\n2. d\n3. e\n - f\nx\n - g", "x\n", "1. a\n - b\n\n\n - c\n", "2. d\n", "3. e\n - f\n", "x\n", " - g\n")
	check(t, s, "stars", "* a\n b\n# c\n d\n e\nf", "text * a\n b", "text # c\n d\n e", "text f")
	check(t, s, "steps", "1. a\nx\n\n - b\n - c\ny\n - d", "1. a\n", "x\n", " - b\n - c\n", "y\n", " - d\n")
	check(t, s, "indented", "\n\na\n b\n\nc\n\n d", "a\n b\n", "c\n", " d\n") // an empty line begins nothing
	check(t, s, "short", "a\n b\na\n c", "a\n", " b\n", "a\n", " c\n")
}

func TestTheParserOfTheLastLineHasTheNextOneFirst(t *testing.T) {
	s := set(t, 0)
	check(t, s, "steps, stars", "1. a\n - b\n* c\n d\n1. e\n * f\nx", "1. a\n - b\n", "text * c\n d", "1. e\n", " * f\n", "x\n")
	check(t, s, "stars, semi", "* a\n b\nc\n d\n;\n* e", "text * a\n b", "c\n d\n;\n", "* e\n")
}

func TestRecordsAreCutAtTheLimit(t *testing.T) {
	s := set(t, 10)
	check(t, s, "steps", "1. a\n - bcdefg\n - h\n2. long enough\nlonger than that", "1. a\n - bc\n (cut)", " - h\n", "2. long en\n (cut)", "longer tha\n (cut)")
	check(t, s, "semi", "123456\n789\n0123;\n01234567890123\n4;", "123456\n789\n (cut)", "0123;\n", "01234567890123\n (cut)", "4;\n")
}

func TestResultKnowsItsFirstLine(t *testing.T) {
	m, err := NewSet(0).Use(plugin.Joining{Parsers: []string{"CRI"}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	j := m(func(r plugin.Joined) {
		n++
		if r.Time != (event.Time{Sec: 1714979289, Nsec: 125000000}) || string(r.Body.Get("_p").Str()) != "P" || r.Key != "log" || string(r.Text) != "ab" || r.Lines != 2 {
			t.Errorf("got %+v", r)
		}
		if got, want := jsonOf(r.AppendBody(nil, "x", 0)), `{"time":"2024-05-06T09:08:09.125+02:00","stream":"stdout","_p":"P","log":"ab"}`; got != want {
			t.Errorf("got %s", got)
		}
	})
	now := time.Now()
	j.Add(plugin.Line{Text: []byte("2024-05-06T09:08:09.125+02:00 stdout P a"), At: 7, Now: now})
	if at, waits := j.Oldest(); at != 7 || !waits {
		t.Errorf("oldest %d, %v", at, waits)
	}
	j.Flush(now.Add(wait - 1))
	j.Add(plugin.Line{Text: []byte("2024-05-06T09:08:10Z stdout P b"), At: 9, Now: now})
	j.Flush(now.Add(wait))
	if n != 1 {
		t.Errorf("%d results", n)
	}
}

func jsonOf(v event.Value) string { return string(event.AppendJSON(nil, v, event.JSONStyle{})) }

func body(text string) event.Value {
	v, _, err := event.ParseJSON(nil, []byte(text))
	if err != nil {
		panic(err)
	}
	return v
}

// records joins records and returns them with their metadata.
func records(t *testing.T, what plugin.Joining, in ...string) (got []string) {
	t.Helper()
	m, err := set(t, 0).Use(what)
	if err != nil {
		t.Fatal(err)
	}
	j := m(func(r plugin.Joined) {
		s := jsonOf(r.AppendBody(nil, "", 0))
		if len(r.Meta) > 1 {
			s += " " + jsonOf(r.Meta)
		}
		got = append(got, s)
	})
	for i, l := range in {
		text, meta, _ := strings.Cut(l, " | ")
		line := plugin.Line{Body: body(text), At: int64(i)}
		if meta != "" {
			line.Meta = body(meta)
		}
		j.Add(line)
	}
	j.Flush(time.Time{})
	return got
}

func TestRecordsAreJoinedByTheTextUnderAKey(t *testing.T) {
	check := func(parser, key string, in []string, want ...string) {
		t.Helper()
		if got := records(t, plugin.Joining{Parsers: []string{parser}, Content: key}, in...); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	check("steps", "m", []string{`{"n":1,"m":"1. a","k":2}`, `{"n":2,"m":" - b"}`, `{"m":5}`, `{"n":3,"m":" - c"}`, `{}`},
		`{"n":1,"m":"1. a\n - b","k":2}`, `{"m":5}`, `{"n":3,"m":" - c"}`, `{}`)
	check("indented", "m", []string{`{"n":1,"m":""}`, `{"n":2,"m":""}`, `{"n":3,"m":" a"}`}, `{"n":1,"m":""}`, `{"n":2,"m":" a"}`)
	check("steps", "m", []string{`{"m":"1. a"}`, `{"m":"x"}`, `{"m":""}`, `{"m":" - b"}`}, `{"m":"1. a"}`, `{"m":"x"}`, `{"m":"\n - b"}`)
	check("semi", "m", []string{`{"m":"a"}`, `{"m":""}`, `{"m":"b;"}`, `{"m":""}`}, `{"m":"ab;"}`, `{"m":""}`)
	check("glued", "", []string{`{"text":"a"}`, `{"text":"b;"}`}, `{"text":"ab;"}`)
	check("steps", "m", []string{`{"m":"1. a"} | {"x":1}`, `{"m":" - b"} | {"x":2,"y":3}`, `{"m":"z"} | {"z":1}`},
		`{"m":"1. a\n - b"} {"x":1,"y":3}`, `{"m":"z"} {"z":1}`)
	check("cri", "log", []string{`{"log":"2024-05-06T07:08:09Z stdout P a","file":"/x","time":"t"}`, `{"log":"2024-05-06T07:08:10Z stdout F b","file":"/y"}`, `{"log":"2024-05-06T07:08:10Z stdout F c"}`},
		`{"time":"2024-05-06T07:08:09Z","stream":"stdout","_p":"P","log":"ab","file":"/x"}`, `{"time":"2024-05-06T07:08:10Z","stream":"stdout","_p":"F","log":"c"}`)
}

func TestABatchStaysOpenWhileItsLinesWait(t *testing.T) {
	m, err := set(t, 0).Use(plugin.Joining{Parsers: []string{"steps"}, Content: "m"})
	if err != nil {
		t.Fatal(err)
	}
	var holds []event.Hold
	j := m(func(r plugin.Joined) { holds = append(holds, r.Holds...) })
	settled := 0
	for _, text := range []string{`{"m":"1. a"}`, `{"m":" - b"}`, `{"m":"x"}`} {
		b := event.New("t")
		b.OnSettled(func(event.Outcome) { settled++ })
		j.Add(plugin.Line{Body: body(text), Batch: b})
		b.Settle(event.Filtered)
	}
	if settled != 1 || len(holds) != 2 {
		t.Fatalf("%d batches were settled, %d are held", settled, len(holds))
	}
	holds[0].Settle(event.Delivered)
	holds[1].Settle(event.Delivered)
	if settled != 3 {
		t.Errorf("%d batches were settled", settled)
	}
}

func TestManyGroupsDoNotFillTheMemory(t *testing.T) {
	m, err := NewSet(0).Use(plugin.Joining{Parsers: []string{"docker"}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	j := m(func(plugin.Joined) { n++ })
	for i := range 1000 {
		j.Add(plugin.Line{Text: fmt.Appendf(nil, `{"log":"x","stream":"s%d"}`, i), At: int64(i)})
	}
	if at, _ := j.Oldest(); at != 1000-maxWaiting || n != 1000-maxWaiting {
		t.Errorf("%d records, the oldest that waits is %d", n, at)
	}
}

func TestNamesThatAreNotThere(t *testing.T) {
	_, err := NewSet(0).Use(plugin.Joining{Parsers: []string{"dcoker", "rust"}})
	if err == nil || !strings.Contains(err.Error(), "'dcoker'; did you mean 'docker'?") || !strings.Contains(err.Error(), "'rust'; there are cri, ") {
		t.Error(err)
	}
	if _, err := NewSet(0).Use(plugin.Joining{}); err == nil {
		t.Error("no names, no error")
	}
}

func TestLinesOfContainersAreNotCopiedOneByOne(t *testing.T) {
	m, _ := NewSet(0).Use(plugin.Joining{Parsers: []string{"docker", "cri"}})
	j := m(func(plugin.Joined) {})
	p, f := []byte("2024-05-06T07:08:09.125Z stdout P first, "), []byte("2024-05-06T07:08:09.125Z stdout F second")
	if n := testing.AllocsPerRun(100, func() {
		j.Add(plugin.Line{Text: f})
		j.Add(plugin.Line{Text: p})
		j.Add(plugin.Line{Text: f})
	}); n > 3 { // the times
		t.Errorf("%v allocations for three lines", n)
	}
}

// No byte is lost or invented where lines are joined as they are: all that is added is one line feed behind
// a record whose last line had none, and all that goes is empty lines between records.
func FuzzJoiner(f *testing.F) {
	f.Add("a\npanic: x\n\n2024-05-06T07:08:09Z stdout P x\n{\"log\":\"y\"}\n{\n1. a\n - b\n;\nx;\n* a", uint8(3))
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		s := set(t, 0)
		joins(t, s, text, Builtins...)
		plain := [][]string{{"go", "java", "python", "ruby"}, {"semi"}, {"cont"}, {"end"}, {"steps", "short"}, {"steps", "semi"}, {"short", "cont", "end"}}
		got := strings.Join(joins(t, s, text, plain[int(which)%len(plain)]...), "")
		var want bytes.Buffer
		for line := range strings.SplitSeq(text, "\n") {
			if line != "" {
				want.WriteString(line + "\n")
			}
		}
		for strings.Contains(got, "\n\n") {
			got = strings.ReplaceAll(got, "\n\n", "\n")
		}
		if got = strings.TrimPrefix(got, "\n"); got != want.String() {
			t.Errorf("got %q, want %q", got, want.String())
		}
	})
}
