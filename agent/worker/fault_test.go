package worker

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// built is where TestMain puts the plugins made of testdata/fault.
var built string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	if f := flag.Lookup("test.fuzzworker"); f != nil && f.Value.String() == "true" {
		return m.Run() // fuzzing needs no plugin
	}
	dir, err := os.MkdirTemp("", "worker")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = dir
	for _, kind := range []string{"output", "input", "custom"} {
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags", "-X main.kind="+kind, "-o", faultFile(kind), "./testdata/fault")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Printf("build the fault plugin: %v\n%s", err, out)
			return 1
		}
	}
	for _, kind := range []string{"output", "filter", "input"} {
		for form, args := range map[string][]string{"typed": {"-buildmode=c-shared"}, "exe": {}} {
			cmd := exec.Command("go", append(append([]string{"build"}, args...), "-ldflags", "-X main.kind="+kind, "-o", faultFile(form+"-"+kind), "./testdata/typed")...)
			if form == "exe" {
				cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Printf("build the typed plugin: %v\n%s", err, out)
				return 1
			}
		}
	}
	return m.Run()
}

func faultFile(kind string) string { return filepath.Join(built, kind+".so") }

func probed(tb testing.TB, kind string) Info {
	tb.Helper()
	info, err := Probe(tb.Context(), faultFile(kind))
	if err != nil {
		tb.Fatal(err)
	}
	return info
}

// rig is a module under test with its log and the file that the plugin writes.
type rig struct {
	tb  testing.TB
	mod *Module
	log *logBuffer
	out string
}

func newRig(tb testing.TB, kind string) *rig {
	tb.Helper()
	r := &rig{tb: tb, log: &logBuffer{}, out: filepath.Join(tb.TempDir(), "out")}
	r.mod = New(probed(tb, kind), Options{Log: r.log.logger(), Grace: 2 * time.Second})
	r.mod.backoff = time.Millisecond
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r.mod.Close(ctx)
	})
	return r
}

// env makes an instance's environment; kv are its properties besides `out` and `id`.
func (r *rig) env(name string, kv ...string) (plugin.Env, []option.Property) {
	kv = append([]string{"out", r.out, "id", name}, kv...)
	var props []option.Property
	for i := 0; i < len(kv); i += 2 {
		pos := option.Pos{File: "test.conf", Line: i/2 + 1, Col: 5}
		props = append(props, option.Property{Key: kv[i], Value: option.Value{Text: kv[i+1], Pos: pos}, Pos: pos})
	}
	return plugin.Env{Name: name, Tag: "app." + name, Log: r.log.logger().With("instance", name), Properties: props}, props
}

func build[P any](r *rig, spec plugin.Spec[P], name string, kv ...string) (P, error) {
	env, props := r.env(name, kv...)
	cfg := spec.Config()
	if err := option.Decode(cfg.Options(), props, option.Pos{}); err != nil {
		r.tb.Fatal(err)
	}
	return cfg.New(env)
}

// output makes and starts an instance.
func (r *rig) output(name string, kv ...string) *output {
	r.tb.Helper()
	o, err := build(r, r.mod.OutputSpec(), name, kv...)
	if err == nil {
		err = o.(*output).Start(r.tb.Context())
	}
	if err != nil {
		r.tb.Fatal(err)
	}
	return o.(*output)
}

// lines returns what the plugin wrote, one line a piece.
func (r *rig) lines() []string {
	b, _ := os.ReadFile(r.out)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (r *rig) count(line string) int {
	n := 0
	for _, l := range r.lines() {
		if l == line {
			n++
		}
	}
	return n
}

// waitFor polls until cond holds.
func waitFor(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for end := time.Now().Add(60 * time.Second); !cond(); {
		if time.Now().After(end) {
			tb.Fatal("still waiting for " + what)
		}
		time.Sleep(time.Millisecond)
	}
}

var lastChunk atomic.Uint64

// chunkOf makes a chunk of n records {"n": from}, {"n": from+1}, …
func chunkOf(tag string, from, n int) *event.Chunk {
	b := event.New(tag)
	for i := range n {
		body := event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "n"), int64(from+i))
		b.Append(event.Time{Sec: 1700000000}, nil, body)
	}
	return event.NewChunk(lastChunk.Add(1), tag, event.Logs, b.Bytes(), n)
}

// logBuffer keeps log records as text.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) has(s string) bool { return strings.Contains(l.String(), s) }
