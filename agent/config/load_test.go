package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

// write lays out files, given as "-- name --" blocks, in a folder of their own.
func write(t *testing.T, archive string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, part := range strings.Split("\n"+archive, "\n-- ")[1:] {
		name, text, _ := strings.Cut(part, " --\n")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// env is an environment with a few variables.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// show renders a tree with one line per section, "kind name@line:col key=value@line:col …".
func show(t *Tree) string {
	var b strings.Builder
	for _, p := range t.Service {
		fmt.Fprintf(&b, "service %s\n", showProp(p))
	}
	for _, list := range t.shelves() {
		for _, s := range *list {
			showSection(&b, s, "")
		}
	}
	for _, p := range t.Plugins {
		fmt.Fprintf(&b, "plugin %s@%d:%d\n", p.Path, p.Pos.Line, p.Pos.Col)
	}
	for _, w := range t.Warnings {
		fmt.Fprintf(&b, "warning %v\n", w)
	}
	return b.String()
}

func showSection(b *strings.Builder, s Section, indent string) {
	fmt.Fprintf(b, "%s%s %s@%d:%d", indent, s.Kind, s.Name, s.Pos.Line, s.Pos.Col)
	for _, p := range s.Props {
		b.WriteString(" " + showProp(p))
	}
	b.WriteString("\n")
	for _, g := range s.Groups {
		showSection(b, g, indent+"  ")
	}
}

func showProp(p option.Property) string {
	return fmt.Sprintf("%s@%d:%d=%s", p.Key, p.Pos.Line, p.Pos.Col, showValue(p.Value))
}

func showValue(v option.Value) string {
	var items []string
	switch v.Kind {
	case option.KindList:
		for _, item := range v.List {
			items = append(items, showValue(item))
		}
		return "[" + strings.Join(items, " ") + "]"
	case option.KindMap:
		for _, p := range v.Map {
			items = append(items, showProp(p))
		}
		return "{" + strings.Join(items, " ") + "}"
	}
	kind := map[option.Kind]string{option.KindText: "", option.KindBool: "!bool", option.KindInt: "!int", option.KindFloat: "!float", option.KindNull: "!null"}[v.Kind]
	return fmt.Sprintf("%q%s@%d:%d", v.Text, kind, v.Pos.Line, v.Pos.Col)
}

// load reads main.conf or main.yaml of an archive and returns what show makes of it and the errors.
func load(t *testing.T, archive string, vars ...string) (tree, faults string) {
	t.Helper()
	dir := write(t, archive)
	main := "main.conf"
	if strings.Contains(archive, "-- main.yaml --") {
		main = "main.yaml"
	}
	got, err := Load(main, Options{Dir: dir, Getenv: env(vars...)})
	if err != nil {
		faults = err.Error() + "\n"
	}
	return show(got), faults
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%swant:\n%s", what, got, want)
	}
}

func TestClassicFileBecomesATreeWithPositions(t *testing.T) {
	tree, faults := load(t, `
-- main.conf --
# comment
[SERVICE]
    Flush   0.2
    # comment

[INPUT]
    Name stdin
    Tag	 x y  
	
[FILTER]
    Name   modify
    Add    note value#not a comment
    Add    "k" v
[Output]
    NAME   StdOut
    [GROUP]
        Key  value
    After  group`)
	check(t, "errors", faults, "")
	check(t, "tree", tree, `service flush@3:5="0.2"@3:13
input stdin@6:1 tag@8:5="x y"@8:10
filter modify@10:1 add@12:5="note value#not a comment"@12:12 add@13:5="\"k\" v"@13:12
output StdOut@14:1 after@18:5="group"@18:12
  group @16:5 key@17:9="value"@17:14
`)
}

func TestClassicFaultsAreAllNamedAtOnce(t *testing.T) {
	tree, faults := load(t, `
-- main.conf --
  stray line
[INPUT]
  Name a
    Extra deep
	Tabbed x
Margin x
  Tag
[OUTPUT
  Name b
[PARSER]
  Name p
@INCLUDE nowhere.conf
@INCLUDE none/*.conf
@SET novalue
[FILTER]
  Match *
@INCLUDE main.conf`)
	check(t, "errors", faults, `main.conf:1:3: 'stray line' stands in no section; begin a section first, such as [SERVICE], [INPUT], [FILTER] or [OUTPUT]; a YAML file must be named .yaml or .yml
main.conf:4:5: invalid indentation: extra indentation, 4 spaces where the file began with 2 spaces; indent all keys of a section alike
main.conf:5:2: invalid indentation: 1 tab where the file began with 2 spaces; indent all lines of a file alike
main.conf:6:1: invalid indentation: 'Margin x' begins at the left margin; indent the lines of a section
main.conf:7:3: the key 'Tag' has no value; write a value after it, or remove the line
main.conf:8:1: bad section header '[OUTPUT': the ']' is missing; close it: [OUTPUT]
main.conf:10:1: [PARSER] is not allowed in the main configuration file; move it to a file of its own and name that as parsers_file in [SERVICE]
main.conf:12:10: cannot open the included file 'nowhere.conf': no such file or directory; the path counts from the including file's folder
main.conf:13:10: no file matches the included pattern 'none/*.conf'; the pattern counts from the including file's folder
main.conf:14:6: @SET defines no variable; write @SET name=value
main.conf:17:10: the file 'main.conf' is read twice; include each file once, and not from itself
main.conf:15:1: a filter has no name; begin with its name: name grep
`)
	check(t, "tree", tree, `input a@2:1 extra@4:5="deep"@4:11 tabbed@5:2="x"@5:9 margin@6:1="x"@6:8
output b@8:1
`)
}

func TestVariablesAreReplacedEverywhere(t *testing.T) {
	tree, faults := load(t, `
-- main.conf --
@SET late=first
@SET home=${HOME}/x
[INPUT]
    Name ${PLUGIN}
    Tag  app.${late}.${HOME}$HOME${
    Add  a ${NONE} b
    Add  ${NONE}
    Add  ${EMPTY:-fall back}${NONE:-}
    Path ${home}
    File ${secret}
@SET late=last
@SET secret=file://secret.txt
-- secret.txt --
hush`, "HOME", "h", "PLUGIN", "tail", "EMPTY", "")
	check(t, "errors", faults, "")
	check(t, "tree", tree, `input tail@3:1 tag@5:5="app.last.h$HOME${"@5:10 add@6:5="a  b"@6:10 add@8:5="fall back"@8:10 path@9:5="h/x"@9:10 file@10:5="hush"@10:10
warning main.conf:6:10: the variable ${NONE} is not set; set it, or write ${NONE:-default}
warning main.conf:7:10: the variable ${NONE} is not set; set it, or write ${NONE:-default}
warning main.conf:7:10: 'add' is empty once its variables are replaced, so it is not set
`)
}

func TestServiceNamesFurtherFiles(t *testing.T) {
	tree, faults := load(t, `
-- main.yaml --
service:
  parsers_file: [conf/p.conf, conf/p.yaml]
  plugins_file: conf/plugins.conf
  streams_file: conf/s.conf
  flsh: 1
pipeline:
  outputs:
    - {name: forward, upstream: conf/up.conf}
    - {name: forward, upstream: conf/up.conf}
-- conf/p.conf --
[PARSER]
    Name one
    Regex ^a
[MULTILINE_PARSER]
    Name two
    Rule "start_state" "/x/" "cont"
[OUTPUT]
    Name stdout
-- conf/p.yaml --
parsers:
  - name: three
-- conf/plugins.conf --
[PLUGINS]
    Path a.so
    Path b.so
-- conf/s.conf --
[STREAM_TASK]
    Name s
    Exec SELECT * FROM TAG:'x';
-- conf/up.conf --
[UPSTREAM]
    Name up
[NODE]
    Name n1
    Host h
[NODE]
    Name n2
`)
	check(t, "errors", faults, "")
	check(t, "tree", tree, `service parsers_file@2:3=["conf/p.conf"@2:18 "conf/p.yaml"@2:31]
service plugins_file@3:3="conf/plugins.conf"@3:17
service streams_file@4:3="conf/s.conf"@4:17
service flsh@5:3="1"!int@5:9
output forward@8:7 upstream@8:23="conf/up.conf"@8:33
output forward@9:7 upstream@9:23="conf/up.conf"@9:33
parser one@1:1 regex@3:5="^a"@3:11
parser three@2:5
multiline_parser two@4:1 rule@6:5="\"start_state\" \"/x/\" \"cont\""@6:10
stream_task s@1:1 exec@3:5="SELECT * FROM TAG:'x';"@3:10
upstream up@1:1
  node n1@3:1 host@5:5="h"@5:10
  node n2@6:1
plugin a.so@2:10
plugin b.so@3:10
warning main.yaml:5:3: the service key 'flsh' is unknown and has no effect; did you mean 'flush'?
warning conf/p.conf:7:1: the section [OUTPUT] has no effect in a parsers file; move it to the main configuration file
`)
}

func TestYAMLFileBecomesATreeWithPositions(t *testing.T) {
	tree, faults := load(t, `
-- main.yaml --
env: {greeting: hello, flushEvery: 0.2}
includes:
  - parts/*.yaml
service:
  flush: ${flushEvery}
  logLevel: error
  telemetry:
    metrics: {on: true}
pipeline:
  inputs:
    - name: stdin
      é: x
      storageType: "a: b"   # comment
      Match_Regex: [1, on, "two words"]
      empty:
      processors:
        logs:
          - name: content_modifier
            theValue: 1.5
            other: [null, true, -3, "4", "${greeting}", 0x10]
  filters:
-- parts/b.yaml --
multiline_parsers:
  - name: block
    rules:
      - {state: start_state, regex: '/^BEGIN/', next_state: cont}
upstream_servers:
  - name: up
    nodes:
      - name: n1
        host: h
-- parts/a.yaml --
stream_processor:
  - name: s
    exec: SELECT 1;
plugins:
  - a.so
  - path: b.so
extensions:
  - anything
customs:
  - name: c
env:
  - {name: x, value: y}
`)
	check(t, "errors", faults, "")
	check(t, "tree", tree, `service flush@5:3="0.2"@5:10
service log_level@6:3="error"@6:13
service telemetry@7:3={metrics@8:5={on@8:15="true"!bool@8:19}}
input stdin@11:7 é@12:7="x"@12:11 storage_type@13:7="a: b"@13:20 match_regex@14:7=["1"!int@14:21 "on"@14:24 "two words"@14:28] processors@16:7={logs@17:9=[{name@18:13="content_modifier"@18:19 the_value@19:13="1.5"!float@19:23 other@20:13=["null"!null@20:21 "true"!bool@20:27 "-3"!int@20:33 "4"@20:37 "hello"@20:42 "0x10"@20:57]}]}
custom c@10:5
multiline_parser block@2:5
  rule @4:9 state@4:10="start_state"@4:17 regex@4:30="/^BEGIN/"@4:37 next_state@4:49="cont"@4:61
stream_task s@2:5 exec@3:5="SELECT 1;"@3:11
upstream up@6:5
  node n1@8:9 host@9:9="h"@9:15
plugin a.so@5:5
plugin b.so@6:11
warning main.yaml:15:13: 'empty' is empty, so it is not set; write a value or remove the key
`)
}

func TestYAMLFaultsAreAllNamedAtOnce(t *testing.T) {
	_, faults := load(t, `
-- main.yaml --
pipelines:
  inputs: []
pipeline:
  input:
    - name: a
  outputs:
    name: b
  filters:
    - grep
    - match: x
      processors: {log: []}
includes: [none.yaml]
service: 5
env: [{name: x}]
`)
	check(t, "errors", faults, `main.yaml:14:7: an item of env lacks its name or its value; write '- name: …' with a value or a uri
main.yaml:1:1: unknown section 'pipelines'; did you mean 'pipeline'?
main.yaml:4:3: unknown key 'input' in pipeline; did you mean 'inputs'?
main.yaml:7:5: outputs is not a list; begin each item with '- '
main.yaml:9:7: an item of filters is not a map; write '- name: …' and its settings below
main.yaml:11:20: unknown key 'log' in processors; did you mean 'logs'?
main.yaml:12:12: cannot open the included file 'none.yaml': no such file or directory; the path counts from the including file's folder
main.yaml:13:10: service is not a map; write 'key: value' lines below it
main.yaml:10:7: a filter has no name; begin with its name: name grep
`)
}

func TestEveryErrorIsAnOptionError(t *testing.T) {
	_, err := Load("nowhere.conf", Options{Dir: t.TempDir()})
	var e *option.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "cannot open configuration file 'nowhere.conf': no such file") {
		t.Errorf("missing file: %v", err)
	}
}

func TestServiceHasDefaultsAndChecks(t *testing.T) {
	s, err := ServiceOf(&Tree{})
	if err != nil || s.Flush != time.Second || s.LogLevel != "info" || s.Storage.MemoryBudget != 256e6 || s.HTTPPort != 2020 {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	props := []option.Property{{Key: "flush", Value: option.Value{Text: "0"}}, {Key: "log_level", Value: option.Value{Text: "loud"}}, {Key: "grace", Value: option.Value{Text: "-1"}}, {Key: "nosuch"}}
	s, err = ServiceOf(&Tree{Service: props})
	if err == nil || err.Error() != "flush: '0' is not more than 0s\nlog_level: 'loud' is none of off, error, warn, info, debug, trace" {
		t.Errorf("faults: %v", err)
	}
	if s.Grace >= 0 {
		t.Errorf("grace -1 became %v", s.Grace)
	}
}
