package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

func TestUselessLinesBecomeWarnings(t *testing.T) {
	tree, faults := load(t, `
-- main.conf --
@sett a=b
@SET a =b
[SERVICE] really
    Flsuh  1
    @SET   x
[INPT]
    Name x
[PLUGINS]
    Path x.so
[INPUT]
    Name x
    Name y
    [OUTPUT]
        Name z`)
	check(t, "errors", faults, "")
	check(t, "tree", tree, `service flsuh@4:5="1"@4:12
service @set@5:5="x"@5:12
input x@10:1
  output z@13:5
warning main.conf:1:1: the command '@sett' is unknown and has no effect; did you mean 'SET'?
warning main.conf:2:6: the variable's name ends in a blank; write @SET name=value without blanks
warning main.conf:3:11: the text 'really' after the section header has no effect; put it into a line of its own
warning main.conf:5:5: '@SET' is a command only at the beginning of a line; move it to the beginning of the line
warning main.conf:6:1: the section [INPT] is unknown and has no effect; did you mean 'input'?
warning main.conf:8:1: the section [PLUGINS] has no effect in a main configuration file; move it to a file of its own and name that as plugins_file in [SERVICE]
warning main.conf:13:5: '[OUTPUT]' is indented, so it is a part of the section above; move it to the left margin
warning main.conf:12:5: an input has several names; the first one counts; remove one of them
warning main.conf:4:5: the service key 'flsuh' is unknown and has no effect; did you mean 'flush'?
warning main.conf:5:5: the service key '@set' is unknown and has no effect
`)
}

