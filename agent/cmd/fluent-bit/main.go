// Command fluent-bit is the log agent: it reads a configuration, runs its inputs, filters and outputs, and
// ends when it is told to.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones by name, also in images that have no database of them

	"github.com/fluent/fluent-bit-go/agent/builtin"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/pipeline"
	"github.com/fluent/fluent-bit-go/option"
)

// Exit codes, as Fluent Bit's users know them.
const (
	exitOK     = 0
	exitUsage  = 1   // bad option, unreadable or wrong configuration, unknown plugin, failed dry run
	exitPlugin = 255 // a plugin does not start or does not know a property; also a bad -w
)

// startTime is when the process began.
var startTime = time.Now()

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the life of the program: options, configuration, plugins, pipeline.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "dlq" {
		return dlq(args[1:], stdout, stderr)
	}
	ctx, stop := signalContext()
	defer stop()
	c, err := parseArgs(args)
	if err != nil {
		if unknown := (unknownOption{}); errors.As(err, &unknown) {
			_ = writeHelp(stdout, builtin.Plugins(), noPlugins)
		}
		return fail(stderr, err, exitUsage)
	}
	if c.Supervisor && os.Getenv(supervised) == "" {
		return supervise(args)
	}
	if c.Show != showNothing {
		return c.show(ctx, stdout, stderr)
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
	if a.service.Daemon && !c.DryRun && os.Getenv(detached) == "" {
		return daemonize(args, stderr)
	}
	if c.DryRun {
		a.level = max(a.level, slog.LevelWarn) // what counts is the verdict
	} else if !c.Quiet {
		writeBanner(stderr)
	}
	if err := a.openLog(); err != nil {
		return fail(stderr, err, exitUsage)
	}
	defer a.closeLog()
	return a.run(ctx, args, c, stdout, stderr)
}

// run builds the pipeline and keeps it going until the end.
func (a *agent) run(ctx context.Context, args []string, c commandLine, stdout, stderr io.Writer) int {
	a.log.Info(fmt.Sprintf("version=%s, commit=%.10s, pid=%d", version, revision(), os.Getpid()))
	mods, err := a.loadPlugins(ctx, nil)
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	boundMemory(a.service.Storage.MemoryBudget)
	h := &host{args: args, agent: a, sink: a.sink, workers: a.workers}
	h.modules.Store(mods)
	defer func() { h.modules.Load().close(a.log) }()
	p, err := pipeline.Build(a.tree, mods.join(builtin.Plugins()), a.settings(mods, h.Metrics))
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
		writeReport(stdout, a.tree)
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
	defer h.onSignals(ctx)()
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
