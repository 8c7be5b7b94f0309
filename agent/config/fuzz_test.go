package config

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fluent/fluent-bit-go/option"
)

// memory is a file system that holds a few texts.
type memory map[string]string

func (m memory) read(path string) ([]byte, os.FileInfo, error) {
	text, ok := m[path]
	if !ok {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	info, err := fs.Stat(fstest.MapFS{"x": &fstest.MapFile{Sys: path}}, "x")
	return []byte(text), info, err
}

func (m memory) same(a, b os.FileInfo) bool { return a.Sys() == b.Sys() }

func (m memory) stat(path string) error {
	_, _, err := m.read(path)
	return err
}

func (m memory) glob(pattern string) []string {
	var paths []string
	for path := range m {
		if strings.HasPrefix(path, strings.TrimRight(pattern, "*?[")) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// walk visits every property of a tree.
func walk(t *Tree, visit func(option.Property)) {
	each := func(props []option.Property) {
		for _, p := range props {
			visit(p)
		}
	}
	each(t.Service)
	for _, list := range t.shelves() {
		for _, s := range *list {
			each(s.Props)
			for _, g := range s.Groups {
				each(g.Props)
			}
		}
	}
}

// readAll reads main from files and checks what must hold of any tree and any error.
func readAll(t *testing.T, main string, files memory, kind FileKind) {
	tree := &Tree{}
	r := newReader(tree, Options{Getenv: env("HOME", "/home")}, files)
	r.add(main, kind)
	checkErrors := func(list []*option.Error) {
		for _, e := range list {
			if e.Msg == "" || (e.Pos.File == "" && !strings.HasPrefix(e.Msg, "and more")) {
				t.Errorf("an error without place or text: %+v", e)
			}
		}
	}
	checkErrors(tree.Warnings)
	if err := r.err(); err != nil {
		for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
			e := (*option.Error)(nil)
			if !errors.As(err, &e) {
				t.Fatalf("%T is no *option.Error", err)
			}
			checkErrors([]*option.Error{e})
		}
	}
	walk(tree, func(p option.Property) {
		lines := strings.Split(strings.TrimPrefix(files[p.Pos.File], "\xef\xbb\xbf"), "\n")
		if p.Pos.Line < 1 || p.Pos.Line > len(lines) {
			t.Fatalf("%s stands outside its file: %v", p.Key, p.Pos)
		}
		line := lines[p.Pos.Line-1]
		if !strings.HasSuffix(p.Pos.File, ".conf") {
			return
		}
		if at := line[p.Pos.Col-1:]; strings.ToLower(at[:min(len(at), len(p.Key))]) != p.Key && !strings.HasPrefix(at, p.Key) && strings.ToLower(at) == at {
			t.Errorf("%q is not at %v: %q", p.Key, p.Pos, at)
		}
		if at := line[p.Value.Pos.Col-1:]; !strings.Contains(line, "${") && !strings.HasPrefix(at, p.Value.Text) {
			t.Errorf("%q is not at %v: %q", p.Value.Text, p.Value.Pos, at)
		}
	})
	if _, err := ServiceOf(tree); err != nil && err.Error() == "" {
		t.Error("an empty error")
	}
}

func FuzzClassic(f *testing.F) {
	for _, seed := range []string{
		"[SERVICE]\n    Flush 1\n[INPUT]\n    Name ${x:-y}\n    [G]\n        a b\n",
		"@SET a=file://other.conf\n@INCLUDE main.conf\n@INCLUDE o*\n[ENV]\n A b\n",
		"\xef\xbb\xbf[INPUT]\r\n\tName\tx ${a}\r\n[OUTPUT",
		"[UPSTREAM]\n name x\n[NODE]\n name y\n host z\n[PLUGINS]\n path a\n",
		"[SERVICE]\n parsers_file other.conf\n[OUTPUT]\n name f\n upstream other.conf\n",
	} {
		for kind := range UpstreamFile + 1 {
			f.Add(seed, byte(kind))
		}
	}
	f.Fuzz(func(t *testing.T, text string, kind byte) {
		readAll(t, "main.conf", memory{"main.conf": text, "other.conf": "[UPSTREAM]\n  Name u\n[PARSER]\n  Name p\n"}, FileKind(kind)%(UpstreamFile+1))
	})
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"service: {flush: 1, parsers_file: [a, b]}\nenv: {a: b}\npipeline:\n  inputs:\n    - name: x\n      processors:\n        logs:\n          - name: y\n            k: [1, 1.5, null]\n",
		"a: &a [*a, *a]\npipeline: *a\n",
		"includes: [main.yaml, o*]\nmultiline_parsers:\n- name: x\n  rules: [{state: a}]\n",
		"x: &x {a: b}\npipeline:\n  filters:\n  - <<: [*x, *x]\n    name: ${a}\n---\nplugins: [{path: x}, y]\n",
		"upstream_servers: [{name: u, nodes: [{name: n}]}]\nstream_processor: [{name: s}]\n",
		"? [a]\n: b\n", "!!binary x: !t y\n", "%YAML 1.1\n--- |\n x\n", strings.Repeat("[", 300), "a: \"\\x00\"\n",
	} {
		for kind := range UpstreamFile + 1 {
			f.Add(seed, byte(kind))
		}
	}
	f.Fuzz(func(t *testing.T, text string, kind byte) {
		readAll(t, "main.yaml", memory{"main.yaml": text, "other.yaml": "env: [{name: a, value: b}]\n"}, FileKind(kind)%(UpstreamFile+1))
	})
}

func TestAliasesAndNestingWithoutEndAreRefused(t *testing.T) {
	refused := func(text, want string) {
		t.Helper()
		r := newReader(&Tree{}, Options{}, memory{"main.yaml": text})
		r.add("main.yaml", MainFile)
		if err := r.err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		n := string(rune('0' + i))
		next := string(rune('1' + i))
		bomb += "a" + next + ": &a" + next + " [" + strings.Repeat("*a"+n+", ", 10) + "]\n"
	}
	refused(bomb, "do not build values from aliases of aliases")
	refused("a: &a [*a]\n", "main.yaml:1:")
	refused(strings.Repeat("[", 5000), "nested deeper than 100 levels")
	refused(strings.Repeat("- ", 5000), "nested deeper than 100 levels")
	refused("a: "+strings.Repeat("{a: ", 200), "nested deeper than 100 levels")
}

func TestTooManyFilesAreRefused(t *testing.T) {
	files := memory{}
	for i := range maxFiles {
		files["p"+strings.Repeat("i", i)+".conf"] = "[INPUT]\n  name x\n"
	}
	files["main.conf"] = "@INCLUDE p*\n"
	r := newReader(&Tree{}, Options{}, files)
	r.add("main.conf", MainFile)
	if err := r.err(); err == nil || !strings.Contains(err.Error(), "at most 1000 files") || len(r.tree.Inputs) != maxFiles-1 {
		t.Errorf("%d inputs, %v", len(r.tree.Inputs), err)
	}
}
