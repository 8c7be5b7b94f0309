package tail

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/agent/internal/parsing/parsertest"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/agent/parsers/json"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// jsonMap parses JSON; the key "time", if it comes first, is the time in seconds.
type jsonMap struct{}

var errNoMap = errors.New("no map")

func (jsonMap) Parse(dst, line []byte) ([]byte, event.Time, error) {
	if len(line) == 0 || line[0] != '{' {
		return nil, event.Time{}, errNoMap
	}
	at := len(dst)
	dst, _, err := event.ParseJSON(dst, line)
	if err != nil {
		return nil, event.Time{}, err
	}
	sec, _ := event.Value(dst[at:]).Get("time").Int()
	return dst, event.Time{Sec: sec}, nil
}

func newLines(change func(*config)) *lines {
	c := &config{key: "log", maxSize: 32768}
	if change != nil {
		change(c)
	}
	return &lines{config: c}
}

func TestParsedRecordsGetTheirTimeAndTheExtraKeys(t *testing.T) {
	check := func(line, want string, sec int64, change func(*config)) {
		t.Helper()
		l := newLines(change)
		l.parser = jsonMap{}
		b, skipping := event.New("in"), false
		l.append(b, piece{path: "p", at: 7, text: []byte(line + "\n"), skipping: &skipping})
		if b.Len() != 1 {
			t.Fatalf("%d records", b.Len())
		}
		for r := range b.Records() {
			if got := inputtest.Text(r.Body()); got != want {
				t.Errorf("%s: got %s, want %s", line, got, want)
			}
			if sec != 0 && r.Time().Sec != sec || sec == 0 && time.Since(r.Time().Go()).Abs() > time.Hour {
				t.Errorf("%s: time %v", line, r.Time())
			}
		}
		if _, err := event.Parse("in", bytes.Clone(b.Bytes())); err != nil {
			t.Error(err)
		}
	}
	extra := func(c *config) { c.pathKey, c.offsetKey = "file", "at" }
	check(`{"a":1}`, `{"a":1}`, 0, nil)
	check(`{"time":5,"a":1}`, `{"time":5,"a":1}`, 5, nil)
	check(`{"time":5,"a":{"b":[]}}`, `{"time":5,"a":{"b":[]},"file":"p","at":7}`, 5, extra)
	check(`no map`, `{"log":"no map"}`, 0, nil)
	check(`no map`, `{"file":"p","at":7,"log":"no map"}`, 0, extra)
}

func TestRecordsThatAreTooOldAreLeftOut(t *testing.T) {
	for _, pathKey := range []string{"", "file"} {
		l := newLines(func(c *config) { c.ignoreOlder, c.pathKey, c.dockerMode = time.Hour, pathKey, true })
		l.parser = jsonMap{}
		b, skipping := event.New("in"), false
		r := l.append(b, piece{text: []byte("{\"time\":5}\n{\"a\":1}\ntext\n"), skipping: &skipping})
		if b.Len() != 2 || r.used != 24 {
			t.Errorf("%d records, %d bytes used", b.Len(), r.used)
		}
	}
}

func TestTagsAreMadeOfPaths(t *testing.T) {
	check := func(tag, path, want string) {
		t.Helper()
		tg := tagger{tag: tag}
		if got, err := tg.of(path); err != nil || got != want {
			t.Errorf("%s of %s: got %q, %v, want %q", tag, path, got, err, want)
		}
	}
	check("kube.*", "/var/log/x.log", "kube.var.log.x.log")
	check("*", "/a//b/..c", "a.b.c")
	check("*.end.", "a*b", "ab.end")
	check("fixed", "/a", "fixed")

	re, err := regex.Compile(`(?<name>[a-z]+)-(?<id>[0-9]+)?\.log$`)
	if err != nil {
		t.Fatal(err)
	}
	tg := tagger{tag: "svc.<name>.<id>.<none>!"}
	if err := tg.use(re); err != nil {
		t.Fatal(err)
	}
	if got, err := tg.of("/x/web-12.log"); err != nil || got != "svc.web.12._!" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := tg.of("/x/web-.log"); err != nil || got != "svc.web._._!" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := tg.of("/x/other"); err == nil {
		t.Errorf("got %q", got)
	}
	if err := (&tagger{tag: "a<b"}).use(re); err == nil {
		t.Error("a < without a > is accepted")
	}
}

