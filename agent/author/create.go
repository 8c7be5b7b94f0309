package author

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/template"

	fluentbit "github.com/fluent/fluent-bit-go"
)

//go:embed template
var templates embed.FS

// sdkFolder is where a new plugin has the SDK's source.
const sdkFolder = "sdk"

// create lays out a new plugin.
func (t *Tools) create(_ context.Context, args []string) error {
	f := t.flags("plugin new", "[OPTIONS] in_NAME|filter_NAME|out_NAME", "Lay out a new plugin: a small module with everything that it needs.")
	module := f.String("module", "", "path of the plugin's module (default example.com/NAME)")
	dir := f.String("dir", "", "folder to write to (default the plugin's name)")
	if err := parse(f, args, 1, 1); err != nil {
		return err
	}
	p, err := newProject(f.Arg(0), *module)
	if err != nil {
		return err
	}
	if *dir == "" {
		*dir = p.Full
	}
	if list, err := os.ReadDir(*dir); err == nil && len(list) > 0 {
		return fmt.Errorf("the folder %s is not empty; name another with -dir", *dir)
	}
	if err := p.write(*dir); err != nil {
		return err
	}
	if err := fluentbit.WriteSource(filepath.Join(*dir, sdkFolder)); err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "%s is ready. Next:\n\n  cd %s\n  go test ./...\n  fluent-bit plugin build\n  fluent-bit -c fluent-bit.yaml\n\n", p.Full, *dir)
	return nil
}

// project is what the templates know.
type project struct {
	Full    string // out_mine
	Name    string // mine
	Kind    string // output
	Package string
	Module  string
	Go      string // language version
	SDK     string
}

var (
	validName   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	validModule = regexp.MustCompile(`^[A-Za-z0-9~][\w.~-]*(/[\w.~-]+)*$`)
)

func newProject(full, module string) (p project, err error) {
	prefix, name, ok := strings.Cut(full, "_")
	kinds := map[string]string{"in": "input", "filter": "filter", "out": "output"}
	kind, known := kinds[prefix]
	if !ok || !known {
		return p, fmt.Errorf("'%s' says not what kind of plugin it is: begin its name with in_, filter_ or out_", full)
	}
	if !validName.MatchString(name) {
		return p, fmt.Errorf("'%s' is no name for a plugin: write lower case letters, digits and underscores behind %s_", full, prefix)
	}
	if module == "" {
		module = "example.com/" + full
	}
	if !validModule.MatchString(module) {
		return p, fmt.Errorf("'%s' is no path for a module: write one such as example.com/you/%s", module, full)
	}
	pkg := strings.ReplaceAll(name, "_", "")
	if token.IsKeyword(pkg) || pkg == "main" || pkg == "init" || pkg == "cshared" {
		pkg += kind // no package may be called so, or main imports another of that name
	}
	return project{Full: full, Name: name, Kind: kind, Package: pkg, Module: module, Go: goVersion(), SDK: fluentbit.Module}, nil
}

// goVersion is the language version that this program was built with.
func goVersion() string {
	version, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	return version
}

// write fills the templates: what is common, and what is the kind's own.
func (p project) write(dir string) error {
	for _, from := range []string{"template/common", "template/" + p.Kind} {
		err := fs.WalkDir(templates, from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := templates.ReadFile(path)
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(from, path)
			return p.fill(filepath.Join(dir, filepath.FromSlash(p.target(rel))), string(text))
		})
		if err != nil {
			return fmt.Errorf("lay out %s: %w", p.Full, err)
		}
	}
	return nil
}

// target is where a template goes: NAME and PACKAGE in its path are the plugin's.
func (p project) target(path string) string {
	path = strings.TrimSuffix(path, ".tmpl")
	return strings.NewReplacer("FULL", p.Full, "PACKAGE", p.Package, "gitignore", ".gitignore").Replace(path)
}

func (p project) fill(to, text string) error {
	tmpl, err := template.New(filepath.Base(to)).Delims("<<", ">>").Parse(text)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(tmpl.Execute(f, p), f.Close())
}