func TestServiceKeysThatAFileSetsTwiceAreWarnedAbout(t *testing.T) {
	f := func(name, archive, want string) {
		t.Helper()
		tree, err := Load(filepath.Join(write(t, archive), name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range tree.Warnings {
			got = append(got, fmt.Sprintf("%d:%d %s", w.Pos.Line, w.Pos.Col, w.Msg[:min(len(w.Msg), 28)]))
		}
		if s := strings.Join(got, "\n"); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	f("a.conf", "-- a.conf --\n[SERVICE]\n  Flush 1\n  Grace 3\n[SERVICE]\n  flush 2", "5:3 'flush' is set again, after ")
	f("a.yaml", "-- a.yaml --\nservice: {flush: 1, flush: 2}", "1:21 'flush' is set again, after ")
	f("a.conf", "-- a.conf --\n[SERVICE]\n  Flush 1\n@INCLUDE b.conf\n-- b.conf --\n[SERVICE]\n  Flush 2", "")
	f("a.conf", "-- a.conf --\n[SERVICE]\n  Parsers_File p.conf\n  Parsers_File q.conf\n-- p.conf --\n#\n-- q.conf --\n#", "")
}

func TestVariablesWithinVariablesAreWarnedAbout(t *testing.T) {
	tree, err := Load(filepath.Join(write(t, "-- a.conf --\n[INPUT]\n  Name dummy\n  Tag ${A:-${B}}\n  Alias ${A:-x}y${A:-z}"), "a.conf"), Options{})
	if err != nil || len(tree.Warnings) != 1 || !strings.Contains(tree.Warnings[0].Error(), "3:7: a variable within") {
		t.Error(err, tree.Warnings)
	}
}

func TestIndentedHeadersAndNULCharactersAreNamed(t *testing.T) {
	_, faults := load(t, "-- main.conf --\n  [INPUT]\n  Name x\n[INPUT]\n  Name x\n  A \x00\n  [G\n@INCLUDE\n@SET f=file://none\n[ENV]\n  X file://none\n")
	check(t, "errors", faults, `main.conf:1:3: the section header '[INPUT]' is indented; move it to the left margin
main.conf:5:1: the line holds a NUL character; save the file as plain text
main.conf:6:3: bad group header '[G': the ']' is missing; close it: [G]
main.conf:7:1: @INCLUDE names no file; write @INCLUDE path
main.conf:8:6: cannot read the file of the variable 'f': no such file or directory; check the path
main.conf:10:5: cannot read the file of the variable 'X': no such file or directory; check the path
`)
}

func TestOneFaultTellsThatAWholeFileIsIndented(t *testing.T) {
	_, faults := load(t, "-- main.conf --\n    [SERVICE]\n        Flush 1\n    [INPUT]\n        Name x\n")
	check(t, "errors", faults, "main.conf:1:5: the section header '[SERVICE]' is indented; move it to the left margin\n")
}

func TestFaultsBeyondAHundredAreCutShort(t *testing.T) {
	_, faults := load(t, "-- main.conf --\n[INPUT]\n  Name x\n"+strings.Repeat("  Key\n", 5000))
	lines := strings.Split(strings.TrimSpace(faults), "\n")
	if len(lines) != maxFaults+1 || !strings.HasPrefix(lines[maxFaults], "and more errors") {
		t.Errorf("%d errors, the last: %s", len(lines), lines[len(lines)-1])
	}
}

func TestPatternsMatchFilesInOrderAndNoHiddenOnes(t *testing.T) {
	files := `
-- main.conf --
@INCLUDE ${SUB}/*
-- sub/b --
[INPUT]
    Name b
-- sub/a --
[INPUT]
    Name a
@INCLUDE a*.d/x
-- sub/.hidden --
[INPUT]
    Name hidden
-- sub/folder/x --
[INPUT]
    Name x
-- sub/a.d/x --
[INPUT]
    Name under-a
`
	dir := write(t, files)
	for _, o := range []Options{{Dir: dir}, {}} {
		main := "main.conf"
		if o.Dir == "" {
			main = filepath.Join(dir, main)
		}
		o.Getenv = env("SUB", "sub")
		tree, err := Load(main, o)
		var names []string
		for _, in := range tree.Inputs {
			names = append(names, in.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != "a under-a b" {
			t.Errorf("%+v: %s, %v", o.Dir, got, err)
		}
	}
}

func TestASectionGoesOnAfterAnInclude(t *testing.T) {
	tree, faults := load(t, `
-- main.conf --
[SERVICE]
    A 1
@INCLUDE other
    A 3
[INPUT]
    Name x
    [G]
        a b
@INCLUDE third
        c d
    Tag y
-- other --
[SERVICE]
  A 2
-- third --
[INPUT]
 Name z
`)
	check(t, "errors", faults, "")
	tree, _, _ = strings.Cut(tree, "warning")
	check(t, "tree", tree, `service a@2:5="1"@2:7
service a@2:3="2"@2:5
service a@4:5="3"@4:7
input x@5:1 tag@11:5="y"@11:9
  g @7:5 a@8:9="b"@8:11 c@10:9="d"@10:11
input z@1:1
`)
}

func TestClassicIncludesComeFirstAsGivenAndYAMLOnesFromTheFolder(t *testing.T) {
	section := "[INPUT]\n  Name "
	pipe := "pipeline: {inputs: [{name: "
	dir := write(t, "-- conf/main.conf --\n@INCLUDE x.conf\n@INCLUDE y.conf\n-- conf/x.conf --\n"+section+"beside\n-- x.conf --\n"+section+"given\n-- conf/y.conf --\n"+section+
		"beside\n-- conf/main.yaml --\nincludes: [x.yaml]\n-- x.yaml --\n"+pipe+"given}]}\n-- conf/x.yaml --\n"+pipe+"beside}]}\n")
	f := func(main, want string) {
		t.Helper()
		tree, err := Load(main, Options{Dir: dir})
		var got string
		for _, in := range tree.Inputs {
			got += in.Name + " "
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", main, got, err)
		}
	}
	f("conf/main.conf", "given beside ")
	f("conf/main.yaml", "beside ")
}

func TestAFileIsTheSameUnderAnotherName(t *testing.T) {
	dir := write(t, "-- main.conf --\n@INCLUDE other.conf\n")
	if err := os.Link(filepath.Join(dir, "main.conf"), filepath.Join(dir, "other.conf")); err != nil {
		t.Fatal(err)
	}
	_, err := Load("main.conf", Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "main.conf:1:10: the file 'other.conf' is read twice") {
		t.Error(err)
	}
}

func TestFilesOfOtherKindsAreAddedToATree(t *testing.T) {
	dir := write(t, `
-- p.conf --
[PARSER]
    Name p
[INPUT]
    Name x
-- p.yaml --
parsers: [{name: q}]
pipeline:
-- up.conf --
[NODE]
    Name early
[UPSTREAM]
    Name u
[NODE]
    Name n
-- plugins.conf --
[PLUGINS]
    Path ${X}.so
    Pth  b.so
`)
	tree := &Tree{}
	o := Options{Dir: dir, Vars: map[string]string{"X": "a"}}
	var faults string
	for _, f := range []struct {
		path string
		kind FileKind
	}{{"p.conf", ParsersFile}, {"p.yaml", ParsersFile}, {"up.conf", UpstreamFile}, {"plugins.conf", PluginsFile}, {"none", StreamsFile}} {
		if err := tree.AddFile(f.path, f.kind, o); err != nil {
			faults += err.Error() + "\n"
		}
	}
	check(t, "errors", faults, `up.conf:1:1: [NODE] stands before any [UPSTREAM]; write [UPSTREAM] with its Name above it
none: cannot open configuration file 'none': no such file or directory; check the path and the file's permissions
`)
	check(t, "tree", show(tree), `parser p@1:1
parser q@1:11
upstream u@3:1
  node n@5:1
plugin a.so@2:10
warning p.conf:3:1: the section [INPUT] has no effect in a parsers file; move it to the main configuration file
warning p.yaml:2:1: the section 'pipeline' has no effect in a parsers file; move it to the main configuration file
warning plugins.conf:3:5: the key 'pth' has no effect in [PLUGINS]; write: Path file.so
`)
	for _, ref := range []string{"u", "up.conf"} {
		if u, ok := tree.Upstream(ref); !ok || u.Name != "u" {
			t.Errorf("%s is %q", ref, u.Name)
		}
	}
}

func TestAnOutputsUpstreamIsANameOrAFile(t *testing.T) {
	dir := write(t, `
-- conf/main.yaml --
upstream_servers:
  - {name: a, nodes: []}
pipeline:
  outputs:
    - {name: forward, upstream: a}
    - {name: forward, upstream: u.conf}
    - {name: ES, upstream: none.conf}
    - {name: gstdout, upstream: example.com}
-- conf/u.conf --
[UPSTREAM]
    Name b
`)
	tree, err := Load("conf/main.yaml", Options{Dir: dir})
	if err == nil || err.Error() != "conf/main.yaml:7:28: cannot open the upstream file 'none.conf': no such file or directory; check the path" {
		t.Error(err)
	}
	for ref, name := range map[string]string{"a": "a", "u.conf": "b", "b": "b", "none.conf": ""} {
		if u, ok := tree.Upstream(ref); u.Name != name || ok != (name != "") {
			t.Errorf("%s is %q", ref, u.Name)
		}
	}
}

func TestKeysAreWrittenAsFluentBitSpellsThem(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := snake(key); got != want {
			t.Errorf("%s became %s, want %s", key, got, want)
		}
	}
	f("storageType", "storage_type")
	f("storage.maxChunksUp", "storage.max_chunks_up")
	f("Match_Regex", "match_regex")
	f("match_Regex", "match_regex")
	f("StorageType", "storagetype")
	f("aBC", "a_b_c")
	f("éA", "éa")
	f("", "")
}

func TestPlainScalarsHaveTypes(t *testing.T) {
	f := func(s string, want option.Kind) {
		t.Helper()
		if got := scalarKind(s); got != want {
			t.Errorf("%q is of kind %d, want %d", s, got, want)
		}
	}
	for _, s := range []string{"", "~", "null"} {
		f(s, option.KindNull)
	}
	for _, s := range []string{"true", "False", "TRUE"} {
		f(s, option.KindBool)
	}
	for _, s := range []string{"0", "-5", "+7", "007", "18446744073709551615", "-9223372036854775808"} {
		f(s, option.KindInt)
	}
	for _, s := range []string{"1.5", "-.5", "1e3", "18446744073709551616"} {
		f(s, option.KindFloat)
	}
	for _, s := range []string{"on", "yes", "0x10", "1_000", ".inf", "nan", "-", "+-1", "1.2.3", "e", "1e999", "2026-01-01", "${N}"} {
		f(s, option.KindText)
	}
}

func TestMergedKeysYieldToOwnOnes(t *testing.T) {
	tree, faults := load(t, `
-- main.yaml --
pipeline:
  inputs:
    - &base {name: a, tag: t, x: 1}
    - <<: *base
      name: b
    - <<: [*base, {x: 2, y: 3}]
      tag: z
    - <<: 5
      name: c
`)
	check(t, "errors", faults, "main.yaml:8:11: << takes a map; write <<: *anchor\n")
	check(t, "tree", tree, `input a@3:7 tag@3:23="t"@3:28 x@3:31="1"!int@3:34
input b@4:7 tag@3:23="t"@3:28 x@3:31="1"!int@3:34
input a@6:7 x@6:20="2"!int@6:23 y@6:26="3"!int@6:29 x@3:31="1"!int@3:34 tag@7:7="z"@7:12
input c@8:7
`)
}

func TestBrokenYAMLIsPlacedAndCured(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		r := newReader(&Tree{}, Options{}, memory{"main.yaml": text})
		r.add("main.yaml", MainFile)
		err := r.err()
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	f("a: b: c\n", "main.yaml:1:5: broken YAML: mapping values are not allowed in this context; put the value into quotes, since it holds ': '")
	f("a:\n\tb: c\n", "main.yaml:2:1: broken YAML: found character that cannot start any token while scanning for the next token; indent with spaces; YAML forbids tabs")
	f("match: *\n", "main.yaml:1:9: broken YAML: did not find expected alphabetic or numeric character while scanning an alias; put the value into quotes, since it begins with * or &")
	f("a: %x\n", "main.yaml:1:4: broken YAML: found character that cannot start any token while scanning for the next token; put the value into quotes")
	f("é: *x\n", "main.yaml:1:5: broken YAML: unknown anchor 'x' referenced; check the indentation and the quotes here")
	f("a: [${x}, b]\n", "main.yaml:1:6: broken YAML: did not find expected ',' or ']' while parsing a flow sequence; put ${…} into quotes within [] and {}")
	f("- a\n", "main.yaml:1:1: the file is not a map of sections; begin with a section such as 'pipeline:'")
	f("? [a]\n: b\n", "main.yaml:1:3: a key is missing here or is no text; a key is a word")
	f("includes: [{a: b}]\nplugins: [[]]\nmultiline_parsers: [{name: x, rules: [y]}]\ncustoms: {}\n", `main.yaml:1:12: an item of includes is no path; write the path of a file
main.yaml:2:11: an item of plugins is no path; write '- path/to/plugin.so'
main.yaml:3:39: an item of rules is not a map; write its keys as a map
main.yaml:4:10: customs is not a list; begin each item with '- '`)
	f("env: {a: [b]}\npipeline: 5\n", "main.yaml:1:10: the variable 'a' is a list or a map; write one value\nmain.yaml:2:11: pipeline is not a map; write 'key: value' lines below it")
	f("pipeline: {inputs: [{name: [a]}]}\n", "main.yaml:1:28: the name of an input is not one text; write one name")
	f("pipeline: {inputs: [{name: a, processors: {logs: [b]}}]}\n", "main.yaml:1:51: an item of logs is not a map; write '- name: …' and its settings below")
	f(strings.Repeat("#", maxYAML+1), "main.yaml: the YAML file is larger than 8 MiB; divide it with includes")
}

func TestVariablesOfTheCommandLine(t *testing.T) {
	o := Options{Getenv: env("A", "1", "E", ""), Vars: map[string]string{"A": "2", "N": ""}}
	f := func(text, want, wantUnset string) {
		t.Helper()
		got, unset := Expand(text, o)
		if got != want || strings.Join(unset, " ") != wantUnset {
			t.Errorf("%q became %q, unset %q", text, got, unset)
		}
	}
	f("plain $A", "plain $A", "")
	f("${A}${E}${N}${}", "2", "E N ")
	f("${E:-x y}${A:-z}${E:-}", "x y2", "")
	f("${A", "${A", "")
	f("${${A}}", "}", "${A")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	f("${HOSTNAME}", host, "")
}

func TestServiceReadsNestedTelemetry(t *testing.T) {
	f := func(yaml, wantErr string, want TagRecords) {
		t.Helper()
		tree := &Tree{}
		r := newReader(tree, Options{}, memory{"main.yaml": yaml})
		r.add("main.yaml", MainFile)
		s, err := ServiceOf(tree)
		if wantErr != "" && (err == nil || err.Error() != wantErr) || wantErr == "" && err != nil {
			t.Errorf("%s: %v, want %q", yaml, err, wantErr)
		}
		if s.TagRecords != want {
			t.Errorf("%s: %+v", yaml, s.TagRecords)
		}
	}
	f("", "", TagRecords{false, 500, 128})
	f("service: {telemetry: {metrics: {logs: {tag_records: {enabled: on, max_series: 7}}}}}", "", TagRecords{true, 7, 128})
	f("service: {telemetry: {metrics: {log: {}}}}", "main.yaml:1:33: unknown configuration property 'log'; did you mean 'logs'?", TagRecords{false, 500, 128})
	f("service: {telemetry: on}", "main.yaml:1:22: telemetry: 'on' is not a map", TagRecords{false, 500, 128})
}

func TestEveryServiceKeyHasHelpAndTakesItsDefault(t *testing.T) {
	var s Service
	seen := map[string]bool{}
	for _, o := range ServiceOptions(&s) {
		if o.About == "" || seen[o.Name] {
			t.Errorf("%s has no help, or is declared twice", o.Name)
		}
		seen[o.Name] = true
	}
	for _, key := range strings.Fields(`flush flush.adaptive flush.min_interval grace daemon log_file log_level parsers_file plugins_file streams_file
		http_server http_listen http_port health_check hc_errors_count hc_retry_failure_count hc_period hot_reload hot_reload.ensure_thread_safety
		hot_reload.timeout coro_stack_size scheduler.base scheduler.cap json.convert_nan_to_null json.escape_unicode sp.convert_from_str_to_num
		multiline_buffer_limit dns.mode dns.resolver dns.prefer_ipv4 dns.prefer_ipv6 storage.path storage.sync storage.checksum storage.metrics
		storage.max_chunks_up storage.backlog.mem_limit storage.backlog.flush_on_shutdown storage.delete_irrecoverable_chunks storage.trim_files
		storage.type storage.inherit storage.keep.rejected storage.rejected.path storage.rejected.limit enable_chunk_trace security.fips_mode
		windows.maxstdio telemetry storage.memory_budget storage.spill_limit`) {
		if !seen[key] {
			t.Errorf("the key %s is not declared", key)
		}
	}
}

func TestMultilineBufferLimitCountsInPowersOf1024(t *testing.T) {
	check := func(text string, want int64) {
		t.Helper()
		s, err := ServiceOf(&Tree{Service: []option.Property{{Key: "multiline_buffer_limit", Value: option.Value{Text: text}}}})
		if err != nil && want >= 0 || err == nil && s.MultilineBufferLimit != want {
			t.Errorf("%s: %d, %v", text, s.MultilineBufferLimit, err)
		}
	}
	check("40", 40)
	check("2MB", 2<<20)
	check("1.5KiB", 1536)
	check("1g", 1<<30)
	check("false", 0)
	check("-1", -1)
	check("3mbi", -1)
}

func TestServiceDecodesWhatTheFileSays(t *testing.T) {
	tree, err := Load("main.conf", Options{Dir: write(t, `
-- main.conf --
[SERVICE]
    Flush 0.2
    Grace 0
    Log_Level Warning
    Storage.Sync FULL
    scheduler.base 3000
    HTTP_Port 22091
    Parsers_File p.conf
    HTTP_Port 70000
-- p.conf --
`)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ServiceOf(tree)
	if err == nil || err.Error() != "main.conf:9:15: http_port: '70000' is not between 1 and 65535" {
		t.Error(err)
	}
	if s.Flush != 200*time.Millisecond || s.Grace != time.Second || s.LogLevel != "warn" || s.Storage.Sync != "full" || s.SchedulerCap != 3000*time.Second || s.HTTPPort != 22091 || s.ParsersFile[0] != "p.conf" {
		t.Errorf("%+v", s)
	}
}
