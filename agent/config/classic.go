package config

import (
	"bytes"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// maxLine is the longest line of a classic file, as in the C Fluent Bit.
const maxLine = 32 << 20

// readClassic reads a file in Fluent Bit's own format: [SECTION] and @COMMAND at the beginning of a line,
// indented "key value" lines below. It reads on after a fault, as if the line had been right.
func (r *reader) readClassic(path string, data []byte, kind FileKind) {
	c := classic{r: r, pos: option.Pos{File: path}, kind: kind}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		c.pos.Line++
		c.pos.Col = 1
		if len(line) > maxLine {
			r.fault(c.pos, "", "the line is longer than %d MiB", maxLine>>20)
			continue
		}
		c.line(strings.TrimRight(string(line), " \t\r"))
	}
	c.finish()
}

// classic is the state of reading one classic file.
type classic struct {
	r       *reader
	kind    FileKind
	pos     option.Pos // of the line at hand
	indent  string     // that of the first indented line, which the others must repeat
	open    bool       // section is being filled
	placed  bool       // and has a place in this kind of file
	group   bool       // and so is its last group
	lost    bool       // the lines belong to no section, which was reported
	section Section
	list    *[]Section // of the tree, where the section stands at index; nil for sections without a list
	index   int
}

func (c *classic) line(s string) {
	body := strings.TrimLeft(s, " \t")
	switch {
	case body == "" || body[0] == '#':
	case strings.IndexByte(s, 0) >= 0:
		c.r.fault(c.pos, "save the file as plain text", "the line holds a NUL character")
	case s[0] == '@':
		c.command(s[1:])
	case s[0] == '[':
		c.header(s)
	default:
		c.body(s, body)
	}
}

// at is the position of col bytes into the line at hand.
func (c *classic) at(col int) option.Pos {
	p := c.pos
	p.Col = col + 1
	return p
}

func (c *classic) header(s string) {
	c.finish()
	name, after, closed := strings.Cut(s[1:], "]")
	if !closed {
		c.r.fault(c.pos, "close it: "+s+"]", "bad section header '%s': the ']' is missing", shorten(s))
		name, _, _ = strings.Cut(name, " ")
	}
	if after = strings.TrimSpace(after); after != "" {
		c.r.warn(c.at(len(s)-len(after)), "put it into a line of its own", "the text '%s' after the section header has no effect", shorten(after))
	}
	c.section = Section{Kind: strings.ToLower(strings.TrimSpace(name)), Pos: c.pos}
	c.open, c.lost = true, false
	c.placed = c.r.belongs(c.section, c.kind)
	if c.list = c.r.tree.shelf(c.section.Kind); c.list != nil && c.placed {
		*c.list = append(*c.list, c.section) // before what it includes
		c.index = len(*c.list) - 1
	}
}

// current is the section that is being filled.
func (c *classic) current() *Section {
	if c.placed && c.list != nil {
		return &(*c.list)[c.index]
	}
	return &c.section
}

// finish hands over the section that was being filled, unless it stands in its list already.
func (c *classic) finish() {
	if c.open && c.placed && c.list == nil {
		c.r.place(c.section)
	}
	c.open, c.group = false, false
}

func (c *classic) body(s, body string) {
	col := len(s) - len(body)
	if !c.open {
		c.stray(col, body)
		return
	}
	deep := c.depth(s, body)
	if body[0] == '[' {
		c.groupHeader(col, body)
		return
	}
	key, value := body, ""
	if i := strings.IndexAny(body, " \t"); i >= 0 {
		key, value = body[:i], strings.TrimLeft(body[i:], " \t")
	}
	if value == "" {
		c.r.fault(c.at(col), "write a value after it, or remove the line", "the key '%s' has no value", shorten(key))
		return
	}
	if key[0] == '@' {
		c.r.warn(c.at(col), "move it to the beginning of the line", "'%s' is a command only at the beginning of a line", shorten(key))
	}
	p := option.Property{Key: strings.ToLower(key), Pos: c.at(col), Value: option.Value{Text: value, Pos: c.at(len(s) - len(value))}}
	if c.section.Kind == "env" {
		p.Key = key // the names of variables keep their case
	}
	section := c.current()
	if c.group && deep {
		section = &section.Groups[len(section.Groups)-1]
	} else {
		c.group = false
	}
	section.Props = append(section.Props, p)
}

