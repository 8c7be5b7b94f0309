package multiline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

func joined(t *testing.T, text string, names ...string) (got []string) {
	t.Helper()
	var ps []*Parser
	for _, n := range names {
		p, ok := Builtin(n)
		if !ok {
			t.Fatal("there is no ", n)
		}
		ps = append(ps, p)
	}
	j := New(ps, 1000, func(r Result) { got = append(got, string(r.Text)) })
	for line := range strings.SplitSeq(text, "\n") {
		j.Line([]byte(line), 0, time.Time{})
	}
	j.Flush(time.Time{})
	if _, waits := j.Oldest(); waits {
		t.Error("a line still waits")
	}
	return got
}

func TestStackTracesStayTogether(t *testing.T) {
	check := func(name string, parts ...string) {
		t.Helper()
		if got := joined(t, strings.TrimSuffix(strings.Join(parts, ""), "\n"), name); !slices.Equal(got, parts) {
			t.Errorf("%s: got %q, want %q", name, got, parts)
		}
	}
	check("go", "before\n", "panic: no luck\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x39\n", "exit status 2\n")
	check("java", "starting\n", "java.lang.Error: broken\n\tat a.B(C:1)\nCaused by: x.Exception: y\n\tat d.E(F:2)\n\t... 2 more\n", "still here\n", "java.lang.Error: again\n\tat g\n")
	check("python", "Traceback (most recent call last):\n  File \"a.py\", line 1\n    f()\nValueError: bad\n", "after\n")
	check("ruby", "a.rb:1:in `f': bad (E)\n\tfrom a.rb:2:in `g'\n", "after\n")
}

func TestPartsOfContainersAreJoinedPerStream(t *testing.T) {
	got := joined(t, `2024-05-06T07:08:09.125Z stdout P first, 
2024-05-06T07:08:09.125Z stderr P other, 
2024-05-06T07:08:09.250Z stdout F second
{"log":"a ","stream":"stdout"}
{"log":"b\n","stream":"stdout"}
2024-05-06T07:08:09.250Z stderr F end
neither`, "docker", "cri")
	if want := []string{"first, second", "a b\n", "other, end", "neither\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestResultKnowsItsFirstLine(t *testing.T) {
	p, _ := Builtin("cri")
	n := 0
	j := New([]*Parser{p}, 1000, func(r Result) {
		n++
		if r.Time != (event.Time{Sec: 1714979289, Nsec: 125000000}) || string(r.First.Get("_p").Str()) != "P" || r.Content != "log" || string(r.Text) != "ab" {
			t.Errorf("got %+v", r)
		}
	})
	now := time.Now()
	j.Line([]byte("2024-05-06T09:08:09.125+02:00 stdout P a"), 7, now)
	if at, waits := j.Oldest(); at != 7 || !waits {
		t.Errorf("oldest %d, %v", at, waits)
	}
	j.Flush(now.Add(wait - 1))
	j.Line([]byte("2024-05-06T09:08:10Z stdout P b"), 9, now)
	j.Flush(now.Add(wait))
	if n != 1 {
		t.Errorf("%d results", n)
	}
}

func TestRecordsAreCutAtTheLimit(t *testing.T) {
	for _, got := range joined(t, strings.Repeat("2024-05-06T07:08:09Z stdout P "+strings.Repeat("x", 99)+"\n", 50), "cri") {
		if len(got) > 1000 {
			t.Errorf("%d bytes", len(got))
		}
	}
}

func FuzzJoiner(f *testing.F) {
	f.Add("a\npanic: x\n\n2024-05-06T07:08:09Z stdout P x\n{\"log\":\"y\"}\n{")
	f.Fuzz(func(t *testing.T, text string) { joined(t, text, Builtins...) })
}
