package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
	"go.yaml.in/yaml/v4"
)

// topKeys are the sections of a YAML file, and the one kind of file besides the main one that uses each.
var topKeys = map[string]FileKind{
	"service": MainFile, "pipeline": MainFile, "customs": MainFile, "extensions": MainFile,
	"parsers": ParsersFile, "multiline_parsers": ParsersFile,
	"plugins": PluginsFile, "stream_processor": StreamsFile, "upstream_servers": UpstreamFile,
	"env": MainFile, "includes": MainFile,
}

// document reads one YAML document: a map of sections.
func (y *yamlFile) document(root *yaml.Node) {
	if root.Kind == 0 || root.Kind == yaml.ScalarNode && scalarKind(root.Value) == option.KindNull {
		return // an empty file
	}
	v := y.value(root, 0)
	if v.Kind != option.KindMap {
		y.r.fault(v.Pos, "begin with a section such as 'pipeline:'", "the file is not a map of sections")
		return
	}
	for _, p := range v.Map {
		if p.Key == "env" {
			y.env(p.Value)
		}
	}
	included := false
	for _, p := range v.Map {
		file, known := topKeys[p.Key]
		switch {
		case p.Key == "env" && included:
			told, warned := len(y.r.faults), len(y.r.tree.Warnings)
			y.env(p.Value) // again: it counts more than what was included above it
			y.r.faults, y.r.tree.Warnings = y.r.faults[:told], y.r.tree.Warnings[:warned]
		case !known:
			names := slices.Sorted(maps.Keys(topKeys))
			cure := option.Suggest(p.Key, names)
			if cure == "" {
				cure = "the sections are " + strings.Join(names, ", ")
			}
			y.r.fault(p.Pos, cure, "unknown section '%s'", shorten(p.Key))
		case y.kind != MainFile && file != y.kind && p.Key != "env" && p.Key != "includes":
			y.r.warn(p.Pos, "move it to the main configuration file", "the section '%s' has no effect in a %s", p.Key, y.kind)
		default:
			y.top(p)
			included = included || p.Key == "includes"
		}
	}
}

func (y *yamlFile) top(p option.Property) {
	v, t := p.Value, y.r.tree
	if v.Kind == option.KindNull {
		return // a section without content
	}
	switch p.Key {
	case "service":
		if y.isMap(v, "service") {
			t.Service = append(t.Service, trimmed(normal(v.Map))...)
		}
	case "includes":
		for _, item := range y.list(v, "includes") {
			if item.Text == "" || !isScalar(item) {
				y.r.fault(item.Pos, "write the path of a file", "an item of includes is no path")
				continue
			}
			y.r.include(item.Text, item.Pos, false, func(path string) { y.r.read(path, item.Pos, y.kind, true) })
		}
	case "pipeline":
		y.pipeline(v)
	case "customs":
		y.sections(v, p.Key, "custom")
	case "parsers":
		y.sections(v, p.Key, "parser")
	case "multiline_parsers":
		y.sections(v, p.Key, "multiline_parser")
	case "stream_processor":
		y.sections(v, p.Key, "stream_task")
	case "upstream_servers":
		y.sections(v, p.Key, "upstream")
	case "plugins":
		y.plugins(v)
	}
}

func (y *yamlFile) pipeline(v option.Value) {
	if !y.isMap(v, "pipeline") {
		return
	}
	kinds := map[string]string{"inputs": "input", "filters": "filter", "outputs": "output"}
	for _, p := range v.Map {
		kind, ok := kinds[p.Key]
		if !ok {
			cure := option.Suggest(p.Key, []string{"inputs", "filters", "outputs"})
			if cure == "" {
				cure = "a pipeline has inputs, filters and outputs"
			}
			y.r.fault(p.Pos, cure, "unknown key '%s' in pipeline", shorten(p.Key))
			continue
		}
		if p.Value.Kind != option.KindNull {
			y.sections(p.Value, p.Key, kind)
		}
	}
}

// nested names the lists that become groups of a section, and the groups' kind.
var nested = map[string][2]string{"multiline_parser": {"rules", "rule"}, "upstream": {"nodes", "node"}}

// sections reads a list of maps, each a plugin instance or a definition.
func (y *yamlFile) sections(v option.Value, list, kind string) {
	shelf := y.r.tree.shelf(kind)
	for _, item := range y.list(v, list) {
		if item.Kind != option.KindMap {
			y.r.fault(item.Pos, "write '- name: …' and its settings below", "an item of %s is not a map", list)
			continue
		}
		s := Section{Kind: kind, Pos: item.Pos}
		for _, p := range trimmed(normal(item.Map)) {
			if n := nested[kind]; p.Key == n[0] && n[0] != "" {
				s.Groups = append(s.Groups, y.groups(p.Value, n[0], n[1])...)
				continue
			}
			if p.Is("processors") {
				y.processors(&p.Value)
			}
			s.Props = append(s.Props, p)
		}
		*shelf = append(*shelf, s)
	}
}

