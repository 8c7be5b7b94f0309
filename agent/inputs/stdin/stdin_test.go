package stdin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// feed runs the input over text that comes in pieces of at most n bytes, through a pipe.
func feed(t *testing.T, k *inputtest.Kit, text string, n int, settings ...string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	run := k.Start(t, t.Context(), &config{fd: int(r.Fd())}, settings...)
	go func() {
		defer w.Close()
		for piece := range slices.Chunk([]byte(text), n) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}()
	if err := run(); err != nil {
		t.Error(err)
	}
	if got := k.Stops(); !slices.Equal(got, []int{0}) {
		t.Errorf("the agent was stopped with %v, want once with 0", got)
	}
}

// stamped keeps "seconds.nanoseconds metadata body" of each record.
func stamped(b *event.Batch) (got []string) {
	for r := range b.Records() {
		got = append(got, fmt.Sprintf("%d.%09d %s %s", r.Time().Sec, r.Time().Nsec, inputtest.Text(r.Meta()), inputtest.Text(r.Body())))
	}
	return got
}

func newValues(k *inputtest.Kit) *values {
	return &values{bad: &rejects{log: k.Env.Log}, longest: longest}
}

func TestRecordsComeInThreeForms(t *testing.T) {
	b := event.New("in")
	newValues(inputtest.New()).decode(b, []byte(`[1700000000, {"a":1}]
[1700000000.25, {"b":"two"}]
[[1700000000.123456789, {"meta":"m"}], {"c":[1,{"d":null}]}]
[1700000001,{"e":1}][1.7e9,{"e":2}] [ [ 1700000003.5000000009, {} ] ,{"e":3}]
[1700000004,
{"f":"split"}]
`), true)
	want := []string{
		`1700000000.000000000 {} {"a":1}`,
		`1700000000.250000000 {} {"b":"two"}`,
		`1700000000.123456789 {"meta":"m"} {"c":[1,{"d":null}]}`,
		`1700000001.000000000 {} {"e":1}`,
		`1700000000.000000000 {} {"e":2}`,
		`1700000003.500000000 {} {"e":3}`,
		`1700000004.000000000 {} {"f":"split"}`,
	}
	if got := stamped(b); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMapWithoutTimeIsOfNow(t *testing.T) {
	b := event.New("in")
	before := event.Now().Go()
	newValues(inputtest.New()).decode(b, []byte(`{"a":1}`), false)
	for r := range b.Records() {
		if now := r.Time().Go(); now.Before(before) || now.After(event.Now().Go()) {
			t.Errorf("it carries %v", now)
		}
	}
	if b.Len() != 1 {
		t.Errorf("%d records", b.Len())
	}
}

func TestBrokenInputCostsItsOwnLineOnly(t *testing.T) {
	check := func(name, text string, bad int, want ...string) {
		for _, n := range []int{1, 3, 1 << 20} {
			t.Run(fmt.Sprintf("%s in pieces of %d", name, n), func(t *testing.T) {
				k := inputtest.New()
				in, err := k.Build(new(config))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				var buf []byte
				for rest := []byte(text); ; {
					size := min(n, len(rest))
					buf, rest = append(buf, rest[:size]...), rest[size:]
					b := event.New("in")
					used := in.(*input).records.decode(b, buf, len(rest) == 0)
					buf = buf[used:]
					for r := range b.Records() {
						got = append(got, inputtest.Text(r.Body()))
					}
					if len(rest) == 0 {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				if len(buf) > 0 {
					t.Errorf("%q was left over at the end", buf)
				}
				if got := in.(*input).bad.count; got != bad {
					t.Errorf("%d rejects counted, want %d; log:\n%s", got, bad, k.Log())
				}
			})
		}
	}
	check("nothing", "", 0)
	check("blanks", " \r\n\t\n", 0)
	check("commas between values", "{\"a\":1},{\"b\":2},\n,[5,{\"c\":3}],[6,{\"d\":4}]\n", 0, `{"a":1}`, `{"b":2}`, `{"c":3}`, `{"d":4}`)
	check("a plain line", "{\"a\":1}\nplain\n{\"a\":2}\n", 1, `{"a":1}`, `{"a":2}`)
	check("a plain line without an end", "{\"a\":1}\nplain", 1, `{"a":1}`)
	check("an open map", "{\"a\":1\n{\"a\":2}\n", 1, `{"a":2}`)
	check("an open map at the end", "{\"a\":2}\n{\"a\":1", 1, `{"a":2}`)
	check("an open map, then lines, then the end", "{\"a\":[\n", 1)
	check("an open text", "{\"a\":\"oops\n{\"b\":2}\n", 1, `{"b":2}`)
	check("an open text that swallows all", "{\"a\":\"oops\n[1,{}]\n[2,{}]\n", 1, `{}`, `{}`)
	check("values that are no records", "[1] {\"a\":1} [\"x\",{}] 5 {\"a\":2}\n{\"a\":3}\n", 3, `{"a":1}`, `{"a":3}`)
	check("group markers", "[-1,{\"a\":1}]\n[-2,{}]\n{\"a\":2}", 2, `{"a":2}`)
	check("commas between values", "{\"a\":1},{\"a\":2},\n[3,{\"a\":3}]\n,", 0, `{"a":1}`, `{"a":2}`, `{"a":3}`)
	check("brackets in texts", `{"a":"}{\"]["}{"b":"\\"}`, 0, `{"a":"}{\"]["}`, `{"b":"\\"}`)
	check("commas between", "{\"a\":1},{\"b\":2},\n[1,{}] , {\"c\":3},", 0, `{"a":1}`, `{"b":2}`, `{}`, `{"c":3}`)
	check("over lines", "{\n \"a\":\n [1,\n2]\n}\n{\"b\":1}", 0, `{"a":[1,2]}`, `{"b":1}`)
}

func TestLongRecordsAreTakenWhole(t *testing.T) {
	long := strings.Repeat("0123456789", 50_000)
	k := inputtest.New()
	feed(t, k, `{"long":"`+long+"\"}\n{\"after\":1}\n", 10_000, "buffer_size", "16000")
	k.Want(t, `{"long":"`+long+`"}`, `{"after":1}`)
}

func TestEndlessRecordIsGivenUp(t *testing.T) {
	k := inputtest.New()
	d := newValues(k)
	d.longest = 1000
	b := event.New("in")
	text := []byte(`{"a":"` + strings.Repeat("x", 2000))
	if used := d.decode(b, text, false); used != len(text) || d.bad.count != 1 {
		t.Errorf("used %d bytes, %d rejects", used, d.bad.count)
	}
	d.decode(b, []byte("still the same line\"}\n{\"b\":1}\n"), false)
	if b.Len() != 1 || d.bad.count != 1 {
		t.Errorf("%d records, %d rejects", b.Len(), d.bad.count)
	}
}

func TestRegularFileIsReadToItsEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte("{\"a\":1}\n{\"a\":2}"), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	k := inputtest.New()
	if err := k.Start(t, t.Context(), &config{fd: int(f.Fd())})(); err != nil {
		t.Error(err)
	}
	k.Want(t, `{"a":1}`, `{"a":2}`)
	if !slices.Equal(k.Stops(), []int{0}) {
		t.Errorf("stopped with %v", k.Stops())
	}
}

func TestWaitingReadEndsWithTheContextAndTakesNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	k := inputtest.New()
	ctx, stop := context.WithCancel(t.Context())
	in, err := k.Build(&config{fd: int(r.Fd())})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.(*input).Start(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- in.Run(ctx, k) }()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := in.(*input).Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.WriteString("{}"); err != nil {
		t.Fatal(err)
	}
	var b [2]byte
	if _, err := r.Read(b[:]); err != nil || string(b[:]) != "{}" {
		t.Errorf("what came later is gone: %q, %v", b, err)
	}
	if len(k.Stops()) > 0 {
		t.Error("the agent was asked to stop")
	}
}

func TestClosedStandardInputFailsAtTheStart(t *testing.T) {
	in, err := inputtest.New().Build(&config{fd: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.(*input).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "not open") {
		t.Errorf("got %v", err)
	}
}

func TestUnusableSettingsAreRefused(t *testing.T) {
	for want, settings := range map[string][]string{
		"test.conf:1:1: parser: there is no parser 'x'; ": {"parser", "x"},
		"test.conf:1:1: buffer_size: 1000 bytes ":         {"buffer_size", "1k"},
	} {
		if _, err := inputtest.New().Build(new(config), settings...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}

// pairs parses "KEY VALUE" lines; the key "never" has no time.
type pairs struct{}

func (pairs) Parse(dst, line []byte) ([]byte, event.Time, error) {
	k, v, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return nil, event.Time{}, errors.New("no blank")
	}
	return event.AppendStr(event.AppendStr(event.AppendMap(dst, 1), k), v), event.Time{Sec: 5}, nil
}

func TestParserTakesLines(t *testing.T) {
	for _, n := range []int{1, 7, 1 << 20} {
		k := inputtest.New()
		k.Parsers["pairs"] = pairs{}
		feed(t, k, "a 1\nnothing\n\nb 2\r\n"+strings.Repeat("x", 70_000)+" long\nlast one", n*500, "parser", "pairs")
		k.Want(t, `{"a":"1"}`, `{"b":"2"}`, `{"`+strings.Repeat("x", 70_000)+`":"long"}`, `{"last":"one"}`)
		if !strings.Contains(k.Log(), "nothing") {
			t.Errorf("the line that was left out is not in the log:\n%s", k.Log())
		}
	}
}

func TestLineWithoutEndIsGivenUp(t *testing.T) {
	k := inputtest.New()
	d := &lines{parser: pairs{}, bad: &rejects{log: k.Env.Log}, longest: 10}
	b := event.New("in")
	if used := d.decode(b, []byte("0123456789 abc"), false); used != 14 || d.bad.count != 1 {
		t.Errorf("used %d bytes, %d rejects", used, d.bad.count)
	}
	d.decode(b, []byte("def\na 1\n"), false)
	if b.Len() != 1 || d.bad.count != 1 {
		t.Errorf("%d records, %d rejects", b.Len(), d.bad.count)
	}
}

// matcher finds regular expressions of two groups anywhere, or only at the beginning.
type matcher struct {
	pairs
	re *regexp.Regexp
}

func (m matcher) ParseFirst(dst, buf []byte) ([]byte, event.Time, int, error) {
	loc := m.re.FindSubmatchIndex(buf)
	if loc == nil {
		return nil, event.Time{}, 0, errors.New("no match")
	}
	dst = event.AppendStr(event.AppendMap(dst, 1), buf[loc[2]:loc[3]])
	return event.AppendStr(dst, buf[loc[4]:loc[5]]), event.Time{}, loc[5], nil
}

func TestStreamParserFindsRecordsItself(t *testing.T) {
	check := func(name, re, text string, bad int, want ...string) {
		for _, n := range []int{1, 5, 1 << 20} {
			k := inputtest.New()
			d := &stream{parser: matcher{re: regexp.MustCompile(re)}, bad: &rejects{log: k.Env.Log}, patience: 1000, longest: 10_000}
			var buf []byte
			b := event.New("in")
			for piece := range slices.Chunk([]byte(text), n) {
				buf = append(buf, piece...)
				buf = buf[d.decode(b, buf, false):]
			}
			if used := d.decode(b, buf, true); used != len(buf) {
				t.Errorf("%s: %q was left over", name, buf[used:])
			}
			var got []string
			for r := range b.Records() {
				got = append(got, inputtest.Text(r.Body()))
			}
			if !slices.Equal(got, want) || d.bad.count != bad && n == 1 {
				t.Errorf("%s in pieces of %d: got %q, want %q; %d rejects", name, n, got, want, d.bad.count)
			}
		}
	}
	check("lines", `(?m)^(\w+) (\w+)$`, "a 1\nnothing\nb 2\nc 3", 0, `{"a":"1"}`, `{"b":"2"}`, `{"c":"3"}`)
	check("several in a line", `(\w)=(\w)`, "a=1 b=2\nc=3\n", 0, `{"a":"1"}`, `{"b":"2"}`, `{"c":"3"}`)
	check("quoted", `"(\w)([^"]*)"`, "\"ab\" \"cd\"\n\"ef\"", 0, `{"a":"b"}`, `{"c":"d"}`, `{"e":"f"}`)
	check("over lines", `<(\w+)\n(\w+)>`, "<a\nb>\nx\n<c\nd>", 0, `{"a":"b"}`, `{"c":"d"}`)
	check("anchored", `^(\w+) (\w+)\n`, "oops\na 1\nnothing\nb 2\n", 2, `{"a":"1"}`, `{"b":"2"}`)
	check("nothing fits", `^(\d+) (\d+)`, "a\nb\nc", 3)
	check("an empty match", `()()`, "a\nb\n", 0, `{"":""}`, `{"":""}`)
	check("no patience", `(\d+) (\d+)`, strings.Repeat("some words\n", 200)+"1 2", 2*91, `{"1":"2"}`)
}

func TestStreamParserIsUsedWhenThereIsOne(t *testing.T) {
	k := inputtest.New()
	k.Parsers["m"] = matcher{re: regexp.MustCompile(`(\w)=(\w)`)}
	feed(t, k, "a=1 b=2\n", 100, "parser", "m")
	k.Want(t, `{"a":"1"}`, `{"b":"2"}`)
}

func FuzzDecoders(f *testing.F) {
	f.Add([]byte("{\"a\":1}\nplain [[1.5,{}],{\"b\":\"}\"}]"), uint64(1))
	f.Add([]byte("[1700000000.5,{}]\n{\n}"), uint64(2))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		k := inputtest.New()
		bad := &rejects{log: k.Env.Log}
		for _, d := range []decoder{
			&values{bad: bad, longest: 100},
			&lines{parser: pairs{}, bad: bad, longest: 100},
			&stream{parser: matcher{re: regexp.MustCompile(`(\w)=(\w)`)}, bad: bad, patience: 50, longest: 100},
		} {
			b, r := event.New("in"), rand.New(rand.NewPCG(seed, 0))
			var buf []byte
			for rest := text; ; {
				n := r.IntN(len(rest) + 1)
				buf, rest = append(buf, rest[:n]...), rest[n:]
				used := d.decode(b, buf, false)
				buf = buf[used:]
				if len(rest) == 0 {
					break
				}
			}
			if used := d.decode(b, buf, true); used != len(buf) {
				t.Errorf("%T leaves %q", d, buf[used:])
			}
			if _, err := event.Parse("in", bytes.Clone(b.Bytes())); err != nil {
				t.Errorf("%T makes bad records: %v", d, err)
			}
		}
	})
}

func BenchmarkJSONLines(b *testing.B) {
	line := `{"time":"2024-03-01T00:00:00Z","level":"info","msg":"a request was served","status":200,"took":0.0123,"path":"/index.html"}` + "\n"
	text := []byte(strings.Repeat(line, 64000/len(line)))
	d := newValues(inputtest.New())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		batch := event.New("in")
		if d.decode(batch, text, false) != len(text) {
			b.Fatal("not all was taken")
		}
	}
}

var _ plugin.StreamParser = matcher{}
