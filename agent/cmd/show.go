package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/pipeline"
	"github.com/fluent/fluent-bit-go/agent/worker"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// show prints what the options ask for in place of running: help, schema, version.
func (c commandLine) show(ctx context.Context, built plugin.Set, stdout, stderr io.Writer) int {
	if c.Show == showVersion {
		return done(stderr, writeVersion(stdout))
	}
	infos, err := probe(ctx, c.Tree.Plugins)
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	var loaded modules
	for _, info := range infos {
		loaded.add(worker.New(info, worker.Options{}), info.Type)
	}
	if c.Show == showHelp {
		return done(stderr, writeHelp(stdout, built, loaded.set))
	}
	all := describe(with(built, loaded.set), pipeline.Common)
	if c.Show == showSchema {
		return done(stderr, writeSchema(stdout, all))
	}
	d, ok := find(all, c.Of)
	switch {
	case !ok:
		return fail(stderr, fmt.Errorf("unknown %s plugin '%s'; fluent-bit -h lists the plugins", c.Of.Kind, c.Of.Name), exitUsage)
	case c.Show == showPluginHelp:
		return done(stderr, writePluginHelp(stdout, d))
	}
	return done(stderr, writePluginSchema(stdout, d))
}

// done ends a command that has only printed. Who has read enough of that, as head does, hears no complaint.
func done(stderr io.Writer, err error) int {
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		return fail(stderr, err, exitUsage)
	}
	return exitOK
}

// writeReport prints what a supporter wants to know about this agent and its configuration.
func writeReport(w io.Writer, t *config.Tree, built plugin.Set) {
	host, _ := os.Hostname()
	fmt.Fprintf(w, "\nFluent Bit report\n\n[Fluent Bit]\n    Version  %s\n    Commit   %s\n    Go       %s\n\n[Host]\n    Name     %s\n    OS       %s\n    CPU      %s, %d cores\n\n",
		version, revision(), runtime.Version(), host, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(w, "[Built plugins]\n    Inputs   %d\n    Filters  %d\n    Outputs  %d\n", len(built.Inputs), len(built.Filters), len(built.Outputs))
	for _, part := range []struct {
		title string
		list  []config.Section
	}{{"Input", t.Inputs}, {"Filter", t.Filters}, {"Output", t.Outputs}, {"Custom", t.Customs}} {
		for _, s := range part.list {
			fmt.Fprintf(w, "\n[%s] %s\n", part.title, s.Name)
			for _, p := range s.Props {
				fmt.Fprintf(w, "    %-24s %s\n", p.Key, masked(p))
			}
		}
	}
}

// passwordInURL is what stands between the user's name and the host.
var passwordInURL = regexp.MustCompile(`(://[^/@\s:]*:)[^/@\s]+@`)

// masked hides values whose key sounds like a secret, headers and addresses that do, and passwords in addresses:
// reports are sent to strangers.
func masked(p option.Property) string {
	sounds := func(text string, words ...string) bool {
		text = strings.ToLower(text)
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	}
	if sounds(p.Key, "passw", "secret", "token", "key", "auth") ||
		sounds(p.Key, "header", "uri", "url") && sounds(p.Value.Text, "passw", "secret", "token", "auth", "bearer", "api-key", "api_key", "apikey") {
		return "********"
	}
	return passwordInURL.ReplaceAllString(p.Value.Text, "$1********@")
}
