package lua

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
	"github.com/fluent/fluent-bit-go/plugintest"
)

// The cases of this file run against both interpreters: see luajit_test.go.

// begin builds and starts a filter with a function `go` of the given body, or with a whole script.
func begin(t testing.TB, code string, conf ...string) (*filter, *bytes.Buffer) {
	t.Helper()
	if !strings.Contains(code, "function go") {
		code = "function go(tag, ts, rec) " + code + " end"
	}
	props := filtertest.Properties(append([]string{"call go", "code " + code}, conf...)...)
	var log bytes.Buffer
	f, err := filtertest.Build(filtertest.With(Plugin, func(e *plugin.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
		e.Metrics = metric.NewRegistry("fluentbit", "filter")
	}), props)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.(plugin.Starter).Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.(*filter).Close() })
	return f.(*filter), &log
}

// run sends lines through a script and returns what is left, and the log.
func run(t *testing.T, code, in string, conf ...string) (out, logged string) {
	t.Helper()
	f, log := begin(t, code, conf...)
	b := filtertest.Batch(t, strings.Split(in, "\n")...)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return sorted(b), log.String()
}

// sorted renders bodies with their keys in order: where Lua's tables keep them differs.
func sorted(b *event.Batch) string {
	var lines []string
	for r := range b.Records() {
		lines = append(lines, string(event.AppendJSON(nil, ordered(r.Body()), event.JSONStyle{})))
	}
	return strings.Join(lines, "\n")
}

func ordered(v event.Value) event.Value {
	switch v.Type() {
	case event.TypeMap:
		fields := event.AppendFields(nil, v)
		for i := range fields {
			fields[i].Val = ordered(fields[i].Val)
			for j := i; j > 0 && bytes.Compare(fields[j-1].Key.Str(), fields[j].Key.Str()) > 0; j-- {
				fields[j-1], fields[j] = fields[j], fields[j-1]
			}
		}
		return event.AppendMapOf(nil, fields)
	case event.TypeArray:
		out := event.AppendArray(nil, v.Len())
		for e := range v.Elems() {
			out = append(out, ordered(e)...)
		}
		return out
	}
	return v
}

func same(t *testing.T, code, in, want string, conf ...string) {
	t.Helper()
	got, log := run(t, code, in, conf...)
	if got != want {
		t.Errorf("%s\ngot  %s\nwant %s\nlog %s", code, got, want, log)
	}
}

func TestTheCodeSaysWhatBecomesOfARecord(t *testing.T) {
	same(t, `return rec.c, ts, {new = rec.c}`, `{"c":-1}`+"\n"+`{"c":0}`+"\n"+`{"c":1}`+"\n"+`{"c":2}`,
		`{"c":0}`+"\n"+`{"new":1}`+"\n"+`{"new":2}`)
	same(t, `return`, `{"a":1}`, `{"a":1}`) // no code is 0
	same(t, `return "2", "x", {a = tag}`, `{"a":1}`, `{"a":"`+filtertest.Tag+`"}`)
	same(t, `return 2, ts, {}`, `{"a":1}`, `{}`)
	out, log := run(t, `return 7, ts, {}`, `{"a":1}`)
	if out != `{"a":1}` || !strings.Contains(log, "returned the code 7") {
		t.Errorf("%s, log %s", out, log)
	}
}

