package builtin

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/option"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the documents")

const generated = "made by `go test ./builtin -update`"

// Each plugin's README has a table of its options between two comments; what stands around them is written
// by hand.
func TestEachReadmeShowsThePluginsOptions(t *testing.T) {
	for _, p := range plugins() {
		path := filepath.Join("..", p.kind+"s", p.name, "README.md")
		keep(t, path, "options", options(p), fmt.Sprintf("# %s %s\n\n%s.\n\n## Options\n\n%s",
			p.name, p.kind, strings.TrimSuffix(p.summary, "."), empty("options")))
	}
}

func options(p built) string {
	if len(p.options) == 0 {
		return "It has none of its own.\n"
	}
	return option.Markdown(p.options)
}

// The page on compatibility names the plugins that are here and those that are not yet.
func TestTheCompatibilityPageNamesAllPlugins(t *testing.T) {
	var b strings.Builder
	b.WriteString("| kind | here | not yet |\n| :-- | :-- | :-- |\n")
	for _, kind := range []string{"input", "processor", "filter", "output", "custom"} {
		var here, missing []string
		for _, p := range plugins() {
			if p.kind == kind {
				here = append(here, p.name)
			}
		}
		for name := range strings.FieldsSeq(known[kind]) {
			if !slices.Contains(here, name) {
				missing = append(missing, name)
			}
		}
		slices.Sort(here)
		fmt.Fprintf(&b, "| %ss | %s | %s |\n", kind, strings.Join(here, ", "), strings.Join(missing, ", "))
	}
	keep(t, "../../docs/compatibility.md", "plugins", b.String(), "")
}

// keep compares the part of a document that is called so with what it should be, or rewrites it. A document
// that is not there begins as fresh.
func keep(t *testing.T, path, part, want, fresh string) {
	t.Helper()
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && fresh != "" && *update:
		text = []byte(fresh)
	case err != nil:
		t.Errorf("%v; go test ./builtin -update writes it", err)
		return
	}
	before, rest, found := strings.Cut(string(text), begin(part))
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Errorf("%s has no place for its %s: %s and %s", path, part, begin(part), end)
		return
	}
	if old == want && err == nil {
		return
	}
	if !*update {
		t.Errorf("%s: the %s are not those of the code; go test ./builtin -update", path, part)
		return
	}
	if err := os.WriteFile(path, []byte(before+begin(part)+want+end+after), 0o644); err != nil {
		t.Error(err)
	}
}

func begin(part string) string { return "<!-- " + part + ": " + generated + " -->\n" }

const end = "<!-- end -->"

func empty(part string) string { return begin(part) + end + "\n" }

// foreign begins the help of a key that a format takes only because others have it.
const foreign = "Taken for the sake of other formats"

// The page on parsers has one table of the keys of all formats.
func TestTheParserPageShowsTheKeysOfAllFormats(t *testing.T) {
	var keys []option.Option
	formats := map[string][]string{}
	specs := Plugins().Parsers
	for _, s := range specs {
		for _, o := range s.Config().Options() {
			if strings.HasPrefix(o.About, foreign) {
				continue
			}
			if formats[o.Name] == nil {
				keys = append(keys, o)
			}
			formats[o.Name] = append(formats[o.Name], s.Name)
		}
	}
	for i := range keys {
		if of := formats[keys[i].Name]; len(of) < len(specs) {
			keys[i].About += " Formats: " + strings.Join(of, ", ") + "."
		}
	}
	keep(t, "../../docs/parsers.md", "options", option.Markdown(keys), "")
}
