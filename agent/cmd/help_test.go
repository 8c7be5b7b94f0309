package cmd

import (
	"regexp"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestVersionHasFluentBitsForm(t *testing.T) {
	var b strings.Builder
	if err := writeVersion(&b); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^Fluent Bit v\d+\.\d+\.\d+\nGit commit: \S+\n$`).MatchString(b.String()) {
		t.Errorf("printed %q", b.String())
	}
}

func TestHelpListsOptionsAndPlugins(t *testing.T) {
	builtIn := plugin.Set{
		Inputs:     []plugin.Spec[plugin.Input]{{Name: "tail", Summary: "follow files"}, {Name: "cpu", Summary: "CPU use"}},
		Processors: []plugin.Spec[plugin.Filter]{{Name: "content_modifier", Summary: "change records"}},
		Filters:    []plugin.Spec[plugin.Filter]{{Name: "rewrite_tag", Summary: "tag anew"}},
		Outputs:    []plugin.Spec[plugin.Output]{{Name: "stdout", Summary: "print"}, {Name: "s3", Summary: "upload"}},
	}
	loaded := plugin.Set{Outputs: []plugin.Spec[plugin.Output]{{Name: "gstdout", Summary: "Stdout GO!"}, {Name: "s3", Summary: "mine"}}}
	var b strings.Builder
	if err := writeHelp(&b, builtIn, loaded); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, pattern := range []string{
		`^Usage: fluent-bit \[OPTION\]\n\nAvailable Options\n`,
		`(?m)^  -c  --config=FILE    specify an optional configuration file$`,
		`(?m)^  -e, --plugin=FILE    load an external plugin \(shared lib\)$`,
		`(?m)^  -R, --parser=FILE +\S`,
		`(?m)^  -T, --sp-task=SQL +\S`,
		`(?m)^  -H, --http, --http_server +\S`,
		`(?m)^      --supervisor +\S`,
		`(?s)\nInputs\n  cpu +CPU use\n  tail +follow files\n\nProcessors\n  content_modifier +change records\n\nFilters\n  rewrite_tag +tag anew\n`,
		`(?s)\nOutputs\n  gstdout +Stdout GO! \(from a plugin file\)\n  s3 +mine \(from a plugin file\)\n  stdout +print\n\nSubcommands\n  build +\S[^\n]*\n  dlq +\S[^\n]*\n  plugin +\S[^\n]*\n$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("the help does not match %s:\n%s", pattern, text)
		}
	}
}

func TestEveryOptionIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range flags() {
		if f.help == "" || f.apply == nil {
			t.Errorf("%v lacks its help or its meaning", f.names)
		}
		for _, key := range append([]string{string(f.letter)}, f.names...) {
			if seen[key] && key != "\x00" {
				t.Errorf("%q stands for two options", key)
			}
			seen[key] = true
		}
	}
}

func TestAReportForStrangersHidesSecrets(t *testing.T) {
	f := func(key, value string, hidden bool) {
		t.Helper()
		got := masked(option.Property{Key: key, Value: option.Value{Text: value}})
		if (got == value) == hidden {
			t.Errorf("%s %s is shown as %s", key, value, got)
		}
	}
	f("http_passwd", "x", true)
	f("header", "Authorization Basic eDp5", true)
	f("header", "X-API-Key 1234", true)
	f("uri", "/?access_token=1234", true)
	f("header", "X-Tenant me", false)
	f("host", "127.0.0.1", false)
}
