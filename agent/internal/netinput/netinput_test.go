package netinput

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// words is a parser of two words.
type words struct{}

func (words) Parse(dst, line []byte) ([]byte, event.Time, error) {
	a, b, ok := strings.Cut(string(line), " ")
	if !ok {
		return dst, event.Time{}, errors.New("not two words")
	}
	return event.AppendStr(event.AppendStr(event.AppendMap(dst, 1), a), b), event.Time{Sec: 7}, nil
}

func source(t testing.TB, pairs ...string) (*Source, error) {
	t.Helper()
	var s Settings
	var props []option.Property
	for i := 0; i < len(pairs); i += 2 {
		props = append(props, option.Property{Key: pairs[i], Value: option.Value{Text: pairs[i+1]}})
	}
	if err := option.Decode(s.Options(), props, option.Pos{}); err != nil {
		return nil, err
	}
	return s.New(plugin.Env{
		Log: slog.New(slog.DiscardHandler), Properties: props,
		Parser: func(name string) (plugin.Parser, bool) { return words{}, name == "words" },
	})
}

// read feeds a reader with pieces, as a connection does, and returns what came of it.
func read(t testing.TB, s *Source, pieces ...string) string {
	t.Helper()
	r := s.Reader("tcp://1.2.3.4:5")
	b := event.New("t")
	var buf []byte
	for i, p := range pieces {
		buf = append(buf, p...)
		used := r.Decode(b, buf, i == len(pieces)-1)
		if used < 0 || used > len(buf) {
			t.Fatalf("used %d of %d bytes", used, len(buf))
		}
		buf = buf[used:]
	}
	if len(buf) > 0 {
		t.Errorf("%q is left at the end", buf)
	}
	var all []string
	for rec := range b.Records() {
		all = append(all, inputtest.Text(rec.Body()))
	}
	return strings.Join(all, " ")
}

func TestBytesBecomeRecordsHoweverTheyAreCut(t *testing.T) {
	check := func(pairs []string, text, want string) {
		t.Helper()
		s, err := source(t, pairs...)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, text); got != want {
			t.Errorf("%v: got  %s\nwant %s", pairs, got, want)
		}
		for size := 1; size <= 3; size++ {
			var pieces []string
			for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
				pieces = append(pieces, rest[:min(size, len(rest))])
			}
			if got := read(t, s, pieces...); got != want {
				t.Errorf("%v by %d bytes: got  %s\nwant %s", pairs, size, got, want)
			}
		}
	}
	list := func(s ...string) []string { return s }
	check(nil, "{\"a\":1}\n{\"a\":2}{\"a\":\n3} [4,{}]\n\n", `{"a":1} {"a":2} {"a":3} {"msg":[4,{}]}`)
	check(nil, "{\"a\":1},{\"a\":2}, \n{\"a\":3},", `{"a":1} {"a":2} {"a":3}`)
	check(nil, "{\"a\":1}\nbroken {\"no\":1}\n{\"a\":2}\n7\n{\"a\":", `{"a":1} {"a":2}`)
	check(nil, "{\"a\":1},{\"a\":2},\n{\"a\":3}\n,", `{"a":1} {"a":2} {"a":3}`)
	check(list("source_address_key", "from"), `{"a":1}[2]{"from":3}`, `{"a":1,"from":"tcp://1.2.3.4:5"} {"msg":[2],"from":"tcp://1.2.3.4:5"} {"from":"tcp://1.2.3.4:5"}`)
	check(list("format", "none"), "one\n\ntwo words\nthe end", `{"log":"one"} {"log":"two words"} {"log":"the end"}`)
	check(list("format", "none", "separator", `\t--`), "a\t-b\t--\t--c\t--", `{"log":"a\t-b"} {"log":"c"}`)
	check(list("format", "none", "separator", `"`), `a"b"`, `{"log":"a"} {"log":"b"}`)
	check(list("parser", "words", "source_address_key", "from"), "a b\nc\n", `{"a":"b","from":"tcp://1.2.3.4:5"} {"log":"c","from":"tcp://1.2.3.4:5"}`)
}

func TestRecordsMayHaveAChunkAtLeast(t *testing.T) {
	f := func(chunk, buffer int, pairs ...string) {
		t.Helper()
		s, err := source(t, pairs...)
		if err != nil || s.set.Chunk != chunk<<10 || s.set.Buffer != buffer<<10 {
			t.Errorf("%v: %+v %v", pairs, s, err)
		}
	}
	f(32, 32)
	f(64, 64, "chunk_size", "64k")
	f(16, 48, "chunk_size", "16", "buffer_size", "48KB")
	f(32, 32, "buffer_size", "1")
	f(64, 64, "chunk_size", "64", "buffer_size", "32")
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if _, err := source(t, pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("there is no parser 'x'", "parser", "x")
	f("is no number of kilobytes", "chunk_size", "32M")
	f("is no text", "format", "none", "separator", `\q`)
	f("is none of 'json', 'none'", "format", "xml")
}

func FuzzReader(f *testing.F) {
	f.Add(false, []byte("{\"a\":1}\n[2]{\"b\""), 5)
	f.Add(true, []byte("one\ntwo"), 3)
	f.Fuzz(func(t *testing.T, text bool, data []byte, cut int) {
		format := formatJSON
		if text {
			format = formatNone
		}
		s, err := source(t, "format", format)
		if err != nil {
			t.Fatal(err)
		}
		cut = int(uint(cut) % uint(len(data)+1))
		whole, pieces := read(t, s, string(data)), read(t, s, string(data[:cut]), string(data[cut:]))
		if whole != pieces && !strings.Contains(string(data), "\r") {
			t.Errorf("cut at %d: %s, whole: %s", cut, pieces, whole)
		}
	})
}
