package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/plugintest"
)

// desk is a folder to work in, with the program on the PATH.
type desk struct {
	t   *testing.T
	dir string
	bin string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	if testing.Short() {
		t.Skip("builds plugins")
	}
	bin := build(t)
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("FLUENT_BIT", filepath.Join(bin, "fluent-bit"))
	t.Setenv("GOWORK", "off") // nothing of this checkout helps
	return &desk{t, t.TempDir(), bin}
}

// run runs a command and returns what it printed to both.
func (d *desk) run(dir string, args ...string) (string, error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = filepath.Join(d.dir, dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (d *desk) must(dir string, args ...string) string {
	d.t.Helper()
	out, err := d.run(dir, args...)
	if err != nil {
		d.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// A newcomer's path: new, test, build, run; for each kind of plugin.
func TestFromNothingToRecordsThatArrive(t *testing.T) {
	d := newDesk(t)
	for name, want := range map[string]string{"out_first": `{"message":"dummy"}`, "filter_map": `"greeting"=>"hello"`, "in_first": `"text"=>"hello"`} {
		begin := time.Now()
		d.must("", "fluent-bit", "plugin", "new", name)
		d.must(name, "go", "vet", "./...")
		d.must(name, "go", "test", "./...")
		d.must(name, "fluent-bit", "plugin", "build")
		yaml, err := os.ReadFile(filepath.Join(d.dir, name, "fluent-bit.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(yaml), "./"+name+".so", filepath.Join(d.dir, name, name+".so"))
		out := filepath.Join(d.dir, name+".out")
		p := plugintest.Agent(t, strings.ReplaceAll(text, "/dev/stdout", out))
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			b, _ := os.ReadFile(out)
			if strings.Contains(p.Stdout()+string(b), want) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: no %s in\n%s%s\n%s", name, want, p.Stdout(), b, p.Log())
			}
		}
		if code := p.Stop(); code != 0 {
			t.Errorf("%s: exit code %d\n%s", name, code, p.Log())
		}
		t.Logf("%s: %v from nothing to the first record", name, time.Since(begin).Round(time.Millisecond))
	}
}

func TestNewPluginNeedsAName(t *testing.T) {
	d := newDesk(t)
	f := func(want string, args ...string) {
		t.Helper()
		out, err := d.run("", append([]string{"fluent-bit", "plugin"}, args...)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	f("begin its name with in_, filter_ or out_", "new", "mine")
	f("is no name for a plugin", "new", "out_Big")
	f("is no path for a module", "new", "-module", "with blanks", "out_first")
	f("there is no command 'nwe'", "nwe")
	f("fluent-bit plugin new", "new")
	f("there is no such file", "inspect", "missing.so")
	f("is in no Go module", "build", ".")
	os.WriteFile(filepath.Join(d.dir, "go.mod"), []byte("module x\n"), 0o644)
	f("holds no main package", "build", ".")
	f("is no folder", "build", "missing")
}

// receiver counts the records that are posted to it, and refuses those whose n ends in 7.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]int
}

func receive(t *testing.T) *receiver {
	r := &receiver{got: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var list []map[string]any
		if err := json.NewDecoder(req.Body).Decode(&list); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		var bad []string
		for i, body := range list {
			n := fmt.Sprint(body["n"])
			if strings.HasSuffix(n, "7") {
				bad = append(bad, fmt.Sprintf(`{"index":%d,"error":"no sevens"}`, i))
				continue
			}
			r.got[fmt.Sprint(n, " ", body["secret"])]++
		}
		w.WriteHeader(http.StatusMultiStatus)
		fmt.Fprintf(w, `{"rejected":[%s]}`, strings.Join(bad, ","))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// The same sources as shared objects, as executables, compiled into an agent, and beside a classic plugin: each
// does the same.
func TestOneSourceInThreeHomes(t *testing.T) {
	d := newDesk(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOWORK", "")
	examples := filepath.Join(root, "examples")
	own := filepath.Join(d.dir, "own")
	check := func(program string, plugins ...string) {
		t.Helper()
		t.Setenv("FLUENT_BIT", program)
		r := receive(t)
		var lines bytes.Buffer
		for n := range 20 {
			fmt.Fprintf(&lines, "{\"n\":%d,\"secret\":\"hunter2\"}\n", n)
		}
		in := filepath.Join(t.TempDir(), "in.log")
		if err := os.WriteFile(in, lines.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		list := ""
		for _, p := range plugins {
			list += "  - " + p + "\n"
		}
		if list != "" {
			list = "plugins:\n" + list
		}
		p := plugintest.Agent(t, list+`service:
  flush: 0.1
  log_level: debug
parsers:
  - name: json
    format: json
pipeline:
  inputs:
    - name: tail
      path: `+in+`
      read_from_head: on
      parser: json
  filters:
    - name: redact
      match: '*'
      key: secret
  outputs:
    - name: webhook
      match: '*'
      url: `+r.URL+`
      token: hunter22
`)
		for end := time.Now().Add(60 * time.Second); r.count() < 18; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%v: only %d records\n%s", plugins, r.count(), p.Log())
			}
		}
		p.WaitFor("2 records of chunk")
		p.Stop()
		for n := range 20 {
			if want := fmt.Sprintf("%d [redacted]", n); r.got[want] != 1 && n%10 != 7 {
				t.Errorf("%v: record %q came %d times", plugins, want, r.got[want])
			}
		}
		if strings.Contains(p.Log(), "hunter22") {
			t.Errorf("%v: the token is in the log:\n%s", plugins, p.Log())
		}
	}
	for _, form := range []plugintest.Form{plugintest.Shared, plugintest.Executable} {
		t.Run(string(form), func(t *testing.T) {
			check(filepath.Join(d.bin, "fluent-bit"),
				plugintest.Build(t, form, filepath.Join(examples, "filter_redact")),
				plugintest.Build(t, form, filepath.Join(examples, "out_webhook")),
				plugintest.Build(t, plugintest.Shared, filepath.Join(examples, "out_gstdout")))
		})
	}
	t.Run("compiled in", func(t *testing.T) {
		t.Setenv("GOWORK", "off")
		t.Setenv("GOPROXY", "off") // the module's path leads there to somebody else's SDK
		d := &desk{t, d.dir, d.bin}
		sdk := "github.com/fluent/fluent-bit-go/examples/"
		d.must("", "fluent-bit", "build", "-source", root, "-o", own, "--with", sdk+"filter_redact/redact", "--with", sdk+"out_webhook/webhook")
		check(own)
		if out, err := d.run("", "fluent-bit", "build", "--with", sdk+"filter_redact/redact@v1.0.0"); err == nil || !strings.Contains(out, "is part of fluent-bit-go itself") {
			t.Error(out)
		}
	})
}

// An agent of one's own from the source that the program carries, with a plugin that was just begun.
func TestAgentWithANewPluginIsBuiltFromTheProgramAlone(t *testing.T) {
	d := newDesk(t)
	t.Setenv("GOPROXY", "off")
	d.must("", "fluent-bit", "plugin", "new", "filter_mine")
	d.must("", "fluent-bit", "build", "--with", "example.com/filter_mine=filter_mine", "-o", "agent")
	out := d.must("", "./agent", "-F", "mine", "-h")
	if !strings.Contains(out, "Add a key to records that lack it") {
		t.Error(out)
	}
	out, _ = d.run("", "./agent", "-i", "dummy", "-p", "samples=1", "-F", "mine", "-m", "*", "-p", "kye=x", "-o", "exit", "-m", "*")
	if !strings.Contains(out, "unknown configuration property 'kye'; did you mean 'key'?") {
		t.Error(out)
	}
}

func TestPluginAloneIsRunInspectedAndMeasured(t *testing.T) {
	d := newDesk(t)
	d.must("", "fluent-bit", "plugin", "new", "filter_mine")
	d.must("filter_mine", "fluent-bit", "plugin", "build", "-form", "exe")
	exe := filepath.Join("filter_mine", "filter_mine")
	records := filepath.Join(d.dir, "records.json")
	os.WriteFile(records, []byte("{\"a\":1}\n[5.5,{\"k\":\"mine\"}]\n"), 0o644)
	out := d.must("", "fluent-bit", "plugin", "run", exe, "-p", "key=k", "-p", "value=v", "-input", records)
	if !strings.Contains(out, `{"a":1,"k":"v"}`) || !strings.Contains(out, `[[5.500000000,{}],{"k":"mine"}]`) {
		t.Error(out)
	}
	if out, err := d.run("", "fluent-bit", "plugin", "run", exe, "-p", "kee=k", "-input", records); err == nil || !strings.Contains(out, "did you mean 'key'?") {
		t.Error(out)
	}
	out = d.must("", "fluent-bit", "plugin", "inspect", exe)
	for _, want := range []string{"none: it runs with any libc", "filter 'mine'", "key (required)", "this agent can load it"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out = d.must("", "fluent-bit", "plugin", "bench", exe, "-p", "key=k", "-time", "20ms")
	if !strings.Contains(out, "MB/s") || len(strings.Split(strings.TrimSpace(out), "\n")) != 4 {
		t.Error(out)
	}
}

// While dev runs, saving the source swaps the plugin and records keep coming.
func TestSavedSourceIsBuiltAndLoadedAgain(t *testing.T) {
	d := newDesk(t)
	d.must("", "fluent-bit", "plugin", "new", "filter_mine")
	source := filepath.Join(d.dir, "filter_mine", "mine.go")
	cmd := exec.Command(filepath.Join(d.bin, "fluent-bit"), "plugin", "dev", "filter_mine", "--", "-q", "-f", "0.1",
		"-i", "dummy", "-p", "rate=20", "-F", "mine", "-m", "*", "-p", "key=k", "-p", "value=first", "-o", "stdout", "-m", "*")
	cmd.Dir = d.dir
	var out safeBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	wait := func(text string) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !strings.Contains(out.String(), text); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				cmd.Process.Kill()
				t.Fatalf("no %q in\n%s", text, out.String())
			}
		}
	}
	wait(`"k"=>"first"`)
	edit := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(source, bytes.ReplaceAll(b, []byte(from), []byte(to)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit("event.AppendStr(nil, c.value)", `event.AppendStr(nil, c.value+" and second")`)
	wait(`"k"=>"first and second"`)
	edit("and second", "and third\x00\"")
	wait("the plugin that runs stays")
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%v\n%s", err, out.String())
		}
	case <-time.After(60 * time.Second):
		cmd.Process.Kill()
		t.Errorf("dev does not end:\n%s", out.String())
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
