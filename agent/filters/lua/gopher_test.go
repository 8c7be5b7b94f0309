//go:build !luajit || !linux

package lua

import (
	"fmt"
	"strings"
	"testing"
)

func TestAPatternThatTriesForEverIsEnded(t *testing.T) {
	tight(t)
	out, log := run(t, `return 2, ts, {v = string.find(string.rep("a", 400), string.rep("a*", 40) .. "b")}`, `{"a":1}`)
	if out != `{"a":1}` || !strings.Contains(log, "loop for ever") {
		t.Errorf("%s, log %s", out, log)
	}
}

func FuzzPattern(f *testing.F) {
	for _, p := range []string{"^(%a+)=(.-)$", "%b()%1", "%f[%w]x*", "[^%]a-z]+?", "()", "[", "%"} {
		f.Add(p, "key=val (x)")
	}
	quoted := func(s string) string {
		out := []byte(`"`)
		for i := range len(s) {
			out = fmt.Appendf(out, "\\%03d", s[i])
		}
		return string(append(out, '"'))
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		tight(t)
		if len(pattern) > 40 || len(text) > 40 {
			return
		}
		out, log := run(t, `return 2, ts, {n = select(2, pcall(string.gsub, `+quoted(text)+`, `+quoted(pattern)+`, "%0"))}`, `{"a":1}`)
		if out == `{"a":1}` && !strings.Contains(log, "loop for ever") {
			t.Error(log)
		}
	})
}

func TestLongKeysAreNotKept(t *testing.T) {
	var w words
	for _, n := range []int{1, maxKey, maxKey + 1, 1 << 20} {
		if k := w.key(make([]byte, n)); len(k) != n {
			t.Error(n, len(k))
		}
	}
	if len(w.keys) != 2 {
		t.Errorf("%d keys are kept", len(w.keys))
	}
}
