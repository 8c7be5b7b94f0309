package plugintest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/plugin"
)

var update = flag.Bool("plugintest.update", false, "write what filters make of the golden cases into their files")

// Golden runs every file that pattern names through a filter. A file has the parts
//
//	A word on what is expected.
//	-- config --
//	KEY VALUE
//	-- in --
//	{"records": "one a line"}
//	-- out --
//	{"what": "is left"}
//
// `go test -plugintest.update` writes the last part; read it before you believe it.
func Golden(t *testing.T, spec plugin.Spec[plugin.Filter], pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts, err := split(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			got := strings.Join(New(t).Filter(spec, lines(parts["config"])...).Run(lines(parts["in"])...), "\n")
			want := strings.Join(lines(parts["out"]), "\n")
			switch {
			case got == want:
			case *update:
				head, _, _ := strings.Cut(string(text), "-- out --\n")
				if got != "" {
					got += "\n"
				}
				if err := os.WriteFile(file, []byte(head+"-- out --\n"+got), 0o666); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// split cuts a file at its lines "-- NAME --". A part that is missing, or spelt wrong, would compare nothing with
// nothing.
func split(text string) (map[string]string, error) {
	parts := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		mark := strings.TrimSpace(line)
		if strings.HasPrefix(mark, "-- ") && strings.HasSuffix(mark, " --") {
			name = strings.TrimSpace(mark[3 : len(mark)-3])
			if name != "config" && name != "in" && name != "out" {
				return nil, fmt.Errorf("there is no part '%s'; the parts are config, in and out", name)
			}
			parts[name] += ""
			continue
		}
		parts[name] += line
	}
	for _, name := range []string{"in", "out"} {
		if _, ok := parts[name]; !ok && !(name == "out" && *update) {
			return nil, fmt.Errorf("the part '-- %s --' is missing", name)
		}
	}
	return parts, nil
}

// lines returns the lines of a text that say something.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
