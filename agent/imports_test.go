package agent

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fluent/fluent-bit-go/"

// rooms says who may import whom, both modules over: a folder of the repository may import what its line
// lists, itself and what lies below it. The longest folder that fits speaks for a file. Folders without a
// line may import nothing of ours.
var rooms = map[string]string{
	"internal/msgp":  "",
	"internal/abi":   "",
	"internal/wire":  "option internal/abi",
	"internal/serve": "plugin event option metric internal/abi internal/wire",
	"event":          "internal/msgp",
	"option":         "",
	"metric":         "internal/msgp",
	"plugin":         "event option metric",
	"plugintest":     "plugin event option metric",
	"cshared":        "plugin event option metric internal/abi internal/serve internal/wire",
	"output":         "internal/abi internal/msgp",
	"input":          "internal/abi internal/msgp",
	"examples":       "plugin event option metric cshared output input",

	"agent":                     "",
	"agent/author":              sdk + "agent/worker agent/internal source",
	"agent/internal":            "plugin event option metric agent/internal",
	"agent/internal/filtertest": "plugin event option metric plugintest agent/internal",

	// A kind of plugin never lists its kind, so that no plugin can lean on its neighbour.
	"agent/inputs":     sdk + "agent/internal",
	"agent/filters":    sdk + "agent/internal",
	"agent/outputs":    sdk + "agent/internal",
	"agent/processors": sdk + "agent/internal",
	"agent/parsers":    sdk + "agent/internal",

	"agent/builtin":  sdk + "agent/inputs agent/filters agent/outputs agent/processors agent/parsers",
	"agent/config":   "option agent/internal",
	"agent/storage":  "event agent/internal",
	"agent/pipeline": "plugin event option metric agent/config agent/storage agent/internal",
	"agent/worker":   "plugin event option metric internal/abi internal/wire agent/internal",
	"agent/admin":    "metric agent/internal",
	"agent/e2e":      "plugin event option metric agent/internal",
	"agent/cmd":      "plugin event option metric agent internal/abi internal/wire source",
}

const sdk = "plugin event option metric "

// The imports are read from the files themselves and not from `go list`: the test cache follows the files
// that a test opens, but not what a child process reads.
func TestPackagesImportOnlyWhatTheirRoomAllows(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || d.Name() == ".git") {
			return fs.SkipDir
		}
		// Tests may look over the fence: they hold pieces against one another.
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel("..", path)
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			to, ours := strings.CutPrefix(imported, module)
			if ours && !allowed(dir, to) {
				t.Errorf("%s must not import %s", path, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("found no Go files")
	}
}

func TestTheSDKImportsTheStandardLibraryOnly(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "agent" || d.Name() == "tools" || d.Name() == "testdata" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(imported, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(imported, module) {
				t.Errorf("%s must not import %s", path, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARoomKeepsItsNeighboursOut(t *testing.T) {
	f := func(from, to string, want bool) {
		t.Helper()
		if got := allowed(from, to); got != want {
			t.Errorf("%s may import %s: %v", from, to, got)
		}
	}
	f("agent/filters/grep", "agent/filters/modify", false)
	f("agent/filters/grep", "agent/internal/regex", true)
	f("agent/filters/grep", "event", true)
	f("agent/filters/grep", "eventually", false)
	f("agent/inputs/kubernetes", "agent/inputs/kubernetes/api", true)
	f("agent/pipeline", "agent/builtin", false)
	f("agent/cmd/fluent-bit", "agent/builtin", true)
	f("event", "plugin", false)
	f("nowhere", "event", false)
}

// allowed reports whether a file in folder from may import folder to.
func allowed(from, to string) bool {
	if below(to, from) {
		return true
	}
	room := from
	for {
		if list, ok := rooms[room]; ok {
			for folder := range strings.FieldsSeq(list) {
				if below(to, folder) {
					return true
				}
			}
			return false
		}
		i := strings.LastIndexByte(room, '/')
		if i < 0 {
			return false
		}
		room = room[:i]
	}
}

func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
