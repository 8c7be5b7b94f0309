package checklist

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// started configures the filter with a list and reads it.
func started(t testing.TB, words string, conf ...string) plugin.Filter {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(path, []byte(words), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := filtertest.Build(Plugin, filtertest.Properties(append(conf, "file "+path)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.(plugin.Starter).Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return f
}

func run(t *testing.T, f plugin.Filter, in, want string) {
	t.Helper()
	b := filtertest.Batch(t, strings.Split(in, "\n")...)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(filtertest.Lines(b), "\n"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestValuesInTheListAreMarked(t *testing.T) {
	f := started(t, "# bad ones\r\n10.0.0.9\r\n\nEvil.Example", "record flagged true", "record why on the list", "record n null", "lookup_key $who['ip']")
	run(t, f, `{"who":{"ip":"10.0.0.9"},"why":"?","x":1}`+"\n"+`{"who":{"ip":"10.0.0.99"}}`+"\n"+`{"who":{"ip":"evil.example"}}`+"\n"+`{"who":{"ip":5}}`+"\n"+`{"log":"10.0.0.9"}`,
		`{"who":{"ip":"10.0.0.9"},"x":1,"flagged":true,"why":"on the list","n":null}`+"\n"+`{"who":{"ip":"10.0.0.99"}}`+"\n"+`{"who":{"ip":"evil.example"}}`+"\n"+`{"who":{"ip":5}}`+"\n"+`{"log":"10.0.0.9"}`)
}

func TestCaseMayBeIgnored(t *testing.T) {
	f := started(t, "Evil.Example\nÄrger", "record hit False", "ignore_case on")
	run(t, f, `{"log":"EVIL.example"}`+"\n"+`{"log":"äRGER"}`+"\n"+`{"log":"evil"}`, `{"log":"EVIL.example","hit":false}`+"\n"+`{"log":"\u00e4RGER","hit":false}`+"\n"+`{"log":"evil"}`)
}

func TestPartialModeComparesBeginnings(t *testing.T) {
	f := started(t, "panic\nfat_l\nfatal: x", "record hit yes", "mode partial")
	run(t, f, `{"log":"panic now"}`+"\n"+`{"log":"a panic"}`+"\n"+`{"log":"pani"}`+"\n"+`{"log":"fatal: x"}`+"\n"+`{"log":"fatal"}`,
		`{"log":"panic now","hit":"yes"}`+"\n"+`{"log":"a panic"}`+"\n"+`{"log":"pani"}`+"\n"+`{"log":"fatal: x","hit":"yes"}`+"\n"+`{"log":"fatal"}`)
	run(t, started(t, "Pan", "record hit yes", "mode partial", "ignore_case on"), `{"log":"PANIC"}`, `{"log":"PANIC","hit":"yes"}`)
}

func TestWithoutRecordsNothingIsSet(t *testing.T) {
	run(t, started(t, "a"), `{"log":"a"}`, `{"log":"a"}`)
}

func TestTheTimeOfLookupsIsLoggedWhenAskedFor(t *testing.T) {
	var text bytes.Buffer
	f := started(t, "a", "record hit yes", "print_query_time on").(*filter)
	f.log = slog.New(slog.NewTextHandler(&text, nil))
	run(t, f, `{"log":"b"}`, `{"log":"b"}`)
	if !strings.Contains(text.String(), "lookups for 1 records took ") {
		t.Error(&text)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(strings.Split(conf, "\n")...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("record a b", "'file' is missing")
	f("file f\nrecord a", "test.conf:2:8: record: 'a' is not KEY VALUE")
	f("file f\nmode sqlite", "'sqlite'")
	f("file f\nlookup_key $a[", "brackets hold")
}

func TestAMissingListFailsTheStart(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties("record a b", "file "+filepath.Join(t.TempDir(), "none")))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.(plugin.Starter).Start(context.Background()); err == nil || !strings.Contains(err.Error(), "read the list that 'file' names: open ") {
		t.Error(err)
	}
}

func TestLookupsCostNoAllocation(t *testing.T) {
	for _, conf := range [][]string{{"mode exact"}, {"mode partial", "ignore_case on"}} {
		f := started(t, "one\nthree", append(conf, "record hit yes")...)
		proto, b := filtertest.Batch(t, `{"log":"TWO","a":1}`, `{"log":"one"}`), event.New("t")
		if n := testing.AllocsPerRun(10, func() {
			b.Reset()
			for range 100 {
				for r := range proto.Records() {
					b.Append(r.Time(), nil, r.Body())
				}
			}
			if err := f.Filter(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}); n > 20 {
			t.Errorf("%v: %v allocations for 200 records", conf, n)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add("a\nb\r\n#c\n", "b", true, true)
	f.Fuzz(func(t *testing.T, words, value string, partial, ignoreCase bool) {
		l := list{partial: partial, ignoreCase: ignoreCase}
		if err := l.read(strings.NewReader(words)); err != nil {
			return
		}
		got, want := l.has([]byte(value)), false
		if ignoreCase {
			value = strings.ToLower(value)
		}
		for text := range l.texts {
			want = want || value == text || partial && strings.HasPrefix(value, text)
		}
		if got != want {
			t.Errorf("%q in %q: %v", value, words, got)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	f := started(b, "GET /admin\nPUT", "record hit yes", "lookup_key method")
	batch := filtertest.Batch(b, `{"method":"GET","path":"/"}`)
	b.ReportAllocs()
	for range b.N {
		if err := f.Filter(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
