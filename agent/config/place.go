package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// shelf is the list of the tree that sections of a kind belong to.
func (t *Tree) shelf(kind string) *[]Section {
	switch kind {
	case "input":
		return &t.Inputs
	case "filter":
		return &t.Filters
	case "output":
		return &t.Outputs
	case "custom":
		return &t.Customs
	case "parser":
		return &t.Parsers
	case "multiline_parser":
		return &t.MultilineParsers
	case "stream_task":
		return &t.StreamTasks
	case "upstream":
		return &t.Upstreams
	}
	return nil
}

func (t *Tree) shelves() []*[]Section {
	return []*[]Section{&t.Inputs, &t.Filters, &t.Outputs, &t.Customs, &t.Parsers, &t.MultilineParsers, &t.StreamTasks, &t.Upstreams}
}

// merge appends what part holds.
func (t *Tree) merge(part *Tree) {
	t.Service = append(t.Service, part.Service...)
	from := part.shelves()
	for i, list := range t.shelves() {
		*list = append(*list, *from[i]...)
	}
	t.Plugins = append(t.Plugins, part.Plugins...)
	t.Warnings = append(t.Warnings, part.Warnings...)
}

// home tells which file a classic section belongs to.
var home = map[string]FileKind{
	"service": MainFile, "input": MainFile, "filter": MainFile, "output": MainFile, "custom": MainFile, "env": MainFile,
	"parser": ParsersFile, "multiline_parser": ParsersFile,
	"plugins": PluginsFile, "stream_task": StreamsFile, "upstream": UpstreamFile, "node": UpstreamFile,
}

// cures tell where a section of each kind of file belongs when it stands in another.
var cures = map[FileKind]string{
	MainFile:     "move it to the main configuration file",
	ParsersFile:  "move it to a file of its own and name that as parsers_file in [SERVICE]",
	PluginsFile:  "move it to a file of its own and name that as plugins_file in [SERVICE]",
	StreamsFile:  "move it to a file of its own and name that as streams_file in [SERVICE]",
	UpstreamFile: "move it to a file of its own and name that as upstream in [OUTPUT]",
}

// belongs reports whether the section s has a place in a classic file of a kind, and says why when not.
func (r *reader) belongs(s Section, file FileKind) bool {
	title := "[" + strings.ToUpper(shorten(s.Kind)) + "]"
	place, known := home[s.Kind]
	switch {
	case !known:
		var names []string
		for n, f := range home {
			if f == file {
				names = append(names, n)
			}
		}
		r.warn(s.Pos, option.Suggest(s.Kind, names), "the section %s is unknown and has no effect", title)
	case file == MainFile && place == ParsersFile:
		r.fault(s.Pos, cures[place], "%s is not allowed in the main configuration file", title)
	case place != file:
		r.warn(s.Pos, cures[place], "the section %s has no effect in a %s", title, file)
	default:
		return true
	}
	return false
}

// place takes in a finished section of a classic file that has no list in the tree.
func (r *reader) place(s Section) {
	switch s.Kind {
	case "service":
		r.tree.Service = append(r.tree.Service, s.Props...)
	case "env":
		for _, p := range s.Props {
			r.define(p.Key, p.Value.Text, p.Value.Pos)
		}
	case "plugins":
		for _, p := range s.Props {
			if !p.Is("path") {
				r.warn(p.Pos, "write: Path file.so", "the key '%s' has no effect in [PLUGINS]", shorten(p.Key))
				continue
			}
			r.tree.Plugins = append(r.tree.Plugins, PluginFile{Path: p.Value.Text, Pos: p.Value.Pos})
		}
	case "node":
		if len(r.tree.Upstreams) == 0 {
			r.fault(s.Pos, "write [UPSTREAM] with its Name above it", "[NODE] stands before any [UPSTREAM]")
			return
		}
		up := &r.tree.Upstreams[len(r.tree.Upstreams)-1]
		up.Groups = append(up.Groups, s)
	default:
		panic("BUG: section " + s.Kind + " has a list of its own")
	}
}

