package author

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/worker"
)

// form is what a plugin is built as.
type form string

const (
	shared     form = "so"
	executable form = "exe"
)

// String implements flag.Value.
func (f *form) String() string { return string(*f) }

// Set implements flag.Value.
func (f *form) Set(s string) error {
	if x := form(s); x == shared || x == executable {
		*f = x
		return nil
	}
	return errors.New("is neither so nor exe")
}

// build compiles a plugin's main package.
func (t *Tools) build(ctx context.Context, args []string) error {
	f := t.flags("plugin build", "[OPTIONS] [DIR]", "Build the plugin in DIR (default .) and look whether an agent can load it.")
	out := f.String("o", "", "file to write (default the plugin's name, with .so, in DIR)")
	as := shared
	f.Var(&as, "form", "`so`: a shared object; exe: an executable, which needs no C compiler and no libc")
	if err := parse(f, args, 0, 1); err != nil {
		return err
	}
	dir := "."
	if f.NArg() > 0 {
		dir = f.Arg(0)
	}
	file, err := compile(ctx, dir, *out, as)
	if err != nil {
		return err
	}
	info, err := worker.Probe(ctx, file)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "%s: the %s '%s', ready to be loaded: fluent-bit -e %s …\n", file, info.Type, info.Name, file)
	return nil
}

// compile builds the main package in dir, or below dir/cmd when dir holds none, and returns the file.
func compile(ctx context.Context, dir, out string, as form) (string, error) {
	pkg, err := mainPackage(ctx, dir)
	if err != nil {
		return "", err
	}
	if out == "" {
		out = filepath.Join(dir, filepath.Base(pkg))
		if as == shared {
			out += ".so"
		}
	}
	out, err = filepath.Abs(out)
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", out}
	env := os.Environ()
	if as == shared {
		args = append(args, "-buildmode=c-shared")
	} else {
		env = append(env, "CGO_ENABLED=0")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir, cmd.Env = pkg, env
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w%s", pkg, err, indent(b))
	}
	if as == shared {
		_ = os.Remove(strings.TrimSuffix(out, filepath.Ext(out)) + ".h") // nobody includes it
	}
	return out, nil
}

func indent(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return ""
	}
	return "\n" + string(b)
}

// mainPackage finds the one main package of a plugin's module.
func mainPackage(ctx context.Context, dir string) (string, error) {
	if !isDir(dir) {
		return "", fmt.Errorf("%s is no folder", dir)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("building a plugin needs the Go toolchain, and there is no `go` on the PATH; get it from https://go.dev/dl")
	}
	if b, err := exec.CommandContext(ctx, "go", "-C", dir, "env", "GOMOD").Output(); err == nil && strings.TrimSpace(string(b)) == os.DevNull {
		return "", fmt.Errorf("%s is in no Go module; `fluent-bit plugin new` lays one out", dir)
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-f", `{{if eq .Name "main"}}{{.Dir}}{{end}}`, "./...")
	cmd.Dir = dir
	var words bytes.Buffer
	cmd.Stderr = &words
	b, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("look for the plugin in %s: %w%s", dir, err, indent(words.Bytes()))
	}
	list := strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		return "", fmt.Errorf("%s holds no main package; `fluent-bit plugin new` lays one out", dir)
	}
	return "", fmt.Errorf("%s holds %d main packages, name one of them: %s", dir, len(list), strings.Join(list, ", "))
}

// fileOf returns the plugin file that arg names, built first when it is a folder.
func (t *Tools) fileOf(ctx context.Context, arg string) (file string, clean func(), err error) {
	if !isDir(arg) {
		return arg, func() {}, nil
	}
	tmp, err := os.MkdirTemp("", "fluent-bit-plugin")
	if err != nil {
		return "", nil, err
	}
	clean = func() { _ = os.RemoveAll(tmp) }
	file, err = compile(ctx, arg, filepath.Join(tmp, "plugin.so"), shared)
	if err != nil {
		clean()
		return "", nil, err
	}
	return file, clean, nil
}
