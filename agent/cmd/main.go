// Package cmd is the program fluent-bit: it reads a configuration, runs its inputs, filters and outputs, and
// ends when it is told to. It is a package so that an agent of one's own can be made of it and more plugins.
package cmd

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones by name, also in images that have no database of them

	source "github.com/fluent/fluent-bit-go/agent"
	"github.com/fluent/fluent-bit-go/agent/author"
	"github.com/fluent/fluent-bit-go/agent/builtin"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/pipeline"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Exit codes, as Fluent Bit's users know them.
const (
	exitOK     = 0
	exitUsage  = 1   // bad option, unreadable or wrong configuration, unknown plugin, failed dry run
	exitPlugin = 255 // a plugin does not start or does not know a property; also a bad -w
)

// startTime is when the process began, startDir where; what starts the program once more does it there.
var (
	startTime   = time.Now()
	startDir, _ = os.Getwd()
)

// Main runs the program and ends the process. more are plugins beside the built-in ones: of two with one name
// the later one counts.
func Main(more plugin.Set) {
	os.Exit(run(os.Args[1:], with(builtin.Plugins(), more), os.Stdout, os.Stderr))
}

// with returns a set of the plugins of both.
func with(a, b plugin.Set) plugin.Set {
	return plugin.Set{
		Inputs: slices.Concat(a.Inputs, b.Inputs), Filters: slices.Concat(a.Filters, b.Filters), Processors: slices.Concat(a.Processors, b.Processors),
		Outputs: slices.Concat(a.Outputs, b.Outputs), Parsers: slices.Concat(a.Parsers, b.Parsers), Customs: slices.Concat(a.Customs, b.Customs),
	}
}

// run is the life of the program: options, configuration, plugins, pipeline. built are the plugins that are
// compiled in.
func run(args []string, built plugin.Set, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		tools := author.Tools{Out: stdout, Err: stderr, AgentSource: source.WriteSource}
		switch args[0] {
		case "dlq":
			return dlq(args[1:], stdout, stderr)
		case "plugin":
			return tools.Plugin(context.Background(), args[1:])
		case "build":
			return tools.Build(context.Background(), args[1:])
		}
	}
	ctx, stop := signalContext()
	defer stop()
	signals := listen()
	c, err := parseArgs(args)
	if err != nil {
		if unknown := (unknownOption{}); errors.As(err, &unknown) {
			_ = writeHelp(stdout, built, noPlugins)
		}
		return fail(stderr, err, exitUsage)
	}
	if c.Show != showNothing {
		return c.show(ctx, built, stdout, stderr)
	}
	if c.WorkDir != "" {
		if err := os.Chdir(c.WorkDir); err != nil {
			return fail(stderr, fmt.Errorf("command line: -w: %w", err), exitPlugin)
		}
	}
	a, err := load(c)
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	if err := a.approvedOnly(); err != nil {
		return fail(stderr, err, exitUsage)
	}
	if a.service.Daemon && !c.DryRun && os.Getenv(detached) == "" {
		return daemonize(args, stderr)
	}
	if c.Supervisor && !c.DryRun && os.Getenv(supervised) == "" {
		return supervise(args)
	}
	if c.DryRun {
		a.level = max(a.level, slog.LevelWarn) // what counts is the verdict
	} else if !c.Quiet {
		writeBanner(stderr)
	}
	a.openLog()
	defer a.closeLog()
	return a.run(ctx, signals, args, built, c, stdout, stderr)
}

// run builds the pipeline and keeps it going until the end.
func (a *agent) run(ctx context.Context, signals chan os.Signal, args []string, built plugin.Set, c commandLine, stdout, stderr io.Writer) int {
	a.log.Info(fmt.Sprintf("version=%s, commit=%.10s, pid=%d", version, revision(), os.Getpid()))
	if fips140.Enabled() {
		a.log.Info("FIPS 140 mode: only approved cryptography is used")
	}
	mods, err := a.loadPlugins(ctx, nil)
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	defer boundMemory(a.service.Storage.MemoryBudget)()
	h := &host{args: args, built: built, agent: a, sink: a.sink, log: a.log, workers: a.workers}
	h.modules.Store(mods)
	defer func() { h.modules.Load().close(a.log) }()
	p, err := pipeline.Build(a.tree, with(built, mods.set), a.settings(mods, h.Metrics))
	if c.DryRun {
		return dryRun(stderr, err, slices.Concat(a.tree.Warnings, p.Warnings, p.BadTasks))
	}
	a.warn(p)
	switch {
	case errors.Is(err, pipeline.ErrUnknownPlugin):
		return fail(stderr, err, exitUsage)
	case err != nil:
		return fail(stderr, err, exitPlugin)
	}
	h.run = pipeline.NewRunner(p)
	if err := p.Start(ctx); err != nil {
		return fail(stderr, err, exitPlugin)
	}
	started()
	if c.SOSReport {
		p.Stop(exitOK)
		h.run.Run(ctx)
		writeReport(stdout, a.tree, built)
		return exitUsage
	}
	if a.service.HTTPServer {
		end, err := h.serveAdmin(ctx)
		if err != nil {
			p.Stop(exitPlugin)
			_ = fail(stderr, err, exitPlugin)
		} else {
			defer end()
		}
	}
	defer h.onSignals(ctx, a, signals)()
	return h.run.Run(ctx)
}

// dryRun tells the verdict. What a normal run only warns about is an error here.
func dryRun(stderr io.Writer, err error, warnings []*option.Error) int {
	for _, w := range warnings {
		err = errors.Join(err, w)
	}
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	fmt.Fprintln(stderr, "configuration test is successful")
	return exitOK
}

// fail prints every error on a line of its own, also when the log is off.
func fail(stderr io.Writer, err error, code int) int {
	sink := logger.New(logger.NewSink(stderr, isTerminal(stderr)), "", logger.Options{})
	for _, e := range flatten(err) {
		sink.Error(strings.TrimRight(e.Error(), "\n"))
	}
	return code
}

func flatten(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

func writeBanner(w io.Writer) {
	fmt.Fprintf(w, "Fluent Bit v%s\n* fluent-bit-go, the log agent with Go plugins as first-class citizens\n* https://fluentbit.io\n\n", version)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}

// probeTimeout is how long a plugin file may take to say what it is.
const probeTimeout = 30 * time.Second
