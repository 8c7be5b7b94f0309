package tagfile

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTagsStayBelowTheirDirectory(t *testing.T) {
	check := func(tag, want string) {
		t.Helper()
		if got := Path(tag); got != want {
			t.Errorf("%q: got %q, want %q", tag, got, want)
		}
	}
	check("kube.var.log.app-1", "kube.var.log.app-1")
	check("a/b", "a/b")
	check("", "_")
	check("/", "_")
	check(".", "_")
	check("..", "_")
	check("../../etc/passwd", "_/_/etc/passwd")
	check("/etc/passwd", "etc/passwd")
	check("a//b/./../c/", "a/b/_/_/c")
	check("a\x00b\nc\\..", "a_b_c_..")
	check("...", "...")
	check("ключ", "ключ")
}

func TestPlainNamesHaveNoOddCharacters(t *testing.T) {
	check := func(tag, want string) {
		t.Helper()
		if got := Plain(tag); got != want {
			t.Errorf("%q: got %q, want %q", tag, got, want)
		}
	}
	check("kube.Var_log.app-1", "kube.Var_log.app-1")
	check("a b/c*d$e", "a_b/c_d_e")
	check("é", "__")
	check(`..\up`, "_/up")
	check("", "_")
}

func TestLongTagsBecomeShortAndStayDifferent(t *testing.T) {
	long := strings.Repeat("é", 5000)
	a, b := Path(long+"a"), Path(long+"b")
	if a == b || len(a) > maxName || len(b) > maxName {
		t.Errorf("%d bytes, %d bytes, equal: %v", len(a), len(b), a == b)
	}
	if deep := Path(strings.Repeat("d/", 5000)); len(deep) > 4*maxName {
		t.Errorf("%d bytes", len(deep))
	}
}

func FuzzPath(f *testing.F) {
	f.Add("../a/\x00/..")
	f.Add(strings.Repeat("/..", 400))
	f.Fuzz(func(t *testing.T, tag string) {
		p := Path(tag)
		if !filepath.IsLocal(p) || filepath.Clean(p) != p || p == "." || strings.ContainsRune(p, 0) || len(p) > 4*maxName {
			t.Fatalf("%q became %q", tag, p)
		}
		for part := range strings.SplitSeq(p, "/") {
			if len(part) > maxName {
				t.Fatalf("%q has a component of %d bytes", tag, len(part))
			}
		}
	})
}