// define sets a variable. Variables in its value are replaced at once; file://path stands for what the
// file holds, without a line end at its end.
func (r *reader) define(name, value string, at option.Pos) {
	value = r.expand(value, at)
	if path, ok := strings.CutPrefix(value, "file://"); ok {
		data, _, err := r.fs.read(path)
		if err != nil {
			r.fault(at, "check the path", "cannot read the file of the variable '%s': %s", shorten(name), reason(err))
			return
		}
		value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	}
	r.o.Vars[name] = value
}

// nestedVariable finds a variable within another's braces.
var nestedVariable = regexp.MustCompile(`\$\{[^}]*\$\{`)

func (r *reader) expand(text string, at option.Pos) string {
	if nestedVariable.MatchString(text) {
		r.warn(at, "write ${NAME} or ${NAME:-default} with a plain default", "a variable within the ${…} of another is not replaced")
	}
	text, unset := expand(text, r.o.lookup)
	for _, name := range unset {
		r.warn(at, "set it, or write ${"+shorten(name)+":-default}", "the variable ${%s} is not set", shorten(name))
	}
	return text
}

// resolve replaces the variables of a part, drops what is empty then, and names the sections.
func (r *reader) resolve(part *Tree) {
	part.Service = r.props(part.Service)
	for _, list := range part.shelves() {
		kept := (*list)[:0]
		for _, s := range *list {
			if r.section(&s) {
				kept = append(kept, s)
			}
		}
		*list = kept
	}
	for i := range part.Plugins {
		p := &part.Plugins[i]
		p.Path = r.expand(p.Path, p.Pos)
	}
}

// section resolves s and reports whether it can be used.
func (r *reader) section(s *Section) bool {
	var named bool
	props := r.props(s.Props)
	s.Props = props[:0:0]
	for _, p := range props {
		if !p.Is("name") {
			s.Props = append(s.Props, p)
			continue
		}
		if p.Value.Kind == option.KindList || p.Value.Kind == option.KindMap {
			r.fault(p.Value.Pos, "write one name", "the name of %s is not one text", article(s.Kind))
			return false
		}
		if named {
			r.warn(p.Pos, "remove one of them", "%s has several names; the first one counts", article(s.Kind))
			continue
		}
		s.Name, named = p.Value.Text, true
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		g.Props = r.props(g.Props)
		if v, ok := option.Lookup(g.Props, "name"); ok {
			g.Name = v.Text
			g.Props = without(g.Props, "name")
		}
	}
	if !named {
		r.fault(s.Pos, "begin with its name: "+example[s.Kind], "%s has no name", article(s.Kind))
	}
	return named
}

var example = map[string]string{
	"input": "name tail", "filter": "name grep", "output": "name stdout", "custom": "name calyptia",
	"parser": "name apache", "multiline_parser": "name multiline-java", "stream_task": "name errors", "upstream": "name forwarders",
}

func without(props []option.Property, key string) []option.Property {
	var kept []option.Property
	for _, p := range props {
		if !p.Is(key) {
			kept = append(kept, p)
		}
	}
	return kept
}

// props resolves the settings of one section. Fluent Bit takes an empty value as none.
func (r *reader) props(list []option.Property) []option.Property {
	var kept []option.Property
	for _, p := range list {
		before := p.Value.Text
		r.value(&p.Value, 0)
		if isScalar(p.Value) && p.Value.Text == "" {
			if before != "" {
				r.warn(p.Value.Pos, "", "'%s' is empty once its variables are replaced, so it is not set", shorten(p.Key))
			} else {
				r.warn(p.Value.Pos, "write a value or remove the key", "'%s' is empty, so it is not set", shorten(p.Key))
			}
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// value replaces the variables in v and all that is nested in it.
func (r *reader) value(v *option.Value, depth int) {
	switch v.Kind {
	case option.KindText:
		v.Text = r.expand(v.Text, v.Pos)
	case option.KindList:
		for i := range v.List {
			r.value(&v.List[i], depth+1)
		}
	case option.KindMap:
		for i := range v.Map {
			r.value(&v.Map[i].Value, depth+1)
		}
	}
}

func isScalar(v option.Value) bool { return v.Kind != option.KindList && v.Kind != option.KindMap }

func article(kind string) string {
	noun := strings.ReplaceAll(kind, "_", " ")
	if strings.ContainsRune("aeiou", rune(noun[0])) && noun != "upstream" || kind == "upstream" {
		return "an " + noun
	}
	return "a " + noun
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
