package author

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	fluentbit "github.com/fluent/fluent-bit-go"
)

// agentModule is the agent's module.
const agentModule = fluentbit.Module + "/agent"

// modules collects the values of --with.
type modules []module

// module is a plugin's package, and where its module comes from.
type module struct {
	Path, Version, Dir string
	Own                bool   // of the checkout that the agent is built from
	Alias              string // the package's name in the program that is written
}

// majorVersion is how a module's path ends from version 2 on. Versions must agree with it.
var majorVersion = regexp.MustCompile(`[/.]v[2-9][0-9]*$|[/.]v1[0-9]+$`)

// Placeholder is the version of a module that is taken from a folder.
func (m module) Placeholder() string {
	if major := majorVersion.FindString(m.Path); major != "" {
		return major[1:] + ".0.0"
	}
	return "v0.0.0"
}

// String implements flag.Value.
func (m *modules) String() string { return "" }

// Set implements flag.Value.
func (m *modules) Set(s string) error {
	path, dir, _ := strings.Cut(s, "=")
	path, version, _ := strings.Cut(path, "@")
	if path == "" || strings.ContainsAny(path, " \t\"") {
		return errors.New("is not MODULE[@VERSION][=DIR]")
	}
	if dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(abs, "go.mod")); err != nil {
			return fmt.Errorf("names the folder %s, which holds no go.mod", dir)
		}
		dir = abs
	}
	own := path == fluentbit.Module || strings.HasPrefix(path, fluentbit.Module+"/")
	if own && (dir != "" || version != "") {
		return errors.New("is part of fluent-bit-go itself; name it without a version and a folder, and another checkout with -source")
	}
	*m = append(*m, module{Path: path, Version: version, Dir: dir, Own: own, Alias: fmt.Sprintf("p%d", len(*m))})
	return nil
}

// Build runs `fluent-bit build ARGS` and returns the exit code.
func (t *Tools) Build(ctx context.Context, args []string) int { return t.end(t.buildAgent(ctx, args)) }

// buildAgent compiles an agent with more plugins in it.
func (t *Tools) buildAgent(ctx context.Context, args []string) error {
	f := t.flags("build", "--with MODULE[@VERSION][=DIR] [OPTIONS]", "Compile plugins into an agent of your own. The package MODULE has to have a variable Plugin, as those of `fluent-bit plugin new` do.")
	var with modules
	f.Var(&with, "with", "a plugin's package, as `MODULE[@VERSION][=DIR]`: DIR is the folder of its module on this machine; may be repeated")
	out := f.String("o", "fluent-bit", "file to write")
	source := f.String("source", "", "checkout of fluent-bit-go to build from (default: the source inside of this program)")
	keep := f.String("keep", "", "folder to write the program's source to, which then stays")
	if err := parse(f, args, 0, 0); err != nil {
		return err
	}
	if len(with) == 0 {
		f.Usage()
		return errUsage
	}
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("building an agent needs the Go toolchain and a C compiler, and there is no `go` on the PATH")
	}
	dir := *keep
	if dir == "" {
		tmp, err := os.MkdirTemp("", "fluent-bit-build")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	o := own{tools: t, dir: dir, sdk: *source, with: with}
	file, err := filepath.Abs(*out)
	if err != nil {
		return err
	}
	if err := o.write(); err != nil {
		return err
	}
	if err := o.compile(ctx, file); err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "%s: fluent-bit with %s\n", *out, with.names())
	return nil
}

func (m modules) names() string {
	var list []string
	for _, x := range m {
		list = append(list, x.Path)
	}
	return strings.Join(list, ", ")
}

// own is an agent with more plugins while it is built.
type own struct {
	tools *Tools
	dir   string // of its main package
	sdk   string // the checkout that it is built from
	with  modules
}

var ownMod = template.Must(template.New("go.mod").Parse(`module fluent-bit

go {{.Go}}

require (
	{{.SDK}} v0.0.0
	{{.Agent}} v0.0.0
{{- range .With}}{{if .Dir}}
	{{.Path}} {{.Placeholder}}{{end}}{{end}}
)

replace {{.SDK}} => {{printf "%q" .Source}}

replace {{.Agent}} => {{printf "%q" (print .Source "/agent")}}
{{range .With}}{{if .Dir}}
replace {{.Path}} => {{printf "%q" .Dir}}
{{end}}{{end}}`))

var ownMain = template.Must(template.New("main.go").Parse(`// Command fluent-bit is an agent with plugins of its own.
package main

import (
	"fmt"

	"{{.Agent}}/cmd"
	"{{.SDK}}/plugin"
{{range .With}}
	{{.Alias}} "{{.Path}}"
{{- end}}
)

func main() {
	var set plugin.Set
	for _, spec := range []any{ {{- range $i, $m := .With}}{{if $i}}, {{end}}{{$m.Alias}}.Plugin{{end -}} } {
		switch s := spec.(type) {
		case plugin.Spec[plugin.Input]:
			set.Inputs = append(set.Inputs, s)
		case plugin.Spec[plugin.Filter]:
			set.Filters = append(set.Filters, s)
		case plugin.Spec[plugin.Output]:
			set.Outputs = append(set.Outputs, s)
		default:
			panic(fmt.Sprintf("a variable Plugin is a %T, which is no plugin", s))
		}
	}
	cmd.Main(set)
}
`))

// write lays out the source.
func (o *own) write() error {
	if o.sdk == "" {
		o.sdk = filepath.Join(o.dir, "fluent-bit-go")
		if err := errors.Join(fluentbit.WriteSource(o.sdk), o.tools.AgentSource(filepath.Join(o.sdk, "agent"))); err != nil {
			return err
		}
	}
	sdk, err := filepath.Abs(o.sdk)
	if err != nil {
		return err
	}
	o.sdk = sdk
	sums, err := os.ReadFile(filepath.Join(o.sdk, "agent", "go.sum"))
	if err != nil {
		return fmt.Errorf("%s is no checkout of fluent-bit-go: %w", o.sdk, err)
	}
	data := map[string]any{"Go": goVersion(), "SDK": fluentbit.Module, "Agent": agentModule, "Source": o.sdk, "With": o.with}
	fill := func(tmpl *template.Template) error {
		f, err := os.Create(filepath.Join(o.dir, tmpl.Name()))
		if err != nil {
			return err
		}
		return errors.Join(tmpl.Execute(f, data), f.Close())
	}
	return errors.Join(fill(ownMod), fill(ownMain), os.WriteFile(filepath.Join(o.dir, "go.sum"), sums, 0o666))
}

// compile fetches what the plugins need and builds.
func (o *own) compile(ctx context.Context, file string) error {
	for _, m := range o.with {
		if m.Dir != "" || m.Own {
			continue
		}
		version := m.Version
		if version == "" {
			version = "latest"
		}
		if err := o.goCommand(ctx, "get", m.Path+"@"+version); err != nil {
			return err
		}
	}
	return o.goCommand(ctx, "build", "-o", file, ".")
}

func (o *own) goCommand(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w%s", strings.Join(args, " "), err, indent(b))
	}
	return nil
}
