package option

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteHelp writes what the command line shows for a plugin's -h: each option with its meaning, default
// and type, in the order in which they are declared.
func WriteHelp(w io.Writer, opts []Option) error {
	column := 20
	for _, o := range opts {
		column = max(column, len(o.key())+2)
	}
	b := bufio.NewWriter(w)
	for _, o := range opts {
		about := o.describe()
		if about == "" {
			about = o.facts()
		} else {
			about += "\n" + strings.Repeat(" ", column) + o.facts()
		}
		fmt.Fprintf(b, "%-*s%s\n", column, o.key(), about)
	}
	return b.Flush()
}

// facts is the line of the help below the description.
func (o *Option) facts() string {
	var facts []string
	if o.Fallback != "" {
		facts = append(facts, "default: "+o.Fallback)
	}
	facts = append(facts, "type: "+o.typeWords())
	if o.Repeats && !o.Prefix {
		facts = append(facts, "may be repeated")
	}
	if o.Needed {
		facts = append(facts, "required")
	}
	return "> " + strings.Join(facts, ", ")
}

// key is the option's name as documents show it.
func (o *Option) key() string {
	if o.Prefix {
		return o.Name + "*"
	}
	return o.Name
}

// describe is the help with what follows from the declaration: the choices and the other names.
func (o *Option) describe() string {
	about := o.About
	if len(o.Choices) > 0 {
		about = join(about, "One of "+strings.Join(o.Choices, ", ")+".")
	}
	if len(o.keys) > 1 {
		about = join(about, "Also "+strings.Join(o.keys[1:], ", ")+".")
	}
	return about
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// typeWords is the type as Fluent Bit's help and JSON schema write it.
func (o *Option) typeWords() string {
	switch n, counted := strings.CutPrefix(o.Type, "SLIST_"); {
	case counted:
		return "space delimited strings (minimum " + n + ")"
	case o.Type == "SLIST":
		return "multiple space delimited strings"
	case o.Type == "CLIST":
		return "multiple comma delimited strings"
	case o.Type == "prefix":
		return "prefixed string"
	case strings.HasPrefix(o.Type, "nested"):
		return "variant"
	}
	return o.Type
}

// Description is one option as the JSON schema of -J shows it.
type Description struct {
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Default     *string `json:"default"` // null without one
	Type        string  `json:"type"`
}

// Schema describes opts for the JSON schema: a list with one [Description] each, never null.
func Schema(opts []Option) []Description {
	list := make([]Description, 0, len(opts))
	for i := range opts {
		o := &opts[i]
		d := Description{Name: o.Name, Description: o.describe(), Type: o.typeWords()}
		if o.Fallback != "" {
			d.Default = &o.Fallback
		}
		list = append(list, d)
	}
	return list
}

// Markdown renders opts as the table of a plugin's README.
func Markdown(opts []Option) string {
	var b strings.Builder
	b.WriteString("| Key | Description | Default | Type |\n| :-- | :-- | :-- | :-- |\n")
	for _, o := range opts {
		about := o.describe()
		if o.Needed {
			about = join(about, "Required.")
		}
		if o.Repeats && !o.Prefix {
			about = join(about, "May be repeated.")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(o.key()), cell(about), code(o.Fallback), o.typeWords())
	}
	return b.String()
}

// code is a cell in code style; a | inside must be written as \| even there.
func code(s string) string {
	if s == "" {
		return ""
	}
	if strings.Contains(s, "`") {
		return "`` " + cell(s) + " ``"
	}
	return "`" + cell(s) + "`"
}

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\r\n", " ", "\n", " ").Replace(s)
}

// Shown is the text of a property as logs and dumps may show it: secrets are masked.
func Shown(opts []Option, p Property) string {
	if o := find(opts, p.Key); o != nil && o.Masked {
		return mask
	}
	return p.Value.Text
}

// shortest is how long a secret is at least to be looked for in texts: less would tear words apart.
const shortest = 4

// Masker returns what hides the secrets among props in a text, or nil when there are none.
func Masker(opts []Option, props []Property) *strings.Replacer {
	var secrets []string
	for _, p := range props {
		if o := find(opts, p.Key); o == nil || !o.Masked {
			continue
		}
		for _, v := range append([]Value{p.Value}, p.Value.List...) {
			if len(v.Text) >= shortest {
				secrets = append(secrets, v.Text)
			}
		}
	}
	if secrets == nil {
		return nil
	}
	// The first that fits counts, and a short one may be the beginning of a longer.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, s := range secrets {
		pairs = append(pairs, s, mask)
	}
	return strings.NewReplacer(pairs...)
}

const mask = "…"
