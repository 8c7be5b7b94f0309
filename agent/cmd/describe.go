package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// described is a plugin as its help and its schema show it.
type described struct {
	kind, name, summary string
	own                 []option.Option
	shared              []option.Option // that every plugin of the kind has
}

// describe lists all plugins of a set in the order of the help: by kind, then as the set has them. shared
// returns the options that every plugin of a kind has.
func describe(set plugin.Set, shared func(kind string) []option.Option) []described {
	var all []described
	all = describeKind(all, "custom", set.Customs, shared)
	all = describeKind(all, "input", set.Inputs, shared)
	all = describeKind(all, "processor", set.Processors, shared)
	all = describeKind(all, "filter", set.Filters, shared)
	return describeKind(all, "output", set.Outputs, shared)
}

func describeKind[P any](all []described, kind string, specs []plugin.Spec[P], shared func(string) []option.Option) []described {
	for _, s := range specs {
		all = append(all, described{kind, s.Name, s.Summary, s.Config().Options(), shared(kind)})
	}
	return all
}

// find returns the plugin that is called so, in any case. The last of two counts, so that a loaded plugin
// that was added to a set hides a built-in one.
func find(all []described, of pluginName) (described, bool) {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].kind == of.Kind && strings.EqualFold(all[i].name, of.Name) {
			return all[i], true
		}
	}
	return described{}, false
}

// writePluginHelp prints one plugin's options, its own ones first.
func writePluginHelp(w io.Writer, d described) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "HELP\n%s %s plugin\n\nDESCRIPTION\n%s\n", d.name, d.kind, d.summary)
	for _, g := range d.groups() {
		if err := writeOptions(b, strings.ToUpper(g.name), g.options); err != nil {
			return err
		}
	}
	return b.Flush()
}

// optionGroup is a part of a plugin's options under Fluent Bit's name for it.
type optionGroup struct {
	name    string
	options []option.Option
}

// groups are the plugin's own options, what it has of net.* and tls.*, and those of every plugin of its kind.
func (d described) groups() []optionGroup {
	own, net, tls := optionGroup{name: "options"}, optionGroup{name: "networking"}, optionGroup{name: "network_tls"}
	for _, o := range d.own {
		g := &own
		switch network := d.kind == "input" || d.kind == "output"; {
		case network && strings.HasPrefix(o.Name, "net."):
			g = &net
		case network && (o.Name == "tls" || strings.HasPrefix(o.Name, "tls.")):
			g = &tls
		}
		g.options = append(g.options, o)
	}
	return []optionGroup{own, net, tls, {"global_options", d.shared}}
}

func writeOptions(b *bufio.Writer, title string, opts []option.Option) error {
	if len(opts) == 0 {
		return nil
	}
	fmt.Fprintf(b, "\n%s\n", title)
	return option.WriteHelp(b, opts)
}

// schema is a plugin in the JSON that Fluent Bit prints with -J.
type schema struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Properties  map[string]any `json:"properties"`
}

func (d described) schema() schema {
	groups := map[string]any{}
	for _, g := range d.groups() {
		if len(g.options) > 0 {
			groups[g.name] = option.Schema(g.options)
		}
	}
	return schema{d.kind, d.name, d.summary, groups}
}

// writePluginSchema prints one plugin's options as JSON, on one line as Fluent Bit does.
func writePluginSchema(w io.Writer, d described) error { return writeJSON(w, d.schema()) }

// writeSchema prints all plugins' options as JSON, on one line as Fluent Bit does.
func writeSchema(w io.Writer, all []described) error {
	whole := struct {
		FluentBit  map[string]string `json:"fluent-bit"`
		Customs    []schema          `json:"customs"`
		Inputs     []schema          `json:"inputs"`
		Processors []schema          `json:"processors"`
		Filters    []schema          `json:"filters"`
		Outputs    []schema          `json:"outputs"`
	}{
		map[string]string{"version": version, "schema_version": "1", "os": "linux"},
		[]schema{}, []schema{}, []schema{}, []schema{}, []schema{},
	}
	of := map[string]*[]schema{
		"custom": &whole.Customs, "input": &whole.Inputs, "processor": &whole.Processors,
		"filter": &whole.Filters, "output": &whole.Outputs,
	}
	for _, d := range all {
		*of[d.kind] = append(*of[d.kind], d.schema())
	}
	return writeJSON(w, whole)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
