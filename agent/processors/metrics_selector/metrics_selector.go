// Package metrics_selector is the processor metrics_selector: it keeps or drops metrics by name, or points by
// the value of a label.
package metrics_selector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/payload"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor metrics_selector.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "metrics_selector",
	Summary: "Keep or drop metrics by their names or labels",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type (
	what   string
	action string
	way    string
)

const (
	byName    what   = "metric_name"
	byLabel   what   = "delete_label_value"
	include   action = "include"
	exclude   action = "exclude"
	prefix    way    = "prefix"
	substring way    = "substring"
)

type config struct {
	name   string
	what   what
	action action
	way    way
	label  string
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.String("metric_name", &c.name).Help("Which metrics: the beginning or a part of the full name, as operation_type says, or a regular expression between slashes."),
		option.Enum("context", &c.what, byName, byLabel).Help("What is looked at: the full name (metric_name; the default), or a label, whose value is dropped (delete_label_value)."),
		option.Enum("action", &c.action, include, exclude).Help("Keep only the metrics of that name (include; the default), or drop them (exclude)."),
		option.String("label", &c.label).Help("NAME VALUE: with delete_label_value, points with this label are dropped."),
		option.Enum("operation_type", &c.way, prefix, substring).Help("Whether metric_name is the beginning of the full name (prefix; the default) or any part of it (substring)."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	if c.what == byLabel {
		name, value := words.Pair(c.label)
		if value == "" {
			v, _ := option.Lookup(env.Properties, "label")
			return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("label: '%s' is not NAME VALUE", c.label), Cure: "set label to the name and the value of what is to be dropped"}
		}
		return &filter{point: func(p *metric.Point, s *metric.Set) bool {
			return has(p.Labels, name, value) || has(s.Labels, name, value)
		}}, nil
	}
	if c.name == "" {
		return nil, errors.New("no metric is selected; set metric_name")
	}
	f := &filter{keep: c.action != exclude}
	switch {
	case len(c.name) > 1 && c.name[0] == '/' && c.name[len(c.name)-1] == '/':
		re, err := regex.Compile(c.name)
		if err != nil {
			v, _ := option.Lookup(env.Properties, "metric_name")
			return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("metric_name: %v", err)}
		}
		f.watch.Add(re)
		f.name = func(s string) bool { return re.Match([]byte(s)) }
	case c.way == substring:
		f.name = func(s string) bool { return strings.Contains(s, c.name) }
	default:
		f.name = func(s string) bool { return strings.HasPrefix(s, c.name) }
	}
	return f, nil
}

func has(list []metric.Label, name, value string) bool {
	return slices.Contains(list, metric.L(name, value))
}

// filter looks at names or at points.
type filter struct {
	name  func(string) bool
	keep  bool // what name names; all else otherwise
	point func(*metric.Point, *metric.Set) bool
	watch regex.Watch
}

// Filter drops what is not selected from all sets of the batch.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	err := payload.EditMetrics(b, func(s *metric.Set) {
		if f.point == nil {
			s.Families = slices.DeleteFunc(s.Families, func(x metric.Family) bool { return f.name(x.FullName()) != f.keep })
			return
		}
		for i := range s.Families {
			x := &s.Families[i]
			x.Points = slices.DeleteFunc(x.Points, func(p metric.Point) bool { return f.point(&p, s) })
		}
		s.Families = slices.DeleteFunc(s.Families, func(x metric.Family) bool { return len(x.Points) == 0 })
	})
	return errors.Join(err, f.watch.Check())
}
