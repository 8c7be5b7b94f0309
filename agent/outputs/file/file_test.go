package file

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/agent/internal/tagfile"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

func build(t *testing.T, pairs ...string) (*output, *outputtest.Kit) {
	t.Helper()
	k := outputtest.New()
	o, err := k.Build(Plugin.Config(), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return o.(*output), k
}

func flush(t *testing.T, o *output, c *event.Chunk) {
	t.Helper()
	if err := outputtest.Flush(t, o, c); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	if string(got) != want {
		t.Errorf("%s\ngot  %q\nwant %q", filepath.Base(name), got, want)
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func sample(t *testing.T) *event.Chunk {
	return outputtest.Chunk(t, "t", `[1700000000.5,{"s":"plain","i":1,"f":0.5,"b":true,"n":null}]`, `[1700000001,{"s":"a,b c","i":-2,"f":1.25,"b":false,"n":null}]`)
}

func TestEachFormatIsWritten(t *testing.T) {
	check := func(want string, c *event.Chunk, pairs ...string) {
		t.Helper()
		dir := t.TempDir()
		o, _ := build(t, append(pairs, "path", dir, "file", "out")...)
		flush(t, o, c)
		wantFile(t, filepath.Join(dir, "out"), want)
	}
	check(`t: [1700000000.500000000, {"s":"plain","i":1,"f":0.5,"b":true,"n":null}]
t: [1700000001.000000000, {"s":"a,b c","i":-2,"f":1.25,"b":false,"n":null}]
`, sample(t))
	check(`{"s":"plain","i":1,"f":0.5,"b":true,"n":null}
{"s":"a,b c","i":-2,"f":1.25,"b":false,"n":null}
`, sample(t), "format", "plain")
	check(`timestamp,"s","i","f","b","n"
1700000000.500000000,"plain",1,0.500000,true,nil
1700000001.000000000,"a,b c",-2,1.250000,false,nil
`, sample(t), "format", "csv", "delimiter", "comma", "csv_column_names", "on")
	check("\"time\":1700000000.500000\t\"s\":\"plain\"\t\"i\":1\t\"f\":0.500000\t\"b\":true\t\"n\":nil\n"+
		"\"time\":1700000001.000000\t\"s\":\"a,b c\"\t\"i\":-2\t\"f\":1.250000\t\"b\":false\t\"n\":nil\n", sample(t), "format", "ltsv")
	check(`at 1700000000.500000: plain and 1 {missing}
at 1700000001.000000: a,b c and -2 {missing}
`, sample(t), "format", "template", "template", "at {time}: {s} and {i} {missing}")
	check("1700000000.500000 {message}\n1700000001.000000 {message}\n", sample(t), "format", "template")
	check(string(sample(t).Bytes()), sample(t), "format", "msgpack")

	odd := outputtest.Chunk(t, "t", `[1,{"q\"k":"say \"x\"\t","m":{"x":[1,2]}}]`, `[2,{}]`)
	check("1.000000000;\"say \"\"x\"\"\t\";\"{\"\"x\"\":[1,2]}\"\n2.000000000\n", odd, "format", "csv", "delimiter", ";")
	check("\"time\"=1.000000 \"q\\\"k\"=\"say \\\"x\\\"\\t\" \"m\"={\"x\":[1,2]}\n\"time\"=2.000000\n", odd, "format", "ltsv", "delimiter", "space", "label_delimiter", "=")
	check("{{\"x\"=>[1, 2]} {asay \"x\"\t {open\n{{m} {a{q\"k} {open\n", odd, "format", "template", "template", "{{m} {a{q\"k} {open")
}

func TestBinaryDataIsTextInCSV(t *testing.T) {
	b := event.New("t")
	b.Append(event.Time{Sec: 1}, nil, event.AppendBin(event.AppendStr(event.AppendMap(nil, 1), "k"), `a"b`))
	dir := t.TempDir()
	o, _ := build(t, "path", dir, "file", "out", "format", "csv")
	flush(t, o, event.NewChunk(1, "t", event.Logs, b.Bytes(), b.Len()))
	wantFile(t, filepath.Join(dir, "out"), "1.000000000,\"a\"\"b\"\n")
}

func TestColumnsStayInTheirPlace(t *testing.T) {
	dir := t.TempDir()
	pairs := []string{"path", dir, "file", "f", "format", "csv", "csv_column_names", "on"}
	o, _ := build(t, pairs...)
	flush(t, o, outputtest.Chunk(t, "t", `[1,{"a":1,"b\"q":2}]`, `[2,{"b\"q":3,"a":4}]`, `[3,{"a":5}]`))
	o, _ = build(t, pairs...) // a new agent finds the header in the file
	flush(t, o, outputtest.Chunk(t, "t", `[4,{"b\"q":6}]`, `[5,{"a":7,"c":8}]`))
	flush(t, o, outputtest.Chunk(t, "t", `[6,{"c":9}]`))
	wantFile(t, filepath.Join(dir, "f"), `timestamp,"a","b""q"
1.000000000,1,2
2.000000000,4,3
3.000000000,5,
4.000000000,,6
timestamp,"a","c"
5.000000000,7,8
6.000000000,,9
`)
}

func TestAHeaderStandsBehindWhatOthersWrote(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("0.5,7\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	o, _ := build(t, "file", name, "format", "csv", "csv_column_names", "on")
	flush(t, o, outputtest.Chunk(t, "t", `[1,{"a":1}]`))
	flush(t, o, outputtest.Chunk(t, "t", `[2,{"a":2}]`))
	wantFile(t, name, "0.5,7\ntimestamp,\"a\"\n1.000000000,1\n2.000000000,2\n")
}

func TestAFileWithoutNameIsCalledByItsTag(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	check := func(tag, want string, pairs ...string) {
		t.Helper()
		o, _ := build(t, append(pairs, "format", "plain")...)
		flush(t, o, outputtest.Chunk(t, tag, `[1,{"a":1}]`))
		wantFile(t, filepath.Join(dir, want), "{\"a\":1}\n")
		if err := os.Remove(filepath.Join(dir, want)); err != nil {
			t.Error(err)
		}
	}
	check("app.web", "app.web")
	check("../../evil", "sub/_/_/evil", "path", "sub", "mkdir", "on")
	check("/abs\x00olute", "abs_olute")
	check("..", "_")
	check("a b/ü", "a_b/__", "mkdir", "on")
	check(strings.Repeat("x", 300), tagfile.Name(strings.Repeat("x", 300)))
	check("a.b", "x-a-b-a.b", "file", "x-$TAG[0]-$TAG[1]-$TAG")
}

func TestRecordsChooseTheirFile(t *testing.T) {
	dir := t.TempDir()
	o, _ := build(t, "path", dir+"/$k8s['ns''x'][0]/%Y", "file", "$app.%m.log", "enable_strftime", "on", "mkdir", "on", "format", "plain")
	flush(t, o, outputtest.Chunk(t, "t",
		`[1700000000,{"app":"a","k8s":{"ns'x":["one"]}}]`,
		`[1700000000,{"app":7,"k8s":{"ns'x":["../x"]}}]`,
		`[1,{"app":"a","k8s":{"ns'x":[".."]}}]`,
		`[1700000001,{"app":"a","k8s":{"ns'x":["one"]},"n":2}]`))
	if got := files(t, dir); got != ".._x/2023/7.11.log _/1970/a.01.log one/2023/a.11.log" {
		t.Errorf("files %s", got)
	}
	wantFile(t, dir+"/one/2023/a.11.log", "{\"app\":\"a\",\"k8s\":{\"ns'x\":[\"one\"]}}\n{\"app\":\"a\",\"k8s\":{\"ns'x\":[\"one\"]},\"n\":2}\n")
}

func TestNoRecordMakesANameTooLong(t *testing.T) {
	dir := t.TempDir()
	o, _ := build(t, "path", dir, "file", "app-$app.log", "format", "plain")
	flush(t, o, outputtest.Chunk(t, "t", `[1,{"app":"`+strings.Repeat("x", 250)+`"}]`, `[2,{"app":"`+strings.Repeat("x", 251)+`"}]`))
	if got := strings.Fields(files(t, dir)); len(got) != 2 || !strings.HasPrefix(got[0], "app-xxx") {
		t.Errorf("files %v", got)
	}
}

func TestARecordWithoutFileGoesByPolicy(t *testing.T) {
	check := func(wantFiles string, refused bool, pairs ...string) {
		t.Helper()
		dir := t.TempDir()
		o, k := build(t, append(pairs, "path", dir, "file", "$app", "format", "plain", "fallback_path", dir)...)
		err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{"app":"a"}]`, `[2,{"x":1}]`))
		if plugin.Dropped(err) != refused || (err != nil) != refused {
			t.Errorf("%v: %v", pairs, err)
		}
		if got := files(t, dir); got != wantFiles {
			t.Errorf("%v: files %s\n%s", pairs, got, k.Log())
		}
	}
	check("", true)
	check("", true, "on_missing_field", "error")
	check("a", false, "on_missing_field", "drop")
	check("a t", false, "on_missing_field", "fallback")
	check("a other", false, "on_missing_field", "fallback", "fallback_file", "other")
}

func TestOnlySoManyFilesComeFromRecords(t *testing.T) {
	chunk := outputtest.Chunk(t, "t", `[1,{"app":"a"}]`, `[2,{"app":"b"}]`, `[3,{"app":"c"}]`)
	dir := t.TempDir()
	o, _ := build(t, "path", dir, "file", "$app", "max_dynamic_files", "2")
	if err := outputtest.Flush(t, o, chunk); !plugin.Dropped(err) || !strings.Contains(err.Error(), "raise max_dynamic_files") {
		t.Error(err)
	}
	if got := files(t, dir); got != "" {
		t.Errorf("a refused chunk left %s", got)
	}
	o, k := build(t, "path", dir, "file", "$app", "max_dynamic_files", "2", "on_limit_reached", "drop")
	flush(t, o, chunk)
	if got := files(t, dir); got != "a b" || !strings.Contains(k.Log(), "records=1") {
		t.Errorf("files %s, log %s", got, k.Log())
	}
	o.now = func() time.Time { return time.Now().Add(idle + time.Minute) }
	flush(t, o, outputtest.Chunk(t, "t", `[3,{"app":"c"}]`))
	if got := files(t, dir); got != "a b c" {
		t.Errorf("idle files still count: %s", got)
	}
}

func TestAMissingDirectoryIsAnErrorUnlessItMayBeMade(t *testing.T) {
	dir := t.TempDir()
	o, _ := build(t, "path", dir+"/no/such", "file", "f")
	err := outputtest.Flush(t, o, sample(t))
	if err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), "set mkdir on") {
		t.Error(err)
	}
	o, _ = build(t, "path", dir+"/no/such", "file", "f", "mkdir", "on")
	flush(t, o, sample(t))
	if got := files(t, dir); got != "no/such/f" {
		t.Error(got)
	}
}

func TestAFailedFlushLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	o, _ := build(t, "path", dir, "file", "$app", "format", "plain")
	flush(t, o, outputtest.Chunk(t, "t", `[1,{"app":"a"}]`))
	if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{"app":"a","n":2}]`, `[1,{"app":"b"}]`)); err == nil {
		t.Error("a directory was written to")
	}
	wantFile(t, filepath.Join(dir, "a"), "{\"app\":\"a\"}\n")
}

func TestFullFilesAreSetAside(t *testing.T) {
	check := func(zip string, wantFiles []string) {
		t.Helper()
		dir := t.TempDir()
		o, _ := build(t, "path", dir, "file", "f", "format", "csv", "csv_column_names", "on",
			"rotate", "on", "rotate_max_size", "60", "rotate_max_files", "2", "rotate_gzip", zip)
		at := time.Date(2023, 1, 2, 3, 4, 5, 0, time.UTC)
		o.now = func() time.Time { return at }
		if err := os.WriteFile(filepath.Join(dir, "f.20200101_000000.gz.part"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		for i, text := range []string{"one", "two", "three", "four", "five"} {
			flush(t, o, outputtest.Chunk(t, "t", `[1,{"word":"`+text+`"}]`))
			if i == 3 {
				at = at.Add(time.Second)
			}
			if i == 4 {
				flush(t, o, outputtest.Chunk(t, "t", `[1,{"word":"`+strings.Repeat("x", 70)+`"}]`))
			}
		}
		if got := strings.Fields(files(t, dir)); !slices.Equal(got, wantFiles) {
			t.Fatalf("files %q, want %q", got, wantFiles)
		}
		wantFile(t, filepath.Join(dir, "f"), "timestamp,\"word\"\n1.000000000,\""+strings.Repeat("x", 70)+"\"\n")
		f, err := os.Open(filepath.Join(dir, wantFiles[len(wantFiles)-1]))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var in io.Reader = f
		if zip == "on" {
			if in, err = gzip.NewReader(f); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := io.ReadAll(in); err != nil || string(got) != "timestamp,\"word\"\n1.000000000,\"five\"\n" {
			t.Errorf("set aside: %q, %v", got, err)
		}
	}
	check("off", []string{"f", "f.20230102_030406", "f.20230102_030406_001"})
	check("on", []string{"f", "f.20230102_030406.gz", "f.20230102_030406_001.gz"})
}

func TestOnlyOwnFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	keep := []string{"f", "f.2023", "f.20230102_030405.bak", "f.txt.20230102_030405", "g.20230102_030405"}
	gone := []string{"f.20230102_030405", "f.20230102_030405_001.gz", "f.20230102_030405_002"}
	for _, n := range append(append([]string{"f.20230102_030406", "f.20230102_030407.gz"}, keep...), gone...) {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeOldest(filepath.Join(dir, "f"), 2); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != "f f.2023 f.20230102_030405.bak f.20230102_030406 f.20230102_030407.gz f.txt.20230102_030405 g.20230102_030405" {
		t.Errorf("left: %s", got)
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	check := func(want string, pairs ...string) {
		t.Helper()
		_, err := outputtest.New().Build(Plugin.Config(), pairs...)
		if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want …%s…", pairs, err, want)
		}
	}
	check("begins with a record accessor", "path", "$app/x")
	check("lets records choose any directory", "path", "/$app")
	check("malformed record accessor at '$'", "file", "a$")
	check("malformed record accessor at '$a['b]'", "file", "$a['b]")
	check("malformed record accessor", "file", "$a[x]")
	check("malformed record accessor", "file", "$TAG['x']")
	check("set fallback_path or fallback_file", "on_missing_field", "fallback")
	check("must be at least 1", "max_dynamic_files", "0")
	check("must be more than 0", "rotate_max_size", "0", "rotate", "on")
	check("must be at least 1", "rotate_max_files", "0", "rotate", "on")
	check("is no delimiter", "delimiter", "semicolon")
	check("did you mean 'plain'?", "format", "plainn")
}

func FuzzName(f *testing.F) {
	f.Add("$a['b'][0]-$TAG[1].x", "..", "t.a")
	f.Add("x/$a", "../../etc", "/")
	f.Fuzz(func(t *testing.T, name, word, tag string) {
		c := config{}
		c.path.Text, c.file.Text = "base", name
		target, err := newTarget(c.path, c.file, false)
		if err != nil {
			return
		}
		body := event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "a"), word)
		b := event.New(tag)
		b.Append(event.Time{}, nil, body)
		for r := range b.Records() {
			got := target.render(tag, r)
			if !strings.Contains(name, "..") && got != "" && !filepath.IsAbs(name) && !filepath.IsLocal(got) {
				t.Fatalf("%q with %q, tag %q leads to %q", name, word, tag, got)
			}
		}
	})
}

func TestAPipeOrDeviceIsWrittenTo(t *testing.T) {
	o, _ := build(t, "file", "/dev/null", "rotate", "on", "rotate_max_size", "1")
	flush(t, o, sample(t))
	flush(t, o, sample(t))
}

func TestAHeaderReadsBackAsItWasWritten(t *testing.T) {
	o := &output{config: config{delimiter: "|"}}
	check := func(line string, want []string) {
		t.Helper()
		if got := o.parseHeader([]byte(line)); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: got %q", line, got)
		}
	}
	for _, columns := range [][]string{{}, {"a"}, {"a", `b"c`, "", `"`, "d|e"}} {
		check(string(bytes.TrimSuffix(o.headerLine(columns), []byte("\n"))), columns)
	}
	check(`t: [1, {}]`, nil)
	check(`timestamp|a`, nil)
	check(`timestamp|"a`, nil)
}
