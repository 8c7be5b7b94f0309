package wasm

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// write puts a module into a file.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.wasm")
	if err := os.WriteFile(path, assemble(text, functions), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func build(t testing.TB, conf ...string) (*filter, *bytes.Buffer, error) {
	t.Helper()
	var log bytes.Buffer
	p, err := filtertest.Build(filtertest.With(Plugin, func(e *plugin.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
	}), filtertest.Properties(conf...))
	if err != nil {
		return nil, nil, err
	}
	f := p.(*filter)
	t.Cleanup(func() { f.Close() })
	return f, &log, f.Start(context.Background())
}

func begin(t testing.TB, conf ...string) (*filter, *bytes.Buffer) {
	t.Helper()
	f, log, err := build(t, conf...)
	if err != nil {
		t.Fatal(err)
	}
	return f, log
}

func pass(t *testing.T, f *filter, lines ...string) string {
	t.Helper()
	b := filtertest.Batch(t, lines...)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(filtertest.Lines(b), "\n")
}

func TestTheFunctionsTextTakesTheRecordsPlace(t *testing.T) {
	f := func(function, text, in, want string, conf ...string) {
		t.Helper()
		w, log := begin(t, append(conf, "wasm_path "+write(t, text), "function_name "+function)...)
		if got := pass(t, w, strings.Split(in, "\n")...); got != want {
			t.Errorf("%s: got %s, want %s, log %s", function, got, want, log)
		}
	}
	const in = `{"a":1,"s":"x\"y"}` + "\n" + `{"b":[1,2.5,null]}`
	f("echo", "", in, in)
	f("text", `{"new":[true]}`, in, `{"new":[true]}`+"\n"+`{"new":[true]}`)
	f("null", "", in, "")
	f("empty", "", in, "")
	f("echo", "", `{"a":"`+strings.Repeat("long ", 30000)+`"}`+"\n"+`{"b":1}`, `{"a":"`+strings.Repeat("long ", 30000)+`"}`+"\n"+`{"b":1}`)
	f("echo", "", in, in, "event_format msgpack")
	f("text", "\x81\xa1k\xc0", in, `{"k":null}`+"\n"+`{"k":null}`, "event_format msgpack")
	f("null", "", in, "", "event_format msgpack")
}

func TestARecordWhoseCallFailsStays(t *testing.T) {
	was := limits
	limits = bounds{call: 500 * time.Millisecond, pages: 64}
	t.Cleanup(func() { limits = was })
	f := func(function, text, want string, conf ...string) {
		t.Helper()
		w, log := begin(t, append(conf, "wasm_path "+write(t, text), "function_name "+function)...)
		const in = `{"a":1}` + "\n" + `{"a":2}`
		if got := pass(t, w, strings.Split(in, "\n")...); got != in {
			t.Errorf("%s: got %s", function, got)
		}
		if n := strings.Count(log.String(), "goes on unchanged"); n != 1 || !strings.Contains(log.String(), want) || w.failed.Total() != 2 {
			t.Errorf("%s: %d lines, %d counted, want %s:\n%s", function, n, w.failed.Total(), want, log)
		}
	}
	f("trap", "", "unreachable")
	f("spin", "", "loop for ever")
	f("eat", "", "loop for ever")
	f("text", `{"a":`, "no JSON")
	f("text", `[1]`, "no map")
	f("text", `{"a":1} 5`, "more than one")
	f("text", "\x91\x01", "no map", "event_format msgpack")
	f("text", "\xc1", "", "event_format msgpack")
	f("far", strings.Repeat("x", 10), "", "wasm_heap_size 1")
}

func TestARecordThatDoesNotFitStays(t *testing.T) {
	was := limits
	limits.pages = 3
	t.Cleanup(func() { limits = was })
	w, log := begin(t, "wasm_path "+write(t, ""), "function_name echo")
	in := `{"a":"` + strings.Repeat("x", 200_000) + `"}`
	if got := pass(t, w, in); got != in || !strings.Contains(log.String(), "no memory left") {
		t.Errorf("%d bytes, log %s", len(got), log)
	}
}

func TestFaultsStopTheStart(t *testing.T) {
	f := func(want string, conf ...string) {
		t.Helper()
		if _, _, err := build(t, conf...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	path := write(t, "")
	junk := filepath.Join(t.TempDir(), "junk.wasm")
	if err := os.WriteFile(junk, []byte("not a module"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("'wasm_path' is missing", "function_name f")
	f("'function_name' is missing", "wasm_path "+path)
	f("wasm_path: stat nowhere.wasm: no such file", "wasm_path nowhere.wasm", "function_name f")
	f("does not compile", "wasm_path "+junk, "function_name f")
	f("exports no function 'f'", "wasm_path "+path, "function_name f")
	f("must take six integers", "wasm_path "+path, "function_name wrong")
	f("is none of 'json', 'msgpack'", "wasm_path "+path, "function_name echo", "event_format xml")
}

const goModule = `package main

import (
	"fmt"
	"strings"
	"unsafe"
)

var kept [][]byte

//go:wasmexport malloc
func malloc(n uint32) unsafe.Pointer {
	kept = append(kept[:0], make([]byte, n))
	return unsafe.Pointer(&kept[0][0])
}

var out []byte

//go:wasmexport edit
func edit(tag *byte, tagLen, sec, nsec uint32, record *byte, recordLen uint32) unsafe.Pointer {
	text := unsafe.String(record, recordLen)
	if strings.Contains(text, "panic") {
		panic("on demand")
	}
	out = fmt.Appendf(out[:0], "{\"tag\":%q,\"at\":\"%d.%09d\",\"was\":%q}\x00", unsafe.String(tag, tagLen), sec, nsec, text)
	return unsafe.Pointer(&out[0])
}

func main() {}
`

// A real module: a Go program, with its runtime, as a library.
func TestAModuleInGoEditsRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles Go for another machine")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": goModule, "go.mod": "module edit\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", "edit.wasm")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, log := begin(t, "wasm_path "+filepath.Join(dir, "edit.wasm"), "function_name edit")
	for range 3 { // a panic ends the module, which is started anew
		got := pass(t, f, `{"a":1}`, `{"a":"panic"}`, `{"b":2}`)
		const at = `{"tag":"` + filtertest.Tag + `","at":"1700000000.000000000","was":`
		if want := at + `"{\"a\":1}"}` + "\n" + `{"a":"panic"}` + "\n" + at + `"{\"b\":2}"}`; got != want {
			t.Fatalf("got  %s\nwant %s\nlog %s", got, want, log)
		}
	}
	b := event.New("t")
	for range 2000 {
		b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
	}
	if err := f.Filter(context.Background(), b); err != nil || f.failed.Total() != 3 {
		t.Error(err, f.failed.Total())
	}
}

func benchmark(b *testing.B, conf ...string) {
	spec := Plugin
	inner := spec.Config
	spec.Config = func() plugin.Config[plugin.Filter] { return started{inner()} }
	filtertest.Bench(b, spec, append(conf, "wasm_path "+write(b, ""), "function_name echo")...)
}

type started struct{ plugin.Config[plugin.Filter] }

func (s started) New(env plugin.Env) (plugin.Filter, error) {
	f, err := s.Config.New(env)
	if err == nil {
		err = f.(plugin.Starter).Start(context.Background())
	}
	return f, err
}

func BenchmarkEchoJSON(b *testing.B)    { benchmark(b) }
func BenchmarkEchoMsgpack(b *testing.B) { benchmark(b, "event_format msgpack") }

func TestItConforms(t *testing.T) {
	for _, format := range []string{"json", "msgpack"} {
		filtertest.Conform(t, Plugin, "wasm_path "+write(t, ""), "function_name echo", "event_format "+format)
	}
}
