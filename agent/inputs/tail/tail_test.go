package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
)

// deadline is for what happens at once on an idle machine.
const deadline = 30 * time.Second

// sink keeps what is emitted, as "TAG RECORD".
type sink struct {
	mu      sync.Mutex
	records []string
	unready []*event.Batch // batches that wait for settle
	hold    bool
	gate    chan struct{} // unless nil, Emit waits until it is closed
}

func (s *sink) Emit(ctx context.Context, b *event.Batch) error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range b.Records() {
		s.records = append(s.records, b.Tag+" "+inputtest.Text(r.Body()))
	}
	if s.hold {
		s.unready = append(s.unready, b)
		return nil
	}
	b.Settle(event.Delivered)
	return nil
}

func (s *sink) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// place is a folder with an input in it.
type place struct {
	t    testing.TB
	dir  string
	kit  *inputtest.Kit
	sink *sink
	in   *input
	end  func()
}

func newPlace(t testing.TB) *place {
	return &place{t: t, dir: t.TempDir(), kit: inputtest.New(), sink: new(sink)}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o777); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o666); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) append(name, text string) {
	p.t.Helper()
	f, err := os.OpenFile(p.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) rename(from, to string) {
	p.t.Helper()
	if err := os.Rename(p.path(from), p.path(to)); err != nil {
		p.t.Fatal(err)
	}
}

// run starts the input and lets it run. DIR in a setting is the folder.
func (p *place) run(settings ...string) {
	p.t.Helper()
	p.start(settings...)()
}

// start starts the input and returns what lets it run.
func (p *place) start(settings ...string) (run func()) {
	p.t.Helper()
	for i := range settings {
		settings[i] = strings.ReplaceAll(settings[i], "DIR", p.dir)
	}
	in, err := p.kit.Build(new(config), settings...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.in = in.(*input)
	ctx, stop := context.WithCancel(context.Background())
	if err := p.in.Start(ctx); err != nil {
		p.t.Fatal(err)
	}
	done := make(chan error, 1)
	p.end = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			p.t.Errorf("Run: %v", err)
		}
		if err := p.in.Close(); err != nil {
			p.t.Errorf("Close: %v", err)
		}
	})
	return func() {
		go func() { done <- p.in.Run(ctx, p.sink) }()
		p.t.Cleanup(p.end)
	}
}

func (p *place) until(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("gave up waiting for %s\ngot %q\nlog:\n%s", what, p.sink.list(), p.kit.Log())
		}
	}
}

// want waits for as many records and compares them.
func (p *place) want(records ...string) {
	p.t.Helper()
	p.until(fmt.Sprint(len(records), " records"), func() bool { return len(p.sink.list()) >= len(records) })
	if got := p.sink.list(); !slices.Equal(got, records) {
		p.t.Errorf("got %q\nwant %q\nlog:\n%s", got, records, p.kit.Log())
	}
}

// once runs the input until all was read.
func (p *place) once(settings ...string) {
	p.t.Helper()
	p.run(append([]string{"read_from_head", "on", "exit_on_eof", "on"}, settings...)...)
	p.until("the end", func() bool { return len(p.kit.Stops()) > 0 })
	p.end()
}

func TestFilesAreReadOnceThrough(t *testing.T) {
	p := newPlace(t)
	p.write("logs/a.log", "one\r\n\nthree\nno end")
	p.write("logs/b.log", "bee\n")
	p.write("logs/.hidden.log", "never\n")
	p.write("logs/skip-me.log", "never\n")
	p.once("path", "DIR/logs/*.log,DIR/none.log", "exclude_path", "DIR/*/skip*")
	p.want(`in {"log":"one"}`, `in {"log":""}`, `in {"log":"three"}`, `in {"log":"bee"}`)
	if got := p.kit.Stops(); !slices.Equal(got, []int{0}) {
		t.Errorf("exit codes %v", got)
	}
}

func TestWithoutAnyFileTheEndIsNotReached(t *testing.T) {
	p := newPlace(t)
	p.run("path", "DIR/*.log", "exit_on_eof", "on")
	if log := p.kit.Log(); !strings.Contains(log, "there is no file to read yet") {
		t.Errorf("the log does not say it:\n%s", log)
	}
	p.write("tmp", "one\n")
	p.rename("tmp", "a.log")
	p.until("the end", func() bool { return len(p.kit.Stops()) > 0 })
	p.want(`in {"log":"one"}`)
}

