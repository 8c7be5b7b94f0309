// Package author holds the tools for people who write plugins: `fluent-bit plugin …` and `fluent-bit build`.
package author

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Tools runs the commands. What they print goes to Out, what they have to say to Err.
type Tools struct {
	Out, Err io.Writer
	// AgentSource lays the agent's source into a folder.
	AgentSource func(dir string) error
}

// errUsage ends a command whose arguments are wrong; its help was printed.
var errUsage = errors.New("wrong arguments")

type command struct {
	name, args, about string
	run               func(t *Tools, ctx context.Context, args []string) error
}

// commands are those of `fluent-bit plugin`.
func commands() []command {
	return []command{
		{"new", "NAME", "lay out a new plugin: code, test, Makefile, README and the SDK's source", (*Tools).create},
		{"build", "[DIR]", "build a plugin as a shared object or an executable", (*Tools).build},
		{"inspect", "FILE", "tell what a plugin file is, what it needs, and what will not work", (*Tools).inspect},
		{"run", "FILE|DIR", "run one plugin alone, with records from a file", (*Tools).try},
		{"dev", "DIR -- OPTIONS", "run an agent with a plugin that is built again at each save", (*Tools).dev},
		{"bench", "FILE|DIR", "measure how fast a plugin is", (*Tools).bench},
	}
}

// Plugin runs `fluent-bit plugin ARGS` and returns the exit code.
func (t *Tools) Plugin(ctx context.Context, args []string) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return t.end(c.run(t, ctx, args[1:]))
			}
		}
	}
	help := len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help")
	if len(args) > 0 && !help {
		fmt.Fprintf(t.Err, "fluent-bit plugin: there is no command '%s'\n\n", args[0])
	}
	w := t.Err
	if help {
		w = t.Out
	}
	fmt.Fprintln(w, "Tools for people who write plugins:\n\n  fluent-bit plugin COMMAND [OPTIONS]\n\nCOMMANDS")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %-15s %s\n", c.name, c.args, c.about)
	}
	fmt.Fprintln(w, "\n`fluent-bit plugin COMMAND -h` tells the options of a command.\n`fluent-bit build --with MODULE` compiles plugins into an agent of your own.")
	if help {
		return 0
	}
	return 1
}

// end prints an error and turns it into an exit code.
func (t *Tools) end(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case !errors.Is(err, errUsage):
		fmt.Fprintln(t.Err, "fluent-bit:", err)
	}
	return 1
}

// flags makes the options of a command; usage is what stands behind its name.
func (t *Tools) flags(name, usage, about string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(t.Err)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "%s\n\n  fluent-bit %s %s\n", about, name, usage)
		first := true
		f.VisitAll(func(*flag.Flag) {
			if first {
				fmt.Fprintln(f.Output(), "\nOPTIONS")
			}
			first = false
		})
		f.PrintDefaults()
	}
	return f
}

// parse reads args and checks how many are left: from least to most, or any number when most is negative.
func parse(f *flag.FlagSet, args []string, least, most int) error {
	// Options may stand before and behind the arguments.
	var rest []string
	for len(args) > 0 {
		if args[0] == "--" {
			rest = append(rest, args...)
			break
		}
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return errUsage // the flag package has told
		}
		args = f.Args()
		if len(args) > 0 && args[0] != "--" {
			rest = append(rest, args[0])
			args = args[1:]
		}
	}
	n := len(rest)
	if i := indexOf(rest, "--"); i >= 0 {
		n = i
	}
	if n < least || most >= 0 && n > most {
		f.Usage()
		return errUsage
	}
	return f.Parse(append([]string{"--"}, rest...))
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// properties collects options of the form KEY=VALUE.
type properties []string

// String implements [flag.Value].
func (p *properties) String() string { return strings.Join(*p, " ") }

// Set implements [flag.Value].
func (p *properties) Set(s string) error {
	if key, _, ok := strings.Cut(s, "="); !ok || key == "" {
		return errors.New("is not KEY=VALUE")
	}
	*p = append(*p, s)
	return nil
}

// isDir tells a folder with source from a file.
func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
