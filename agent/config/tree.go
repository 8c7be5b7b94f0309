// Package config reads Fluent Bit's classic and YAML configuration files into one tree that knows where
// every value stood.
package config

import "github.com/fluent/fluent-bit-go/option"

// Tree is a whole configuration: what files, environment and command line say, with variables replaced
// and included files merged. Sections stand in the order in which they were read.
type Tree struct {
	Service          []option.Property
	Inputs           []Section
	Filters          []Section
	Outputs          []Section
	Customs          []Section
	Parsers          []Section
	MultilineParsers []Section
	StreamTasks      []Section
	Upstreams        []Section // nodes are its Groups
	Plugins          []PluginFile

	Vars map[string]string // what @SET and env sections define

	// Warnings are what the C Fluent Bit ignores without a word: unknown service keys and sections, unset
	// variables. A dry run treats them as errors.
	Warnings []*option.Error

	upstreamFiles map[string]int // from an output's upstream property to the index in Upstreams
}

// Upstream finds what an output's upstream property means: the name of an upstream, or the file of one.
func (t *Tree) Upstream(ref string) (Section, bool) {
	for _, u := range t.Upstreams {
		if u.Name == ref {
			return u, true
		}
	}
	if i, ok := t.upstreamFiles[ref]; ok {
		return t.Upstreams[i], true
	}
	return Section{}, false
}

// nameUpstream lets [Tree.Upstream] find the upstream at index i, if there is one, by its file.
func (t *Tree) nameUpstream(file string, i int) {
	if i >= len(t.Upstreams) {
		return
	}
	if t.upstreamFiles == nil {
		t.upstreamFiles = map[string]int{}
	}
	t.upstreamFiles[file] = i
}

// Section is one plugin instance or definition.
type Section struct {
	Kind  string // as written in classic files, lower case: "input", "parser", …
	Name  string // the property `name`, as written; "" when missing
	Pos   option.Pos
	Props []option.Property // all but name, in file order; `processors` and `routes` nested
	// Groups are the sections nested in this one: classic [GROUP] blocks, the rules of a YAML
	// multiline parser, the nodes of an upstream.
	Groups []Section
}

// PluginFile is a shared object that the configuration asks for.
type PluginFile struct {
	Path string
	Pos  option.Pos
}
