package builtin

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// parserLines configure each parser so that it takes some of the odd lines.
var parserLines = map[string][]string{
	"json":   {"time_key t", "time_format %s"},
	"logfmt": {"time_key t", "time_format %s", "types n:integer"},
	"ltsv":   {"time_key t", "time_format %s", "types n:float"},
	"regex":  {"regex ^(?<t>[0-9]*) ?(?<log>.*)$", "time_key t", "time_format %s"},
}

// oddLines are what a parser may meet.
func oddLines() []string {
	return []string{
		"", " ", "\x00", "\xff\xfe", "{", "[]", "null", `"text"`, "1", "{}", `{"a":1}`, `{"a":1}{"b":2}`, `{"t":"x"}`, `{"t":1}`, `{"a":"\ud800"}`,
		`{"a":1,"a":2}`, `{"n":1e999}`, `{"n":123456789012345678901234567890}`, "a=1", "a", "a=", "=", `a="`, `a="\"" n=x t=5`, "a:1\tb:2", "a", ":\t:", "t:1\tn:nan",
		"12 words", strings.Repeat("x", 200_000), strings.Repeat(`{"a":`, 10_000), strings.Repeat("[", 10_000), strings.Repeat("a=1 ", 10_000), "\xf0\x9f\x98\x80=\xf0\x9f",
	}
}

// A parser appends one whole map to what it is given, or says why not; it leaves the line alone and keeps no
// bytes of it.
func TestParsersConform(t *testing.T) {
	for _, spec := range Plugins().Parsers {
		t.Run(spec.Name, func(t *testing.T) {
			lines, known := parserLines[spec.Name]
			if !known {
				t.Fatal("this parser is not checked: give it a line in the map parserLines")
			}
			p := newParser(t, spec, lines)
			if _, err := configured(spec, append(lines[:len(lines):len(lines)], "no_such_option_at_all x")); err == nil {
				t.Error("it takes any option")
			}
			taken := 0
			for _, line := range oddLines() {
				if parses(t, p, line) {
					taken++
				}
			}
			if taken == 0 {
				t.Error("it has taken no line at all")
			}
		})
	}
}

func configured(spec plugin.Spec[plugin.Parser], lines []string) (plugin.Parser, error) {
	c := spec.Config()
	props := filtertest.Properties(lines...)
	if err := option.Decode(c.Options(), props, option.Pos{}); err != nil {
		return nil, err
	}
	return c.New(plugin.Env{Name: spec.Name, Properties: props})
}

func newParser(t *testing.T, spec plugin.Spec[plugin.Parser], lines []string) plugin.Parser {
	t.Helper()
	p, err := configured(spec, lines)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parses(t *testing.T, p plugin.Parser, line string) bool {
	t.Helper()
	const before = "before"
	mine := []byte(line)
	body, at, err := p.Parse([]byte(before), mine)
	if string(mine) != line {
		t.Errorf("%.40q: it has written to the line", line)
	}
	if err != nil {
		return false
	}
	if !bytes.HasPrefix(body, []byte(before)) {
		t.Errorf("%.40q: what stood before the body is gone", line)
		return false
	}
	clear(mine)
	one := event.New("t")
	one.Append(at, nil, event.Value(body[len(before):]))
	if b, err := event.Parse("t", one.Bytes()); err != nil || b.Len() != 1 {
		t.Errorf("%.40q: the body is no map: %v", line, err)
	}
	again, _, err := p.Parse(nil, []byte(line))
	if err != nil || !bytes.Equal(again, body[len(before):]) {
		t.Errorf("%.40q: the second time it makes %q of it, at first %q: %v", line, again, body[len(before):], err)
	}
	return true
}
