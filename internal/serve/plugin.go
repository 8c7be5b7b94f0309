// Package serve runs one plugin that was written with package plugin inside of a process that is not the
// agent's: instances and their lives, and the worker protocol of internal/wire spoken in Go.
package serve

import (
	"errors"
	"fmt"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is a [plugin.Spec] of any kind.
type Plugin struct {
	Type    int // abi.TypeInput, abi.TypeOutput or wire.TypeFilter
	Name    string
	Summary string
	Kinds   event.Kinds
	Workers int
	Retags  bool
	Rereads bool

	config func() (opts []option.Option, build func(plugin.Env) (any, error))
}

// Output wraps the spec of an output.
func Output(s plugin.Spec[plugin.Output]) *Plugin { return wrap(abi.TypeOutput, s) }

// Input wraps the spec of an input.
func Input(s plugin.Spec[plugin.Input]) *Plugin { return wrap(abi.TypeInput, s) }

// Filter wraps the spec of a filter.
func Filter(s plugin.Spec[plugin.Filter]) *Plugin { return wrap(wire.TypeFilter, s) }

func wrap[P any](typ int, s plugin.Spec[P]) *Plugin {
	return &Plugin{
		Type: typ, Name: s.Name, Summary: s.Summary, Kinds: max(s.Kinds, event.Logs), Workers: s.Workers,
		Retags: s.Retags, Rereads: s.Rereads,
		config: func() ([]option.Option, func(plugin.Env) (any, error)) {
			c := s.Config()
			return c.Options(), func(env plugin.Env) (any, error) { return c.New(env) }
		},
	}
}

// Declaration is what the agent is told about the plugin.
func (p *Plugin) Declaration() wire.Declaration {
	opts, _ := p.config()
	return wire.Declaration{
		Type: p.Type, Name: p.Name, Summary: p.Summary, Kinds: uint8(p.Kinds), Workers: p.Workers,
		Retags: p.Retags, Rereads: p.Rereads, Options: option.Declare(opts),
	}
}

// kind is the plugin's kind as metrics are named after it.
func (p *Plugin) kind() string {
	switch p.Type {
	case abi.TypeInput:
		return "input"
	case abi.TypeOutput:
		return "output"
	}
	return "filter"
}

// New reads a section and makes the plugin that it describes, which nothing has started yet.
func (p *Plugin) New(s wire.Section, log Printer) (*Instance, error) {
	shown := s.Name
	if s.Alias != "" {
		shown = s.Alias
	}
	in := &Instance{plugin: p, log: newLogger(log), meter: metric.NewRegistry("fluentbit", p.kind(), metric.L("name", shown))}
	err := guard(func() error {
		opts, build := p.config()
		if err := option.Decode(opts, s.Properties, s.At); err != nil {
			return err
		}
		var err error
		in.value, err = build(plugin.Env{
			Name: s.Name, Alias: s.Alias, Tag: s.Tag, Log: in.log, Metrics: in.meter, Properties: s.All,
			Parser: func(string) (plugin.Parser, bool) { return nil, false },
			Multiline: func(plugin.Joining) (plugin.Multiline, error) {
				return nil, errors.New("a plugin in a process of its own has no multiline parsers")
			},
			Upstream: func(string) ([]plugin.Node, bool) { return nil, false },
			Emit:     noEmit,
			Stop:     func(int) { in.log.Error("a plugin in a process of its own cannot stop the agent") },
			JSON:     event.JSONStyle{RawUTF8: s.RawUTF8, NaNAsNull: s.NaNAsNull},
			Grace:    s.Grace,
		})
		return err
	})
	if err == nil && in.value == nil {
		err = fmt.Errorf("BUG in the plugin %s: New returned neither a plugin nor an error", p.Name)
	}
	return in, err
}
