// Package conf holds the configuration files that are shipped; its tests read every one of them.
package conf

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/agent/internal/parsing/parsertest"
	"github.com/fluent/fluent-bit-go/agent/parsers/json"
	"github.com/fluent/fluent-bit-go/agent/parsers/logfmt"
	"github.com/fluent/fluent-bit-go/agent/parsers/ltsv"
	"github.com/fluent/fluent-bit-go/agent/parsers/regex"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

var formats = map[string]plugin.Spec[plugin.Parser]{
	"json": json.Plugin, "logfmt": logfmt.Plugin, "ltsv": ltsv.Plugin, "regex": regex.Plugin,
}

func files(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("parsers*.conf")
	if err != nil || len(names) == 0 {
		t.Fatal("found no parsers*.conf", err)
	}
	return names
}

func sections(t testing.TB, file string) []config.Section {
	t.Helper()
	tree := &config.Tree{}
	if err := tree.AddFile(file, config.ParsersFile, config.Options{}); err != nil {
		t.Fatal(err)
	}
	if len(tree.Parsers) == 0 && len(tree.MultilineParsers) == 0 {
		t.Fatalf("%s defines no parser", file)
	}
	for _, m := range tree.MultilineParsers {
		if _, err := multiline.Define(multiline.Definition{Name: m.Name, Pos: m.Pos, Props: m.Props}, nil); err != nil {
			t.Error(err)
		}
	}
	return tree.Parsers
}

func build(t testing.TB, s config.Section) plugin.Parser {
	t.Helper()
	format, _ := option.Lookup(s.Props, "format")
	spec, ok := formats[format.Text]
	if !ok {
		t.Fatalf("%s: parser %s has the unknown format '%s'", s.Pos, s.Name, format.Text)
	}
	c := spec.Config()
	if err := option.Decode(c.Options(), s.Props, s.Pos); err != nil {
		t.Fatal(err)
	}
	p, err := c.New(plugin.Env{Name: s.Name, Log: slog.New(slog.DiscardHandler), Properties: s.Props})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every shipped parser takes apart the lines that it is for.
func TestShippedParsersReadTheirLines(t *testing.T) {
	seen := map[string]string{}
	for _, file := range files(t) {
		for _, s := range sections(t, file) {
			if other, twice := seen[s.Name]; twice {
				t.Errorf("parser %s is in %s and in %s", s.Name, other, file)
			}
			seen[s.Name] = file
			p := build(t, s)
			if len(samples[s.Name]) == 0 {
				t.Errorf("%s: parser %s has no sample line", s.Pos, s.Name)
			}
			for _, sample := range samples[s.Name] {
				got := parsertest.Parse(t, p, sample[0])
				if yearless[s.Name] {
					_, got, _ = strings.Cut(got, " ") // the year is that of the clock
				}
				if got != sample[1] {
					t.Errorf("%s on %q:\n got %s\nwant %s", s.Name, sample[0], got, sample[1])
				}
			}
		}
	}
	for name := range samples {
		if seen[name] == "" {
			t.Errorf("there are samples for %s, which no file defines", name)
		}
	}
}

func BenchmarkParsers(b *testing.B) {
	wanted := map[string]bool{"apache2": true, "cri": true, "nginx": true, "syslog-rfc5424": true, "syslog-rfc3164": true}
	for _, s := range sections(b, "parsers.conf") {
		if wanted[s.Name] {
			b.Run(s.Name, func(b *testing.B) { parsertest.Bench(b, build(b, s), samples[s.Name][0][0]) })
		}
	}
}