func TestAnArrayOfRecordsBecomesThatManyRecords(t *testing.T) {
	same(t, `local t = {} for i, v in ipairs(rec.l) do t[i] = {n = v} end return 2, ts, t`,
		`{"l":[1,"b"]}`+"\n"+`{"l":[3]}`, `{"n":1}`+"\n"+`{"n":"b"}`+"\n"+`{"n":3}`)
	same(t, `return 2, ts, rec.l`, `{"l":[]}`+"\n"+`{"l":[{"a":1}]}`, `{"a":1}`) // an empty array is no record
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	const whole = `{"b":true,"bin":"x","e":[],"f":2.5,"i":-7,"l":[1,[2],{"m":[]}],"m":{},"s":"text"}`
	same(t, `return 2, ts, rec`, whole, whole)
	same(t, `rec.x = {y = {1, 2}} rec.f = nil return 2, ts, rec`, `{"f":1}`, `{"x":{"y":[1,2]}}`)
	same(t, `return 2, ts, {a = 7.0, b = 2^62, c = 1e300, d = -0.5, e = 2^64}`, `{}`,
		`{"a":7,"b":4611686018427387904,"c":1e+300,"d":-0.5,"e":1.8446744073709552e+19}`)
	same(t, `return 2, ts, {a = 1/0, b = 0/0}`, `{}`, `{"a":"Infinity","b":"NaN"}`)
	same(t, `return 2, ts, {a = {[3] = 1}, b = {1, 2, x = 3}, c = {[-1] = 1}, d = {1, nil, 3}}`, `{}`,
		`{"a":[null,null,1],"b":[1,2],"c":{"-1":1},"d":[1,null,3]}`)
	same(t, `return 2, ts, {a = print, b = 1}`, `{}`, `{"a":null,"b":1}`)
	same(t, `return 2, ts, {a = setmetatable({}, {type = 1}), b = setmetatable({1}, {type = 2})}`, `{}`, `{"a":[],"b":{"1":1}}`)
	same(t, `local t = {} for i = 101, 120 do t["k" .. i] = i end return 2, ts, {n = t.k120, t = t, z = 1}`, `{}`,
		`{"n":120,"t":{"k101":101,"k102":102,"k103":103,"k104":104,"k105":105,"k106":106,"k107":107,"k108":108,"k109":109,"k110":110,"k111":111,"k112":112,"k113":113,"k114":114,"k115":115,"k116":116,"k117":117,"k118":118,"k119":119,"k120":120},"z":1}`)
	same(t, `return 2, ts, {l = #rec.s, s = rec.s}`, `{"s":"a\u0000é"}`, `{"l":4,"s":"a\u0000\u00e9"}`)
}

func TestTypesCanBeHeld(t *testing.T) {
	same(t, `return 2, ts, {n = 2.9, o = 2.9, l = {}, m = {}, deep = {n = -1.5}}`, `{}`,
		`{"deep":{"n":-1},"l":[],"m":{},"n":2,"o":2.9}`, "type_int_key n x", "type_array_key l")
}

func TestNullsAreNilOrShown(t *testing.T) {
	const in = `{"a":null,"l":[1,null,3]}`
	same(t, `return 2, ts, {n = rec.a == nil, l = rec.l}`, in, `{"l":[1,null,3],"n":true}`)
	same(t, `return 2, ts, {n = rec.a == flb_null, a = rec.a, l = rec.l, k = type(rec.a)}`, in,
		`{"a":null,"k":"userdata","l":[1,null,3],"n":true}`, "enable_flb_null on")
}

func times(b *event.Batch) (list []event.Time) {
	for r := range b.Records() {
		list = append(list, r.Time())
	}
	return list
}