func TestFilesAreReadThroughAlsoWhenTheAgentIsToldToStop(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", strings.Repeat("line\n", 100_000))
	in, err := p.kit.Build(new(config), "path", p.path("a.log"), "read_from_head", "on", "exit_on_eof", "on", "static_batch_size", "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := in.(*input).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := in.Run(ctx, p.sink); err != nil {
		t.Error(err)
	}
	if err := in.(*input).Close(); err != nil {
		t.Error(err)
	}
	if n := len(p.sink.list()); n != 100_000 {
		t.Errorf("%d lines", n)
	}
}

func TestPathOffsetAndTagComeFromTheFile(t *testing.T) {
	p := newPlace(t)
	p.kit.Env.Tag = "t.*"
	p.write("a.log", "one\nthree\n")
	p.once("path", "DIR/*.log", "path_key", "file", "offset_key", "at", "key", "k", "skip_empty_lines", "on")
	tag := "t" + strings.ReplaceAll(p.path("a.log"), "/", ".")
	p.want(tag+` {"file":"`+p.path("a.log")+`","at":0,"k":"one"}`, tag+` {"file":"`+p.path("a.log")+`","at":4,"k":"three"}`)
}

func TestLinesThatComeLaterAreRead(t *testing.T) {
	for _, inotify := range []string{"on", "off"} {
		p := newPlace(t)
		p.write("a.log", "old\n")
		p.run("path", "DIR/*.log", "inotify_watcher", inotify, "refresh_interval", "0.05")
		p.append("a.log", "new")
		p.append("a.log", " line\n")
		p.want(`in {"log":"new line"}`)
		p.write("b.log", "from the beginning\n")
		p.want(`in {"log":"new line"}`, `in {"log":"from the beginning"}`)
		p.end()
	}
}

