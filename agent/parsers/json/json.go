// Package json is the parser for lines that hold one JSON object.
package json

import (
	"errors"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the parser format json.
var Plugin = plugin.Spec[plugin.Parser]{
	Name:    "json",
	Summary: "reads lines that hold one JSON object",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Parser] { return new(config) },
}

type config struct{ parsing.Settings }

func (c *config) Options() []option.Option {
	return c.Settings.Options("regex", "types", "skip_empty_values", "logfmt_no_bare_keys")
}

func (c *config) New(env plugin.Env) (plugin.Parser, error) {
	rules, err := c.Settings.New(env)
	if err != nil {
		return nil, err
	}
	return &parser{rules}, nil
}

type parser struct{ rules *parsing.Rules }

var errNotObject = errors.New("the line is no single JSON object")

// Parse takes one object; plain words behind it do not matter. A time that cannot be read stays in the
// record as it is.
func (p *parser) Parse(dst, line []byte) (body []byte, t event.Time, err error) {
	body, ok := parsing.AppendObject(dst, line)
	if !ok {
		return dst, event.Time{}, errNotObject
	}
	body, t = p.rules.Finish(body, len(dst))
	return body, t, nil
}
