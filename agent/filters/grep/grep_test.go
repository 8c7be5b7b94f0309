package grep

import (
	"context"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
)

func TestRulesDecideWhatStays(t *testing.T) {
	f := func(conf, in, want string) {
		t.Helper()
		got := filtertest.Run(t, Plugin, filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
		}
	}
	f("Regex level ^(warn|error)$\nExclude msg noise",
		`{"level":"error","msg":"x"}`+"\n"+`{"level":"info"}`+"\n"+`{"level":"warn","msg":"noise"}`+"\n"+`{"msg":"x"}`+"\n"+`{"level":"Error"}`,
		`{"level":"error","msg":"x"}`+"\n"+`{"level":"warn","msg":"noise"}`)
	f("Exclude msg noise\nRegex level ^(warn|error)$",
		`{"level":"warn","msg":"noise"}`+"\n"+`{"level":"warn","msg":"x"}`+"\n"+`{"msg":"x"}`,
		`{"level":"warn","msg":"x"}`)
	f("Logical_Op or\nRegex $r['h']['x'] ^a\nRegex $l[1] two\nRegex code ^5",
		`{"r":{"h":{"x":"a"}}}`+"\n"+`{"l":["one","two"]}`+"\n"+`{"code":503}`+"\n"+`{"code":"502"}`+"\n"+`{"l":["two","one"]}`,
		`{"r":{"h":{"x":"a"}}}`+"\n"+`{"l":["one","two"]}`+"\n"+`{"code":"502"}`)
	f("Logical_Op AND\nRegex a 1\nRegex b 2", `{"a":"1"}`+"\n"+`{"a":"1","b":"2"}`, `{"a":"1","b":"2"}`)
	f("Logical_Op and\nExclude a 1\nExclude b 2", `{"a":"1"}`+"\n"+`{"a":"1","b":"2"}`, `{"a":"1"}`)
	f("Logical_Op OR\nExclude a 1\nExclude b 2", `{"a":"1"}`+"\n"+`{"a":"2"}`, `{"a":"2"}`)
	f("Regex a.b 1", `{"a.b":"1"}`+"\n"+`{"a":"1"}`, `{"a.b":"1"}`)
	f("Regex a x y$", `{"a":"x y"}`+"\n"+`{"a":"x"}`, `{"a":"x y"}`)
	f("Regex a /X/i", `{"a":"x"}`, `{"a":"x"}`)
	f("Logical_Op and", `{"a":"x"}`, `{"a":"x"}`)
}

func TestFaultyRulesAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(strings.Split(conf, "\n")...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("Regex log", "test.conf:1:7: regex: 'log' has no regular expression; write")
	f("Regex log (a", "test.conf:1:7: regex: regular expression: a '(' has no ')' at character 3 of '(a'")
	f("Regex $a[b] x", "single quotes")
	f("Logical_Op xor", "is none of 'legacy', 'AND', 'OR'")
	f("Logical_Op or\nRegex a b\nExclude c d", "test.conf:3:9: logical_op OR takes either regex or exclude rules, not both; put")
	f("Regexp a b", "did you mean 'regex'?")
}

func TestNothingIsAllocatedPerRecord(t *testing.T) {
	for _, conf := range []string{"Regex level info", "Exclude level info", "Regex $a['b'] x"} {
		if n := filtertest.Allocs(t, Plugin, filtertest.Properties(conf), `{"level":"info","a":{"b":"x"}}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", conf, n)
		}
	}
}

func TestExpressionsThatTakeTooLongAreReported(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties(`Regex a ^(?!(a+)+$)(x|aa)`))
	if err != nil {
		t.Fatal(err)
	}
	b := filtertest.Batch(t, `{"a":"`+strings.Repeat("a", 60)+`!"}`)
	if err := f.Filter(context.Background(), b); err == nil || !strings.Contains(err.Error(), "1 text(s) took") {
		t.Errorf("got %v", err)
	}
	if err := f.Filter(context.Background(), b); err != nil {
		t.Errorf("reported again: %v", err)
	}
}

func BenchmarkKeep(b *testing.B) { filtertest.Bench(b, Plugin, "Regex level ^(info|warn)$") }
func BenchmarkDrop(b *testing.B) { filtertest.Bench(b, Plugin, "Exclude msg completed") }