// stray reports the first of the lines that stand in no section.
func (c *classic) stray(col int, body string) {
	switch {
	case c.lost:
	case body[0] == '[':
		c.r.fault(c.at(col), "move it to the left margin", "the section header '%s' is indented", shorten(body))
	default:
		c.r.fault(c.at(col), "begin a section first, such as [SERVICE], [INPUT], [FILTER] or [OUTPUT]; a YAML file must be named .yaml or .yml", "'%s' stands in no section", shorten(body))
	}
	c.lost = true
}

// depth checks the indentation of a line and reports whether it is twice that of a section's keys.
func (c *classic) depth(s, body string) bool {
	blank := s[:len(s)-len(body)]
	if blank == "" {
		c.r.fault(c.pos, "indent the lines of a section", "invalid indentation: '%s' begins at the left margin", shorten(body))
		return false
	}
	if c.indent == "" {
		c.indent = blank
	}
	switch {
	case blank == c.indent:
		return false
	case blank == c.indent+c.indent && c.group:
		return true
	case strings.HasPrefix(blank, c.indent):
		c.r.fault(c.at(len(blank)), "indent all keys of a section alike", "invalid indentation: extra indentation, %s where the file began with %s", width(blank), width(c.indent))
		return c.group
	}
	c.r.fault(c.at(len(blank)), "indent all lines of a file alike", "invalid indentation: %s where the file began with %s", width(blank), width(c.indent))
	return false
}

func (c *classic) groupHeader(col int, body string) {
	name, _, closed := strings.Cut(body[1:], "]")
	if !closed {
		c.r.fault(c.at(col), "close it: "+body+"]", "bad group header '%s': the ']' is missing", shorten(body))
	}
	kind := strings.ToLower(strings.TrimSpace(name))
	if _, known := home[kind]; known {
		c.r.warn(c.at(col), "move it to the left margin", "'%s' is indented, so it is a part of the section above", shorten(body))
	}
	section := c.current()
	section.Groups = append(section.Groups, Section{Kind: kind, Pos: c.at(col)})
	c.group = true
}

// command carries out @SET and @INCLUDE.
func (c *classic) command(s string) {
	word, arg := s, ""
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		word, arg = s[:i], strings.TrimLeft(s[i:], " \t")
	}
	at := c.at(1 + len(s) - len(arg))
	switch strings.ToLower(word) {
	case "set":
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			c.r.fault(at, "write @SET name=value", "@SET defines no variable")
			return
		}
		if strings.TrimSpace(name) != name {
			c.r.warn(at, "write @SET name=value without blanks", "the variable's name ends in a blank")
		}
		c.r.define(name, value, at)
	case "include":
		if arg == "" {
			c.r.fault(c.pos, "write @INCLUDE path", "@INCLUDE names no file")
			return
		}
		if c.open && c.section.Kind == "service" {
			c.r.place(c.section) // what stands above counts less than what is included
			c.section.Props = nil
		}
		c.r.include(arg, at, true, func(path string) { c.r.read(path, at, c.kind, isYAML(path)) })
	default:
		c.r.warn(c.pos, option.Suggest(word, []string{"SET", "INCLUDE"}), "the command '@%s' is unknown and has no effect", shorten(word))
	}
}

// shorten keeps messages readable when a line is not.
func shorten(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "…"
}

func width(blank string) string {
	tabs := strings.Count(blank, "\t")
	switch {
	case tabs == 0:
		return plural(len(blank), "space")
	case tabs == len(blank):
		return plural(tabs, "tab")
	}
	return plural(len(blank)-tabs, "space") + " and " + plural(tabs, "tab")
}
