package alter_size

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
)

func TestBatchesGetLongerOrShorter(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		got := filtertest.Run(t, Plugin, filtertest.Properties(conf), `{"n":1}`, `{"n":2}`, `{"n":3}`)
		if got = strings.ReplaceAll(got, "\n", " "); got != want {
			t.Errorf("%s: got %s, want %s", conf, got, want)
		}
	}
	f("add 0", `{"n":1} {"n":2} {"n":3}`)
	f("add 2", `{"n":1} {"n":2} {"n":3} {"key":"alter_size 0"} {"key":"alter_size 1"}`)
	f("remove 2", `{"n":1}`)
	f("remove 3", ``)
	f("remove 9", ``)
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(want string, conf ...string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	f("exclude each other", "add 1", "remove 1")
	f("is not between 0 and", "add -1")
}

func TestUntouchedRecordsCostNoAllocation(t *testing.T) {
	if n := filtertest.Allocs(t, Plugin, filtertest.Properties("remove 1"), `{"a":1}`); n > 0.1 {
		t.Errorf("%v allocations per record", n)
	}
}
