package plot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
)

func TestTimeAndValueMakeALine(t *testing.T) {
	t.Chdir(t.TempDir())
	check := func(wantFile, want string, pairs ...string) {
		t.Helper()
		k := outputtest.New()
		o, err := k.Build(Plugin.Config(), pairs...)
		if err != nil {
			t.Fatal(err)
		}
		c := outputtest.Chunk(t, "../t", `[1700000000.25,{"a":7,"b":-1.5}]`, `[2,{"a":"x","b":" 12.25 "}]`, `[3,{}]`, `[4,{"b":18446744073709551615,"a":null}]`)
		if err := outputtest.Flush(t, o, c); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(wantFile)
		if err != nil || string(got) != want {
			t.Errorf("%v: got %q, %v; want %q", pairs, got, err, want)
		}
		if !strings.Contains(k.Log(), "records have no number to plot") {
			t.Errorf("log: %s", k.Log())
		}
	}
	check(".._t", "1700000000.250000 7\n4.000000 18446744073709551615\n")
	check("b", "1700000000.250000 -1.500000\n2.000000 12.250000\n4.000000 18446744073709551615\n", "key", "b", "file", "b")
	check("a", "1700000000.250000 7\n", "key", "a", "file", filepath.Join(".", "a"))
}

func TestAFileThatCannotBeOpenedIsRetried(t *testing.T) {
	o, err := outputtest.New().Build(Plugin.Config(), "file", filepath.Join(t.TempDir(), "no", "file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{"a":1}]`)); err == nil {
		t.Error("no error")
	}
	if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{}]`)); err != nil {
		t.Error(err)
	}
}