func TestPatternsAreThoseOfAShell(t *testing.T) {
	check := func(pattern, name string, slashes, want bool) {
		t.Helper()
		re, err := compilePattern(pattern, slashes)
		if err != nil {
			t.Fatal(err)
		}
		if re.MatchString(name) != want {
			t.Errorf("%s and %s: %v", pattern, name, !want)
		}
	}
	check("a*c", "abbc", false, true)
	check("a*c", "ab/c", false, false)
	check("a*c", "ab/c", true, true)
	check("a?c", "abc", false, true)
	check("[a-c]x", "bx", false, true)
	check("[!a-c]x", "bx", false, false)
	check("[^a-c]x", "dx", false, true)
	check("[]]x", "]x", false, true)
	check("[[:digit:]_]x", "7x", false, true)
	check(`\*`, "*", false, true)
	check(`\*`, "a", false, false)
	check("é.+", "é.+", false, true)
	check("é.+", "éx+", false, false)
}

func TestGlobsFindWhatTheyMatch(t *testing.T) {
	dir := t.TempDir() + "/"
	for _, name := range []string{"a.log", "b.log", ".c.log", "sub/a.log", ".dot/a.log", "sub/x/a.log"} {
		if err := os.MkdirAll(filepath.Dir(dir+name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	check := func(pattern string, want ...string) {
		t.Helper()
		g, err := compileGlob("~/"+pattern, dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		g.each(func(string) {}, func(path string) {
			got = append(got, strings.TrimPrefix(path, dir))
			if !g.matches(path) {
				t.Errorf("%s does not match %s", pattern, path)
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
		if g.matches(dir+"none") || g.matches("/") || g.matches("") {
			t.Errorf("%s matches too much", pattern)
		}
	}
	check("*.log", "a.log", "b.log")
	check(".*.log", ".c.log")
	check("*/a.log", "a.log/a.log", "b.log/a.log", "sub/a.log")
	check("s*/*/*.log", "sub/x/a.log")
	check("a.log", "a.log")
	check("sub//x///*.log", "sub//x///a.log")
}

func FuzzPatterns(f *testing.F) {
	f.Add("a[!b-c]*?", "axy")
	f.Add(`[[:alpha:]\]-]`, "x")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		g, err := compileGlob(pattern, "/home")
		if err == nil {
			g.matches(name)
		}
	})
}

// FuzzLines gives a text in pieces of any length and in one.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\r\n\ntwo\nthis one is rather long\n{\"a\":1}\n\x00x"), uint64(1), uint8(0))
	f.Add([]byte("\x00\x00\n\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\n"), uint64(2), uint8(1))
	f.Add([]byte("\xff\xfea\x00b\x00\n\x00\x00\n\x0a\x0a\n\x00"), uint64(3), uint8(4))
	f.Add([]byte("\x00a\x00\n\xd8\x00\xdc\x00\xd8\x00\x00\n"), uint64(4), uint8(9))
	f.Add([]byte("\x83\x5c\xb6\n\x81"), uint64(5), uint8(12))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, mode uint8) {
		l := newLines(func(c *config) {
			c.maxSize = 10
			c.truncateLong = mode&1 != 0
			c.skipLong = !c.truncateLong
			c.skipEmpty = mode&2 != 0
		})
		l.parser = jsonMap{}
		sjis, _ := codePage("sjis")
		set := []*charset{nil, utf16LE, utf16BE, sjis}[mode>>2&3]
		read := func(most int) (records []string, lost int) {
			b, skipping, hole := event.New("in"), false, true
			r := rand.New(rand.NewPCG(seed, 0))
			for at, n := 0, 0; n < len(text); {
				n = min(len(text), n+1+r.IntN(most))
				res := l.append(b, piece{at: int64(at), text: text[at:n], skipping: &skipping, hole: &hole, charset: set})
				at, lost = at+res.used, lost+res.lost
			}
			if _, err := event.Parse("in", bytes.Clone(b.Bytes())); err != nil {
				t.Error(err)
			}
			for r := range b.Records() {
				records = append(records, inputtest.Text(r.Body()))
			}
			return records, lost
		}
		a, lostA := read(5)
		b, lostB := read(1 << 20)
		if !slices.Equal(a, b) || lostA != lostB {
			t.Errorf("in pieces %q without %d bytes, at once %q without %d", a, lostA, b, lostB)
		}
	})
}

func FuzzInotifyEvents(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00abc\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := &notify{files: map[int32]*file{2: {}}, wds: map[*file]int32{}, dirs: map[int32]string{1: "/d/"}}
		for _, c := range n.decode(nil, b) {
			if c.file == nil && c.dir == "" && !c.overflow() {
				t.Errorf("an event of nothing: %+v", c)
			}
		}
	})
}

