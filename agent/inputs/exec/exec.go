// Package exec is the input exec: it runs a shell command, once or again and again, and makes a record of
// each line that the command prints.
//
// A record is {"exec": line}, or what the parser makes of the line. What the command writes to standard
// error goes to the agent's log.
package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input exec.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "exec",
	Summary: "Lines that a command prints",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const mostBuffer = 64 << 20

type config struct {
	command, parser               string
	size                          int64
	oneshot, stopAfter, propagate bool
	interval                      ticker.Interval
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.String("command", &c.command).Required().
			Help("The command, which /bin/sh runs in a process group of its own."),
		option.String("parser", &c.parser).
			Help("Name of the parser that turns the lines into records; without one they stand under the key exec."),
		option.Size("buf_size", &c.size).Default("4096").
			Help("Longest line: one that has as many bytes is cut into several records."),
		option.Switch("oneshot", &c.oneshot).Default("false").
			Help("Runs the command once, at the start, instead of each interval."),
		option.Switch("exit_after_oneshot", &c.stopAfter).Default("false").
			Help("Stops the agent when the command has ended; implies oneshot."),
		option.Switch("propagate_exit_code", &c.propagate).Default("false").
			Help("Has the agent exit with the command's exit code, or 128 and the number of the signal that ended it; needs exit_after_oneshot."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	var errs []error
	fault := func(key, msg, cure string) {
		v, _ := option.Lookup(env.Properties, key)
		errs = append(errs, &option.Error{Pos: v.Pos, Msg: key + ": " + msg, Cure: cure})
	}
	in := &input{config: *c, env: env, lines: lines{bare: true}}
	if c.command == "" {
		fault("command", "there is nothing to run", "give a shell command")
	}
	if c.size < 2 || c.size > mostBuffer {
		fault("buf_size", fmt.Sprintf("%d bytes are out of range", c.size), fmt.Sprintf("give 2 to %d bytes", mostBuffer))
	}
	if c.propagate && !c.stopAfter {
		fault("propagate_exit_code", "the agent does not exit after the command", "set exit_after_oneshot as well")
	}
	if c.parser != "" {
		p, ok := env.Parser(c.parser)
		if !ok {
			fault("parser", fmt.Sprintf("there is no parser '%s'", c.parser), "define it, or name the file that does with parsers_file")
		}
		in.lines = lines{parser: p}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return in, nil
}

type input struct {
	config
	env   plugin.Env
	lines lines
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	var err error
	if in.oneshot || in.stopAfter {
		err = in.runOnce(ctx, to)
	} else {
		err = plugin.Every(ctx, in.interval.Period(time.Second), func() error {
			_, err := in.runCommand(ctx, to)
			return err
		})
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (in *input) runOnce(ctx context.Context, to plugin.Emitter) error {
	code, err := in.runCommand(ctx, to)
	if ctx.Err() != nil || !in.stopAfter {
		return err
	}
	if !in.propagate {
		code = 0
	}
	in.env.Log.Info("the command has ended; the agent stops", "exit_code", code)
	in.env.Stop(code)
	return err
}