func TestTimesKeepWhatTheFunctionDoesNotChange(t *testing.T) {
	f := func(code string, want event.Time, conf ...string) {
		t.Helper()
		lua, _ := begin(t, code, conf...)
		b := event.New("t")
		b.Append(event.Time{Sec: 1700000000, Nsec: 123456789}, nil, event.AppendMap(nil, 0))
		if err := lua.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if got := times(b); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
	own := event.Time{Sec: 1700000000, Nsec: 123456789}
	f(`return 1, ts, rec`, own) // a double alone would lose nanoseconds
	f(`return 2, 5, rec`, own)
	f(`return 1, 5.25, rec`, event.Time{Sec: 5, Nsec: 250000000})
	f(`return 1, nil, rec`, own)
	f(`return 1, -1, rec`, own)
	f(`return 1, {sec = ts.sec + 1, nsec = ts.nsec}, rec`, event.Time{Sec: 1700000001, Nsec: 123456789}, "time_as_table on")
	f(`return 1, 5, rec`, own, "time_as_table on")
}

func TestAFunctionOfFiveParametersSeesMetadataAndGroup(t *testing.T) {
	b := event.New("t")
	body, _, _ := event.ParseJSON(nil, []byte(`{"a":1}`))
	meta, _, _ := event.ParseJSON(nil, []byte(`{"m":"x"}`))
	b.Append(event.Time{Sec: 1700000000}, meta, body)
	f, _ := begin(t, `function go(tag, ts, group, meta, rec) rec.was = meta.m rec.g = next(group) == nil return 2, ts, {m = "y"}, rec end`)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for r := range b.Records() {
		if got := string(event.AppendJSON(nil, r.Meta(), event.JSONStyle{})) + sorted(b); got != `{"m":"y"}{"a":1,"g":true,"was":"x"}` {
			t.Error(got)
		}
	}
}

func TestAnErrorLeavesTheWholeBatchAndIsLoggedOnce(t *testing.T) {
	f, log := begin(t, `if rec.bad then error("no " .. rec.bad) end return 2, ts, {new = true}`)
	const in = `{"a":1}` + "\n" + `{"bad":"luck"}` + "\n" + `{"b":2}`
	for range 3 {
		b := filtertest.Batch(t, strings.Split(in, "\n")...)
		if err := f.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if got := sorted(b); got != in {
			t.Errorf("got %s", got)
		}
	}
	if n := strings.Count(log.String(), "no luck"); n != 1 || f.failed.Counter.Value() != 3 {
		t.Errorf("%d lines, %d counted:\n%s", n, f.failed.Counter.Value(), log)
	}
	if got, _ := run(t, `return 2, ts, {new = true}`, `{"a":1}`); got != `{"new":true}` {
		t.Errorf("afterwards: %s", got)
	}
	for _, wrong := range []string{"nil", "5", `"text"`, "{{a = 1}, 2}"} {
		got, log := run(t, `return 2, ts, `+wrong, `{"a":1}`)
		if got != `{"a":1}` || !strings.Contains(log, "neither a table that is a record") {
			t.Errorf("%s: %s, log %s", wrong, got, log)
		}
	}
}

// tight has the limits of a test's script low, so that it need not wait.
func tight(t *testing.T) {
	was := limits
	limits = bounds{call: 300 * time.Millisecond, memory: 8 << 20}
	t.Cleanup(func() { limits = was })
}

func TestAScriptThatLoopsOrEatsMemoryIsEnded(t *testing.T) {
	tight(t)
	f := func(code, want string) {
		t.Helper()
		lua, log := begin(t, `if rec.bad then `+code+` end rec.n = 1 return 2, ts, rec`)
		for _, in := range []string{`{"bad":true}`, `{"a":1}`} {
			b := filtertest.Batch(t, in)
			if err := lua.Filter(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			if got := sorted(b); got != strings.Replace(in, `"a":1`, `"a":1,"n":1`, 1) {
				t.Errorf("%s: %s became %s, log %s", code, in, got, log)
			}
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s: log %s", code, log)
		}
	}
	f(`while true do end`, "loop for ever")
	f(`while true do pcall(function() while true do end end) end`, "loop for ever")
	f(`coroutine.wrap(function() while true do end end)()`, "loop for ever")
	f(`local co = coroutine.create(function() while true do end end) coroutine.resume(co)`, "loop for ever")
	f(`local s = string.rep("x", 1e9)`, "") // whatever the interpreter says
	f(`local function f() return 1 + f() end f()`, "stack overflow")
	f(`local t = {} t.t = t return 2, ts, t`, "contain themselves")
	f(`os.exit(3)`, "os.exit")

	limits.call = 10 * time.Minute
	f(`local s = "x" while true do s = s .. s end`, "memory")
	f(`local t = {} for i = 1, 1e9 do t[i] = {i, {}, {}, {}} end`, "memory")
	f(`all = {} for i = 1, 1e9 do all[i] = string.rep("text", 1000) .. i end`, "memory")
}

func TestARecordThatIsTooLargeLeavesTheBatch(t *testing.T) {
	f, log := begin(t, `local s = string.rep("x", 4000000); local all = {}; for i = 1, 200 do all[i] = s end; rec.all = all; return 2, 0, rec`)
	b := filtertest.Batch(t, `{"a":1}`)
	if err := f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := sorted(b); got != `{"a":1}` || !strings.Contains(log.String(), "64 MB") || cap(f.out.buf) > 3*maxRecord {
		t.Errorf("got %.100s with %d bytes of memory\n%s", got, cap(f.out.buf), log)
	}
}

func TestVariablesLiveAsLongAsTheFilter(t *testing.T) {
	f, _ := begin(t, `n = 0 function go(tag, ts, rec) n = n + 1 return 2, ts, {n = n} end`)
	for range 2 {
		b := filtertest.Batch(t, "{}", "{}")
		if err := f.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if got := sorted(b); got != "{\"n\":1}\n{\"n\":2}" && got != "{\"n\":3}\n{\"n\":4}" {
			t.Error(got)
		}
	}
}

func TestConditionsHideRecords(t *testing.T) {
	f, _ := begin(t, `return -1, 0, 0`)
	b := filtertest.Batch(t, `{"a":1}`, `{"a":2}`, `{"a":3}`)
	b.Where(func(r *event.Record) bool { n, _ := r.Get("a").Int(); return n == 2 })
	err := f.Filter(context.Background(), b)
	b.Where(nil)
	if got := sorted(b); err != nil || got != `{"a":1}`+"\n"+`{"a":3}` {
		t.Error(got, err)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(want string, conf ...string) {
		t.Helper()
		p, err := filtertest.Build(Plugin, filtertest.Properties(conf...))
		if err == nil {
			if err = p.(plugin.Starter).Start(context.Background()); err == nil {
				p.(*filter).Close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	f("'call' is missing", "code x = 1")
	f("has no script", "call go")
	f("script: open nowhere.lua: no such file", "call go", "script nowhere.lua")
	f("does not compile", "call go", "code function go( return end")
	f("no function 'go'", "call go", "code x = 1")
	f("no function 'go'", "call go", "code go = 1")
	f("boom", "call go", `code error("boom")`)
}

func TestAScriptIsFoundBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.lua"), []byte("#!/usr/bin/lua\nfunction go(tag, ts, rec) return 2, ts, {x = 1} end"), 0o600); err != nil {
		t.Fatal(err)
	}
	props := filtertest.Properties("call go", "script a.lua")
	props[1].Value.Pos = option.Pos{File: filepath.Join(dir, "main.conf"), Line: 2, Col: 1}
	f, err := filtertest.Build(Plugin, props)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.(plugin.Starter).Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.(*filter).Close()
}

func benchmark(b *testing.B, code string) {
	spec := Plugin
	inner := spec.Config
	spec.Config = func() plugin.Config[plugin.Filter] { return started{inner()} }
	filtertest.Bench(b, spec, "call go", "code function go(tag, ts, rec) "+code+" end")
}

// started starts what it builds.
type started struct{ plugin.Config[plugin.Filter] }

func (s started) New(env plugin.Env) (plugin.Filter, error) {
	f, err := s.Config.New(env)
	if err == nil {
		err = f.(plugin.Starter).Start(context.Background())
	}
	return f, err
}

func BenchmarkKeep(b *testing.B) { benchmark(b, `return 0, 0, 0`) }
func BenchmarkEdit(b *testing.B) {
	benchmark(b, `rec.level = string.upper(rec.level) return 2, ts, rec`)
}
func BenchmarkWork(b *testing.B) {
	benchmark(b, `local n = 0 for i = 1, 100 do n = n + i % 7 end rec.n = n return 2, ts, rec`)
}

func TestItConforms(t *testing.T) {
	plugintest.Conform(t, Plugin, "call go", "code function go(tag, ts, rec) rec.log = nil return 1, ts, rec end")
	plugintest.Conform(t, Plugin, "call go", "code function go(tag, ts, group, meta, rec) return 2, ts, {}, {rec, rec} end", "enable_flb_null on", "time_as_table on")
}
