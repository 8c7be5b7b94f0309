// Package parsertest builds parsers in tests, as the agent does from a [PARSER] section.
package parsertest

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Build makes a parser of a section's lines, "Key value" each, which stand at parsers.conf:1 and on.
func Build(spec plugin.Spec[plugin.Parser], section string) (plugin.Parser, error) {
	return BuildLogging(spec, section, slog.New(slog.DiscardHandler))
}

// BuildLogging is Build with a log.
func BuildLogging(spec plugin.Spec[plugin.Parser], section string, log *slog.Logger) (plugin.Parser, error) {
	var props []option.Property
	for i, line := range strings.Split(section, "\n") {
		key, val, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == "" {
			continue
		}
		pos := option.Pos{File: "parsers.conf", Line: i + 1, Col: 1}
		props = append(props, option.Property{Key: strings.ToLower(key), Pos: pos,
			Value: option.Value{Text: strings.TrimSpace(val), Pos: pos}})
	}
	c := spec.Config()
	if err := option.Decode(c.Options(), props, option.Pos{File: "parsers.conf", Line: 1}); err != nil {
		return nil, err
	}
	return c.New(plugin.Env{Name: "test", Log: log, Properties: props})
}

// Must is Build for sections that are right.
func Must(t testing.TB, spec plugin.Spec[plugin.Parser], section string) plugin.Parser {
	t.Helper()
	p, err := Build(spec, section)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Parse renders what p makes of line: its time, if it has one, and its record as JSON with duplicate keys
// left out; or "no" for a failure. It fails the test when the parser touches what stands before, or when
// the record is not one map.
func Parse(t testing.TB, p plugin.Parser, line string) string {
	t.Helper()
	const before = "before"
	out, at, err := p.Parse([]byte(before), []byte(line))
	if string(out[:len(before)]) != before {
		t.Errorf("%q: the parser wrote over what stood in dst", line)
	}
	if err != nil {
		if len(out) != len(before) {
			t.Errorf("%q: the parser failed and left %d bytes", line, len(out)-len(before))
		}
		return "no"
	}
	return Show(t, out[len(before):], at)
}

// Show renders a record.
func Show(t testing.TB, body []byte, at event.Time) string {
	t.Helper()
	v, rest, err := event.CheckValue(body)
	if err != nil || len(rest) > 0 || v.Type() != event.TypeMap {
		t.Fatalf("% x is not one map: %v", body, err)
	}
	s := string(event.AppendJSON(nil, v, event.JSONStyle{RawUTF8: true}))
	if at == (event.Time{}) {
		return s
	}
	return at.Go().Format("2006-01-02T15:04:05.999999999Z") + " " + s
}

// Allocs fails the test when parsing line allocates. Under the race detector it proves nothing.
func Allocs(t testing.TB, p plugin.Parser, line string) { t.Helper(); AllocsAbove(t, p, line, 0) }

// AllocsAbove is Allocs for a parser that may allocate up to limit times per line.
func AllocsAbove(t testing.TB, p plugin.Parser, line string, limit float64) {
	t.Helper()
	if racing {
		return
	}
	b, dst := []byte(line), make([]byte, 0, 4096)
	n := testing.AllocsPerRun(200, func() {
		if _, _, err := p.Parse(dst, b); err != nil {
			t.Fatal(err)
		}
	})
	if n > limit {
		t.Errorf("%q: %v allocations per line", line, n)
	}
}

// Bench measures parsing of line.
func Bench(b *testing.B, p plugin.Parser, line string) {
	s, dst := []byte(line), make([]byte, 0, 4096)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Parse(dst, s); err != nil {
			b.Fatal(err)
		}
	}
}