const sample = `{"time":1700000000,"level":"info","msg":"a request was served","status":200,"took":0.0123,"path":"/index.html"}` + "\n"

func TestLinesAreNotAllocatedOneByOne(t *testing.T) {
	check := func(name string, parser plugin.Parser, change func(*config)) {
		l := newLines(change)
		l.parser = parser
		allocs := func(n int) float64 {
			text := []byte(strings.Repeat(sample, n))
			return testing.AllocsPerRun(10, func() {
				skipping := false
				l.append(event.New("in"), piece{text: text, skipping: &skipping})
			})
		}
		if few, many := allocs(10), allocs(4000); many > few+20 {
			t.Errorf("%s: %v allocations for 10 lines, %v for 4000", name, few, many)
		}
	}
	extra := func(c *config) { c.pathKey, c.offsetKey = "file", "at" }
	check("text", nil, nil)
	check("text with extra keys", nil, extra)
	check("parsed", jsonMap{}, nil)
	check("parsed with extra keys", jsonMap{}, extra)
}

func BenchmarkFileToBatches(b *testing.B) {
	for name, parser := range map[string]plugin.Parser{"raw": nil, "json": jsonMap{}} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "a.log")
			if err := os.WriteFile(path, bytes.Repeat([]byte(sample), 32<<20/len(sample)), 0o666); err != nil {
				b.Fatal(err)
			}
			in := &input{counters: newCounters(nil), config: config{key: "log", maxSize: 32768, staticBatch: 1 << 40, eventBatch: 1 << 40}}
			in.lines = lines{config: &in.config, parser: parser}
			in.buf = make([]byte, readSize)
			f, st, err := openFile(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.close()
			b.SetBytes(st.Size)
			b.ReportAllocs()
			for b.Loop() {
				if err := f.seek(0); err != nil {
					b.Fatal(err)
				}
				if err := in.turn(b.Context(), drain{}, f); err != nil || f.offset != st.Size {
					b.Fatal(err, f.offset)
				}
			}
		})
	}
}

// pooling says that what is put into a pool can be had again.
var pooling = true

func TestFromLineToChunkNothingIsAllocatedPerRecord(t *testing.T) {
	l := newLines(nil)
	l.parser = parsertest.Must(t, json.Plugin, "Time_Key time\nTime_Format %s")
	const lines = 5000
	text := []byte(strings.Repeat(strings.Replace(sample, `"time":1700000000`, `"time":"1700000000"`, 1), lines))
	records := 0
	allocs := testing.AllocsPerRun(10, func() {
		skipping := false
		b := event.New("in")
		l.append(b, piece{text: text, skipping: &skipping})
		c := event.NewChunk(1, "in", event.Logs, nil, 0)
		c.Append(b)
		b.Release()
		records = c.Len()
		c.Release()
	})
	if records != lines {
		t.Fatalf("%d records", records)
	}
	// What is left is the batch, the chunk, and memory that the collector took from the pools meanwhile.
	if allocs > lines/100 && pooling {
		t.Errorf("%v allocations for %d records", allocs, lines)
	}
}
