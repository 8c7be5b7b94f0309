package cmd

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/fluent/fluent-bit-go/agent/builtin"
	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/pipeline"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
)

// agent is a loaded configuration and where its log goes.
type agent struct {
	tree    *config.Tree
	service config.Service
	level   slog.Level
	sink    *logger.Sink
	log     *slog.Logger
	file    *os.File // of the log, or nil
	workers *metric.Registry
}

// load merges command line and files. What a file says about the service wins.
func load(c commandLine) (*agent, error) {
	a := &agent{tree: &c.Tree, workers: metric.NewRegistry("fluentbit", "worker")}
	vars := map[string]string{}
	o := config.Options{Vars: vars}
	var errs []error
	cli := c.Tree
	if c.ConfigFile != "" {
		errs = append(errs, a.tree.AddFile(c.ConfigFile, config.MainFile, o))
	}
	for _, f := range c.ParserFiles {
		errs = append(errs, a.tree.AddFile(f, config.ParsersFile, o))
	}
	expand(a.tree, cli, o)
	service, err := config.ServiceOf(a.tree)
	a.service = service
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if a.level, err = a.logLevel(c.Quiet); err != nil {
		return nil, err
	}
	a.warnNotYet()
	return a, nil
}

// expand replaces the variables in what the command line gave. It happens after the files were read,
// since they may define variables.
func expand(t *config.Tree, cli config.Tree, o config.Options) {
	for _, list := range [][]config.Section{t.Inputs[:len(cli.Inputs)], t.Filters[:len(cli.Filters)], t.Outputs[:len(cli.Outputs)], t.Customs[:len(cli.Customs)]} {
		for i := range list {
			list[i].Name = expandText(t, list[i].Name, o)
			for j := range list[i].Props {
				v := &list[i].Props[j].Value
				v.Text = expandText(t, v.Text, o)
			}
		}
	}
}

func expandText(t *config.Tree, text string, o config.Options) string {
	out, unset := config.Expand(text, o)
	for _, name := range unset {
		t.Warnings = append(t.Warnings, &option.Error{Pos: onCommandLine, Msg: fmt.Sprintf("the variable ${%s} is not set", name), Cure: "export it, or give a default: ${" + name + ":-…}"})
	}
	return out
}

// logLevel is the file's or the command line's, or that of the environment when neither says one.
func (a *agent) logLevel(quiet bool) (slog.Level, error) {
	name := string(a.service.LogLevel)
	if _, said := option.Lookup(a.tree.Service, "log_level"); !said {
		if env := os.Getenv("FLB_LOG_LEVEL"); env != "" {
			name = env
		}
	}
	level, err := logger.ParseLevel(name)
	if err != nil {
		return 0, fmt.Errorf("FLB_LOG_LEVEL: '%s' %w", name, err)
	}
	if quiet {
		level = logger.LevelOff
	}
	return level, nil
}

// openLog opens the log file. Records are worth more than a log: without it, what would stand there goes to
// standard error.
func (a *agent) openLog() {
	var w io.Writer = os.Stderr
	if path, said := option.Lookup(a.tree.Service, "log_file"); said {
		f, err := os.OpenFile(a.service.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			a.file, w = f, f
		} else {
			a.tree.Warnings = append(a.tree.Warnings, &option.Error{Pos: path.Pos, Msg: fmt.Sprintf("log_file: %v", err), Cure: "the log goes to standard error instead"})
		}
	}
	a.sink = logger.NewSink(w, isTerminal(w))
	a.log = logger.New(a.sink, "fluent bit", logger.Options{Level: a.level})
}

func (a *agent) closeLog() {
	if a.file != nil {
		_ = a.file.Close()
	}
}

// settings are the pipeline's part of the service section.
func (a *agent) settings(mods *modules, own func() metric.Set) pipeline.Settings {
	s := a.service
	return pipeline.Settings{
		Flush: s.Flush, Adaptive: s.FlushAdaptive, Grace: s.Grace, RetryBase: s.SchedulerBase, RetryCap: s.SchedulerCap,
		MemoryBudget: s.Storage.MemoryBudget, Storage: storageSettings(s.Storage), MultilineLimit: s.MultilineBufferLimit,
		JSON: event.JSONStyle{RawUTF8: !s.JSONEscapeUnicode, NaNAsNull: s.JSONConvertNaNToNull},
		Sink: a.sink, Level: a.level, Planned: builtin.Known, Identity: mods.identity, Metrics: own,
		StreamNumbers: s.SPConvertFromStrToNum, TagRecords: s.TagRecords,
	}
}

func storageSettings(s config.Storage) pipeline.Storage {
	set := pipeline.Storage{
		Path: s.Path, Full: s.Sync == "full", Checksum: s.Checksum, MaxUp: s.MaxChunksUp,
		BacklogMemory: s.BacklogMemLimit, FlushBacklog: s.BacklogFlushOnShutdown, Delete: s.DeleteIrrecoverableChunks,
		KeepRejected: s.KeepRejected, Rejected: s.RejectedPath, RejectedLimit: s.RejectedLimit, SpillLimit: s.SpillLimit,
	}
	if s.Inherit {
		set.Type = s.Type
	}
	return set
}

// warn tells the warnings about a configuration that is good.
func (a *agent) warn(p *pipeline.Pipeline) {
	for _, w := range append(a.tree.Warnings, p.Warnings...) {
		a.log.Warn(w.Error(), logger.Component, "config")
	}
	for _, e := range p.BadTasks {
		a.log.Error(e.Error()+". The agent runs without this task", logger.Component, "sp")
	}
}

// notYet are service keys whose work is not in this build; asking for it is worth a word.
var notYet = map[string]string{
	"enable_chunk_trace": "chunk traces are not in this build yet",
}

// warnNotYet warns about what the configuration switches on and this build does not do.
func (a *agent) warnNotYet() {
	for _, p := range a.tree.Service {
		why, ok := notYet[p.Key]
		if on, err := option.ParseBool(p.Value.Text); ok && (err != nil || on) {
			a.tree.Warnings = append(a.tree.Warnings, &option.Error{Pos: p.Pos, Msg: why})
		}
	}
}