func TestFilesThatComeLaterMayBeReadFromTheirEnds(t *testing.T) {
	p := newPlace(t)
	followed := func() int {
		p.in.mu.Lock()
		defer p.in.mu.Unlock()
		return len(p.in.files)
	}
	p.write("a.log", "old\n")
	p.run("path", "DIR/*.log", "read_newly_discovered_files_from_head", "off", "refresh_interval", "1h")
	p.write("b.log", "")
	p.append("a.log", "one\n") // is noticed after b.log
	p.want(`in {"log":"one"}`)
	if n := followed(); n != 1 {
		t.Errorf("%d files are followed", n)
	}
	p.append("b.log", "copied\n")
	p.rename("a.log", "a.log.1") // looks everywhere
	p.write("a.log", "")
	p.until("the new files to be found", func() bool { return followed() == 3 })
	p.append("a.log", "two\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	p.append("b.log", "three\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`)
}

func TestRotatedFileIsReadToItsEnd(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "")
	p.run("path", "DIR/a.log", "rotate_wait", "0.1", "watcher_interval", "0.05")
	p.append("a.log", "one\n")
	p.rename("a.log", "a.log.1")
	p.append("a.log.1", "two\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	p.append("a.log.1", "no line feed")
	p.write("a.log", "three\n")
	p.until("all lines", func() bool { return len(p.sink.list()) == 4 })
	got := p.sink.list()
	slices.Sort(got)
	if want := []string{`in {"log":"no line feed"}`, `in {"log":"one"}`, `in {"log":"three"}`, `in {"log":"two"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestRenamedFileThatStillMatchesIsNotReadAgain(t *testing.T) {
	for _, inotify := range []string{"on", "off"} {
		p := newPlace(t)
		p.write("a.log", "one\n")
		p.run("path", "DIR/a.log*", "read_from_head", "on", "rotate_wait", "0.05", "watcher_interval", "0.02", "refresh_interval", "0.05", "inotify_watcher", inotify)
		p.want(`in {"log":"one"}`)
		p.rename("a.log", "a.log.1")
		p.write("a.log", "two\n")
		p.want(`in {"log":"one"}`, `in {"log":"two"}`)
		p.append("a.log.1", "three\n")
		p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`)
		p.end()
	}
}

func TestTruncatedFileIsReadFromItsBeginning(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "a long first line\n")
	p.run("path", "DIR/a.log", "read_from_head", "on", "watcher_interval", "0.05")
	p.want(`in {"log":"a long first line"}`)
	p.write("a.log", "short\n") // shorter than the offset
	p.want(`in {"log":"a long first line"}`, `in {"log":"short"}`)
	p.write("a.log", "much longer than all that was there before\n")
	p.want(`in {"log":"a long first line"}`, `in {"log":"short"}`, `in {"log":"much longer than all that was there before"}`)
	p.write("a.log", "")
	p.append("a.log", "\x00\x00\x00after a hole\n")
	p.want(`in {"log":"a long first line"}`, `in {"log":"short"}`, `in {"log":"much longer than all that was there before"}`, `in {"log":"after a hole"}`)
}

func TestFilesAreHeldOpenWhileThePipelineWaits(t *testing.T) {
	p := newPlace(t)
	gate := make(chan struct{})
	p.sink.gate = gate
	p.write("a.log", "0\n")
	p.run("path", "DIR/a.log", "read_from_head", "on", "rotate_wait", "0.01", "watcher_interval", "0.01")
	for i := 1; i < 6; i++ {
		p.until("the file to be open", func() bool {
			p.in.mu.Lock()
			defer p.in.mu.Unlock()
			return len(p.in.files) == i
		})
		if err := os.Remove(p.path("a.log")); err != nil {
			t.Fatal(err)
		}
		p.write("a.log", fmt.Sprint(i, "\n"))
	}
	p.until("the last file to be open", func() bool {
		p.in.mu.Lock()
		defer p.in.mu.Unlock()
		return len(p.in.files) == 6
	})
	close(gate)
	p.want(`in {"log":"0"}`, `in {"log":"1"}`, `in {"log":"2"}`, `in {"log":"3"}`, `in {"log":"4"}`, `in {"log":"5"}`)
}

func TestLongLines(t *testing.T) {
	check := func(want []string, settings ...string) {
		t.Helper()
		p := newPlace(t)
		p.write("a.log", "first\n"+strings.Repeat("x", 9)+"\n"+strings.Repeat("y", 8)+"\n"+strings.Repeat("é", 3000)+"\nlast\n")
		p.once(append(settings, "path", "DIR/a.log", "buffer_chunk_size", "10", "buffer_max_size", "10")...)
		got := p.sink.list()
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], `in {"log":`)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %q, want %q", settings, got, want)
		}
		if !strings.Contains(p.kit.Log(), "buffer_max_size, 10 bytes") {
			t.Errorf("the log does not say it:\n%s", p.kit.Log())
		}
	}
	check([]string{`"first"}`})
	check([]string{`"first"}`, `"yyyyyyyy"}`, `"last"}`}, "skip_long_lines", "on")
	check([]string{`"first"}`, `"xxxxxxxxx"}`, `"yyyyyyyy"}`, `"éééé"}`, `"last"}`}, "truncate_long_lines", "on")
}

func TestLineOfManyReadsIsWhole(t *testing.T) {
	p := newPlace(t)
	long := strings.Repeat("0123456789", 300_000)
	p.write("a.log", "first\n"+long+"\nlast\n")
	p.once("path", "DIR/a.log", "buffer_max_size", "4M")
	p.want(`in {"log":"first"}`, `in {"log":"`+long+`"}`, `in {"log":"last"}`)
}

func TestUnusableSettingsAreRefused(t *testing.T) {
	for want, settings := range map[string][]string{
		"test.conf:2:1: parser: there is no parser 'x'; ":   {"path", "a", "parser", "x"},
		"test.conf:2:1: buffer_max_size: 10 bytes are less": {"path", "a", "buffer_max_size", "10"},
		"test.conf:1:1: path: a bracket of the pattern":     {"path", "a[b"},
		"test.conf:1:1: path: the list is empty":            {"path", ","},
		"test.conf:2:1: exclude_path: a bracket":            {"path", "a", "exclude_path", "[[:x"},
		"test.conf:2:1: refresh_interval: '0' is not more":  {"path", "a", "refresh_interval", "0"},
		"test.conf:2:1: rotate_wait: '0' is not more":       {"path", "a", "rotate_wait", "0"},
		"test.conf:2:1: tag_regex: ":                        {"path", "a", "tag_regex", "(?<a"},
		"test.conf: the property 'path' is missing":         {},
		"test.conf:2:1: docker_mode: is on and so is":       {"path", "a", "docker_mode", "on", "multiline", "on"},
		"test.conf:2:1: multiline: needs parser_firstline":  {"path", "a", "multiline", "on"},
		"test.conf:3:1: parser_firstline: there is no":      {"path", "a", "multiline", "on", "parser_firstline", "x"},
		"test.conf:3:1: docker_mode_parser: there is no":    {"path", "a", "docker_mode", "on", "docker_mode_parser", "x"},
	} {
		if _, err := inputtest.New().Build(new(config), settings...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}

// drain throws batches away.
type drain struct{}

func (drain) Emit(_ context.Context, b *event.Batch) error {
	b.Settle(event.Delivered)
	return nil
}