func (y *yamlFile) groups(v option.Value, list, kind string) []Section {
	var groups []Section
	for _, item := range y.list(v, list) {
		if item.Kind != option.KindMap {
			y.r.fault(item.Pos, "write its keys as a map", "an item of %s is not a map", list)
			continue
		}
		groups = append(groups, Section{Kind: kind, Pos: item.Pos, Props: trimmed(normal(item.Map))})
	}
	return groups
}

// processors checks the frame of a plugin's processors and writes their keys as Fluent Bit spells them.
func (y *yamlFile) processors(v *option.Value) {
	if !y.isMap(*v, "processors") {
		return
	}
	events := []string{"logs", "metrics", "traces", "profiles"}
	for i := range v.Map {
		p := &v.Map[i]
		if !slices.Contains(events, p.Key) {
			cure := option.Suggest(p.Key, events)
			if cure == "" {
				cure = "processors work on logs, metrics, traces or profiles"
			}
			y.r.fault(p.Pos, cure, "unknown key '%s' in processors", shorten(p.Key))
			continue
		}
		for j, item := range y.list(p.Value, p.Key) {
			if item.Kind != option.KindMap {
				y.r.fault(item.Pos, "write '- name: …' and its settings below", "an item of %s is not a map", p.Key)
				continue
			}
			p.Value.List[j].Map = normal(item.Map)
		}
	}
}

// env reads variables: a map, or a list of {name, value} or {name, uri}.
func (y *yamlFile) env(v option.Value) {
	switch v.Kind {
	case option.KindNull:
	case option.KindMap:
		for _, p := range v.Map {
			y.variable(p.Key, p.Value)
		}
	case option.KindList:
		for _, item := range v.List {
			name, ok := option.Lookup(item.Map, "name")
			value, has := option.Lookup(item.Map, "value")
			if !has {
				value, has = option.Lookup(item.Map, "uri")
			}
			if !ok || !has {
				y.r.fault(item.Pos, "write '- name: …' with a value or a uri", "an item of env lacks its name or its value")
				continue
			}
			y.variable(name.Text, value)
		}
	default:
		y.isMap(v, "env")
	}
}

func (y *yamlFile) variable(name string, v option.Value) {
	if !isScalar(v) {
		y.r.fault(v.Pos, "write one value", "the variable '%s' is a list or a map", shorten(name))
		return
	}
	y.r.define(name, v.Text, v.Pos)
}

func (y *yamlFile) plugins(v option.Value) {
	for _, item := range y.list(v, "plugins") {
		if path, ok := option.Lookup(item.Map, "path"); ok {
			item = path
		}
		if !isScalar(item) || item.Text == "" {
			y.r.fault(item.Pos, "write '- path/to/plugin.so'", "an item of plugins is no path")
			continue
		}
		y.r.tree.Plugins = append(y.r.tree.Plugins, PluginFile{Path: item.Text, Pos: item.Pos})
	}
}

func (y *yamlFile) list(v option.Value, name string) []option.Value {
	if v.Kind != option.KindList && v.Kind != option.KindNull {
		y.r.fault(v.Pos, "begin each item with '- '", "%s is not a list", name)
	}
	return v.List
}

func (y *yamlFile) isMap(v option.Value, name string) bool {
	if v.Kind != option.KindMap {
		y.r.fault(v.Pos, "write 'key: value' lines below it", "%s is not a map", name)
	}
	return v.Kind == option.KindMap
}

// normal writes keys as Fluent Bit spells them.
func normal(props []option.Property) []option.Property {
	list := slices.Clone(props)
	for i := range list {
		list[i].Key = snake(list[i].Key)
	}
	return list
}

// trimmed takes blanks and line ends from around texts, as Fluent Bit does outside processors. What is nothing
// else, such as a separator, stays.
func trimmed(props []option.Property) []option.Property {
	for i := range props {
		v := &props[i].Value
		if s := strings.TrimSpace(v.Text); s != "" {
			v.Text = s
		}
	}
	return props
}

// snake turns camelCase into snake_case; a key that holds an underscore or begins with a capital is only
// lowered.
func snake(key string) string {
	if key == "" || key[0] < 'a' || key[0] > 'z' || strings.Contains(key, "_") {
		return strings.ToLower(key)
	}
	var b strings.Builder
	for _, c := range []byte(key) {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}
