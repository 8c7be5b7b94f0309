// Package ltsv is the parser for labelled tab-separated values (http://ltsv.org): label:value pairs with
// tabs between them.
package ltsv

import (
	"errors"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the parser format ltsv.
var Plugin = plugin.Spec[plugin.Parser]{
	Name:    "ltsv",
	Summary: "reads label:value pairs that tabs separate",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Parser] { return new(config) },
}

type config struct{ parsing.Settings }

func (c *config) Options() []option.Option {
	return append(c.Settings.Options("regex", "skip_empty_values", "logfmt_no_bare_keys"), c.TypesOption())
}

func (c *config) New(env plugin.Env) (plugin.Parser, error) {
	rules, err := c.Settings.New(env)
	if err != nil {
		return nil, err
	}
	return &parser{rules}, nil
}

type parser struct{ rules *parsing.Rules }

var (
	errNoPairs = errors.New("the line has no label:value pair")
	errTime    = errors.New("the time does not fit Time_Format")
)

// Parse reads pairs up to the end of the line, or up to what is no pair.
func (p *parser) Parse(dst, line []byte) (body []byte, t event.Time, err error) {
	b := p.rules.Begin(dst)
	for i := 0; i < len(line); {
		label := i
		for i < len(line) && isLabel[line[i]] {
			i++
		}
		if i == len(line) || line[i] != ':' {
			break
		}
		key := line[label:i]
		i++
		value := i
		for i < len(line) && isValue[line[i]] {
			i++
		}
		if err := add(b, key, line[value:i]); err != nil {
			return b.Drop(), event.Time{}, err
		}
		if i == len(line) || line[i] != '\t' {
			break
		}
		i++
	}
	if b.Len() == 0 {
		return b.Drop(), event.Time{}, errNoPairs
	}
	body, t = b.End()
	return body, t, nil
}

func add(b *parsing.Builder, key, val []byte) error {
	if len(key) == 0 {
		return nil
	}
	taken, bad := b.Time(key, val)
	if bad {
		return errTime
	}
	if !taken {
		b.AddText(key, val)
	}
	return nil
}

// isLabel are the bytes of labels, isValue those of values: all but NUL, tab and line ends.
var isLabel, isValue = func() (l, v [256]bool) {
	for i := range 256 {
		c := byte(i)
		l[i] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '.' || c == '-'
		v[i] = c != 0 && c != '\t' && c != '\n' && c != '\r'
	}
	return l, v
}()
