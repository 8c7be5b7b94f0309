package nest

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
)

func run(t *testing.T, conf, in, want string) {
	t.Helper()
	got := filtertest.Run(t, Plugin, filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
	}
}

func TestNestGathersKeysBehindTheOthers(t *testing.T) {
	const conf = "Operation nest\nWildcard mem_*\nWildcard cpu\nNest_under usage"
	const in = `{"mem_a":1,"host":"h","mem_b":{"x":2},"cpu":3,"cpus":4,"mem_":5}`
	run(t, conf, in, `{"host":"h","cpus":4,"usage":{"mem_a":1,"mem_b":{"x":2},"cpu":3,"mem_":5}}`)
	run(t, conf+"\nRemove_prefix mem_", in, `{"host":"h","cpus":4,"usage":{"a":1,"b":{"x":2},"cpu":3,"":5}}`)
	run(t, conf+"\nAdd_prefix p.", in, `{"host":"h","cpus":4,"usage":{"p.mem_a":1,"p.mem_b":{"x":2},"p.cpu":3,"p.mem_":5}}`)
	run(t, "Operation nest\nWildcard *\nNest_under all", `{"a":1,"b":2}`, `{"all":{"a":1,"b":2}}`)
	run(t, "Operation nest\nNest_under all", `{"a":1}`, `{"a":1}`)
	run(t, conf, `{"host":"h"}`+"\n{}", `{"host":"h"}`+"\n{}")
}

func TestLiftBringsKeysUpBehindTheOthers(t *testing.T) {
	const conf = "operation LIFT\nnested_under k"
	run(t, conf, `{"a":1,"k":{"p":"x","q":{"r":1}},"z":2}`, `{"a":1,"z":2,"p":"x","q":{"r":1}}`)
	run(t, conf+"\nadd_prefix k.", `{"k":{"p":1,"q":2}}`, `{"k.p":1,"k.q":2}`)
	run(t, conf+"\nremove_prefix p", `{"k":{"px":1,"q":2}}`, `{"x":1,"q":2}`)
	run(t, "operation lift\nnest_under k", `{"k":{"p":1}}`, `{"p":1}`)
	run(t, conf, `{"k":"text"}`+"\n"+`{"k":{}}`+"\n"+`{"j":{"k":{"a":1}}}`+"\n"+`{"k":{},"l":1}`,
		`{"k":"text"}`+"\n{}\n"+`{"j":{"k":{"a":1}}}`+"\n"+`{"l":1}`)
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(strings.Split(conf, "\n")...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("Operation nests", "'nests'")
	f("Nest_under x", "'operation' is missing")
	f("Operation nest\nWildcard a", "set nest_under")
	f("Operation lift", "set nested_under")
	f("Operation lift\nNested_under a\nAdd_prefix a\nRemove_prefix b", "exclude each other")
}

func TestRecordsCostNoAllocation(t *testing.T) {
	f := func(conf string) {
		t.Helper()
		props := filtertest.Properties(strings.Split(conf, "\n")...)
		if n := filtertest.Allocs(t, Plugin, props, `{"a":"yes","b":{"c":1},"d":[1,2]}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", conf, n)
		}
	}
	f("Operation nest\nWildcard x*\nNest_under n")
	f("Operation lift\nNested_under a")
	f("Operation nest\nWildcard a\nNest_under n\nAdd_prefix p_") // not even touched ones
	f("Operation lift\nNested_under b\nAdd_prefix p_")
}

func BenchmarkNest(b *testing.B) {
	filtertest.Bench(b, Plugin, "Operation nest", "Wildcard m*", "Nest_under n", "Add_prefix x_")
}
func BenchmarkUntouched(b *testing.B) {
	filtertest.Bench(b, Plugin, "Operation nest", "Wildcard no*", "Nest_under n")
}
func BenchmarkLiftUntouched(b *testing.B) {
	filtertest.Bench(b, Plugin, "Operation lift", "Nested_under no")
}
