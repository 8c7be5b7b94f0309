package cmd

import (
	"bufio"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	fluentbit "github.com/fluent/fluent-bit-go/agent/internal/version"
	"github.com/fluent/fluent-bit-go/plugin"
)

const version = fluentbit.FluentBit

// commit is set by the linker; see the Makefile.
var commit string

func writeVersion(w io.Writer) error {
	_, err := fmt.Fprintf(w, "Fluent Bit v%s\nGit commit: %s\n", version, revision())
	return err
}

// revision says which source this was built from: what the linker was told, else what Go noted itself.
func revision() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// listed is a plugin as the general help shows it.
type listed struct{ name, summary string }

// writeHelp prints the options and all plugins: those of the agent, and with a mark those that plugin files
// (-e) brought. A loaded plugin hides a built-in one of its name, as it does in a pipeline.
func writeHelp(w io.Writer, builtIn, loaded plugin.Set) error {
	b := bufio.NewWriter(w)
	b.WriteString("Usage: fluent-bit [OPTION]\n\nAvailable Options\n")
	for _, f := range flags() {
		writeFlag(b, f)
	}
	group(b, "Inputs", list(builtIn.Inputs), list(loaded.Inputs))
	group(b, "Processors", list(builtIn.Processors), list(loaded.Processors))
	group(b, "Filters", list(builtIn.Filters), list(loaded.Filters))
	group(b, "Outputs", list(builtIn.Outputs), list(loaded.Outputs))
	if len(builtIn.Customs)+len(loaded.Customs) > 0 {
		group(b, "Customs", list(builtIn.Customs), list(loaded.Customs))
	}
	group(b, "Subcommands", []listed{
		{"build", "compile plugins into an agent of your own; -h tells how, as with the others"},
		{"dlq", "list, show, replay or drop the chunks that storage.keep.rejected kept"},
		{"plugin", "lay out, build, inspect, run, develop and measure plugins of your own"},
	}, nil)
	return b.Flush()
}

func writeFlag(b *bufio.Writer, f flag) {
	left := "    "
	switch {
	case f.letter == 'b' || f.letter == 'c': // Fluent Bit writes these two without a comma, and scripts look for it
		left = fmt.Sprintf("-%c  ", f.letter)
	case f.letter != 0:
		left = fmt.Sprintf("-%c, ", f.letter)
	}
	for i, name := range f.names {
		if i > 0 {
			left += ", "
		}
		left += "--" + name
	}
	if f.arg != "" {
		left += "=" + f.arg
	}
	// At least four blanks stand between the columns, also where the left one is too wide for that.
	fmt.Fprintf(b, "  %-17s    %s\n", left, f.help)
}

func group(b *bufio.Writer, title string, builtIn, loaded []listed) {
	all := slices.Clone(loaded)
	for i := range all {
		all[i].summary = strings.TrimSpace(all[i].summary + " (from a plugin file)")
	}
	for _, p := range builtIn {
		if !slices.ContainsFunc(loaded, func(l listed) bool { return strings.EqualFold(l.name, p.name) }) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y listed) int { return strings.Compare(x.name, y.name) })
	width := 24
	for _, p := range all {
		width = max(width, len(p.name)+2)
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, p := range all {
		fmt.Fprintf(b, "  %-*s%s\n", width, p.name, p.summary)
	}
}

func list[P any](specs []plugin.Spec[P]) []listed {
	var all []listed
	for _, s := range specs {
		all = append(all, listed{s.Name, s.Summary})
	}
	return all
}
