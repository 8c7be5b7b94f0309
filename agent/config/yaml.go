package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/option"
	"go.yaml.in/yaml/v4"
)

const (
	maxYAML  = 8 << 20 // bytes; their nodes take some hundred times as much memory
	maxDepth = 100     // levels of nesting
	maxNodes = 1 << 18 // values, counted again for each alias
)

// readYAML reads a file in Fluent Bit's YAML form.
func (r *reader) readYAML(path string, data []byte, kind FileKind) {
	if len(data) > maxYAML {
		r.fault(option.Pos{File: path}, "divide it with includes", "the YAML file is larger than %d MiB", maxYAML>>20)
		return
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	y := &yamlFile{r: r, path: path, data: data, kind: kind}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(depthLimit{}))
	if err != nil {
		panic("BUG: the YAML reader refuses its options: " + err.Error())
	}
	for {
		var doc yaml.Node
		err := loader.Load(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			y.syntaxError(err)
			return
		}
		root := &doc
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
			root = doc.Content[0]
		}
		y.document(root)
	}
}

// depthLimit refuses files that nest without end while they are read.
type depthLimit struct{}

func (depthLimit) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	return nil
}

// CheckAlias has nothing to say: aliases are expanded, and counted, by yamlFile.
func (depthLimit) CheckAlias(int, int) error { return nil }

func (y *yamlFile) syntaxError(err error) {
	at := option.Pos{File: y.path}
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if e := (*yaml.LoadError)(nil); errors.As(err, &e) {
		at = y.at(e.Mark.Line, e.Mark.Column)
		msg = e.Message
		if e.ContextMsg != "" {
			msg += " " + e.ContextMsg
		}
	}
	cure := "check the indentation and the quotes here"
	switch {
	case strings.Contains(msg, "flow") && strings.Contains(y.line(at.Line), "${"):
		cure = "put ${…} into quotes within [] and {}"
	case strings.Contains(msg, "tab character"), strings.HasPrefix(strings.TrimLeft(y.line(at.Line), " "), "\t"):
		cure = "indent with spaces; YAML forbids tabs"
	case strings.Contains(msg, "scanning an alias"), strings.Contains(msg, "scanning an anchor"):
		cure = "put the value into quotes, since it begins with * or &"
	case strings.Contains(msg, "mapping values are not allowed"):
		cure = "put the value into quotes, since it holds ': '"
	case strings.Contains(msg, "cannot start any token"):
		cure = "put the value into quotes"
	case strings.Contains(msg, "UTF-8"), strings.Contains(msg, "control characters"):
		cure = "save the file as UTF-8 text"
	case strings.Contains(msg, "nested deeper"):
		cure = "no configuration needs that"
	}
	y.r.fault(at, cure, "broken YAML: %s", msg)
}

// yamlFile turns the nodes of one file into sections.
type yamlFile struct {
	r     *reader
	path  string
	data  []byte
	lines []string // of data, once a position needed them
	ascii bool     // all of them are
	last  cursor   // of the position before
	kind  FileKind
	nodes int
	full  bool // maxNodes was reported
}

// at turns a line and a column in characters into a position in bytes.
func (y *yamlFile) at(line, col int) option.Pos {
	pos := option.Pos{File: y.path, Line: line, Col: col}
	text := y.line(line)
	if y.ascii || text == "" {
		return pos
	}
	// Nodes come mostly in the order of the text, so the way begins at the one before.
	if y.last.line != line || y.last.col > col {
		y.last = cursor{line: line, col: 1}
	}
	for ; y.last.col < col && y.last.bytes < len(text); y.last.col++ {
		_, n := utf8.DecodeRuneInString(text[y.last.bytes:])
		y.last.bytes += n
	}
	pos.Col = y.last.bytes + 1
	return pos
}

// cursor is a place in a line: a column in characters, and the bytes before it.
type cursor struct{ line, col, bytes int }

func (y *yamlFile) line(n int) string {
	if y.lines == nil {
		y.lines = strings.Split(string(y.data), "\n")
		y.ascii = strings.IndexFunc(string(y.data), func(c rune) bool { return c >= utf8.RuneSelf }) < 0
	}
	if n < 1 || n > len(y.lines) {
		return ""
	}
	return y.lines[n-1]
}

func (y *yamlFile) pos(n *yaml.Node) option.Pos { return y.at(n.Line, n.Column) }

// value converts a node and all below it, following aliases within limits.
func (y *yamlFile) value(n *yaml.Node, depth int) option.Value {
	v := option.Value{Pos: y.pos(n)}
	y.nodes++
	if depth > maxDepth || y.nodes > maxNodes {
		if !y.full {
			y.r.fault(v.Pos, "do not build values from aliases of aliases", "more than %d values, or %d levels of nesting", maxNodes, maxDepth)
		}
		y.full = true
		return v
	}
	switch n.Kind {
	case yaml.AliasNode:
		v = y.value(n.Alias, depth+1)
		v.Pos = y.pos(n)
	case yaml.SequenceNode:
		v.Kind = option.KindList
		for _, item := range n.Content {
			if y.full {
				break
			}
			v.List = append(v.List, y.value(item, depth+1))
		}
		v.Text = "[" + plural(len(v.List), "item") + "]"
	case yaml.MappingNode:
		v.Kind = option.KindMap
		v.Map = y.pairs(n, depth)
		v.Text = "{" + plural(len(v.Map), "key") + "}"
	case yaml.ScalarNode:
		v.Text = n.Value
		if n.Style&^yaml.TaggedStyle == 0 { // plain
			v.Kind = scalarKind(n.Value)
		}
	}
	return v
}

// pairs converts a mapping; what a merge key brings yields to the mapping's own keys.
func (y *yamlFile) pairs(n *yaml.Node, depth int) []option.Property {
	var own, merged []option.Property
	for i := 0; i+1 < len(n.Content) && !y.full; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			merged = append(merged, y.merged(v, depth+1)...)
			continue
		}
		key := y.value(k, depth+1)
		if !isScalar(key) || key.Text == "" {
			y.r.fault(key.Pos, "a key is a word", "a key is missing here or is no text")
			continue
		}
		own = append(own, option.Property{Key: key.Text, Pos: key.Pos, Value: y.value(v, depth+1)})
	}
	if len(merged) == 0 {
		return own
	}
	set := map[string]bool{}
	for _, p := range own {
		set[p.Key] = true
	}
	merged = slices.DeleteFunc(merged, func(p option.Property) bool { return set[p.Key] })
	return append(merged, own...)
}

func (y *yamlFile) merged(n *yaml.Node, depth int) []option.Property {
	v := y.value(n, depth)
	switch v.Kind {
	case option.KindMap:
		return v.Map
	case option.KindList:
		var all []option.Property
		for i := len(v.List) - 1; i >= 0; i-- { // an earlier one counts more
			all = append(all, v.List[i].Map...)
		}
		return all
	}
	y.r.fault(v.Pos, "write <<: *anchor", "<< takes a map")
	return nil
}

// scalarKind gives the type that a plain scalar has for a processor. Text with a variable stays text.
func scalarKind(s string) option.Kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return option.KindNull
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return option.KindBool
	}
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789.eE+-") != "" {
		return option.KindText
	}
	return numberKind(s)
}

func numberKind(s string) option.Kind {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return option.KindInt
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return option.KindInt
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return option.KindFloat
	}
	return option.KindText
}
