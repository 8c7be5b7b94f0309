package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/plugintest"
)

// typedPlugin builds the plugin that misbehaves as its mode says, which was written with package plugin.
func typedPlugin(t *testing.T, form plugintest.Form, kind string) string {
	t.Helper()
	source := "../worker/testdata/typed"
	if _, err := os.Stat(filepath.Join(source, "main.go")); err != nil { // the test cache looks at what a test looks at
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-ldflags=-X=main.kind="+kind)
	return plugintest.Build(t, form, source)
}

// typedConfig is the configuration of one typed plugin in a syntax; other is the plugin at the other end.
type typedConfig struct {
	yaml       bool
	so, kind   string
	properties []string // "key value"
}

func (c typedConfig) text() string {
	ends := []string{"input", "output"}
	sections := map[string][]string{"input": {"name dummy", "samples 1"}, "output": {"name stdout", "match *"}}
	sections[c.kind] = append([]string{"name typed"}, c.properties...)
	if c.kind == "output" {
		sections["output"] = append(sections["output"], "match *")
	}
	var b strings.Builder
	if !c.yaml {
		b.WriteString("[SERVICE]\n    flush 0.1\n    grace 1\n")
		for _, s := range ends {
			fmt.Fprintf(&b, "[%s]\n    %s\n", strings.ToUpper(s), strings.Join(sections[s], "\n    "))
		}
		return b.String()
	}
	fmt.Fprintf(&b, "service:\n  flush: 0.1\n  grace: 1\nplugins:\n  - %s\npipeline:\n", c.so)
	for _, s := range ends {
		fmt.Fprintf(&b, "  %ss:\n    -", s)
		for i, p := range sections[s] {
			key, value, _ := strings.Cut(p, " ")
			fmt.Fprintf(&b, "%s %s: '%s'\n", strings.Repeat(" ", min(i, 1)*5), key, value)
		}
	}
	return b.String()
}

// place returns the line and column of a key in the plugin's section, or of its value.
func place(text, key string, ofValue bool) string {
	from := strings.Index(text, "typed")
	at := from + strings.Index(text[from:], " "+key) + 1
	if ofValue {
		at += strings.IndexByte(text[at:], ' ') + 1
	}
	return fmt.Sprintf(":%d:%d: ", strings.Count(text[:at], "\n")+1, at-strings.LastIndexByte(text[:at], '\n'))
}

func (c typedConfig) path(dir string) string {
	if c.yaml {
		return filepath.Join(dir, "fluent-bit.yaml")
	}
	return filepath.Join(dir, "fluent-bit.conf")
}

// start runs the agent with the configuration. The file's own name begins the places in messages.
func (c typedConfig) start(t *testing.T) *agent {
	t.Helper()
	a := newAgent(t)
	a.config = c.path(a.dir)
	args := []string{"-c", a.config}
	if !c.yaml {
		args = append(args, "-e", c.so)
	}
	if err := os.WriteFile(a.config, []byte(c.text()), 0o644); err != nil {
		t.Fatal(err)
	}
	a.start(build(t), args...)
	return a
}

func TestFaultsOfTypedPluginsNamePluginPlaceAndCure(t *testing.T) {
	if testing.Short() {
		t.Skip("builds plugins")
	}
	for _, form := range []plugintest.Form{plugintest.Shared, plugintest.Executable} {
		for _, kind := range []string{"output", "input"} {
			so := typedPlugin(t, form, kind)
			// Both syntaxes are read before a plugin's form matters.
			c := typedConfig{yaml: form == plugintest.Executable, so: so, kind: kind}
			t.Run(fmt.Sprintf("%s/%s", form, kind), func(t *testing.T) { testTypedFaults(t, c) })
		}
	}
}

func testTypedFaults(t *testing.T, c typedConfig) {
	with := func(props ...string) typedConfig {
		c := c
		c.properties = append([]string{"out " + filepath.Join(t.TempDir(), "out")}, props...)
		return c
	}
	f := func(name string, c typedConfig, key string, ofValue bool, want ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.start(t)
			a.waitFor("the end", func() bool { return a.ended() })
			got := a.read("stderr")
			for _, w := range append(want, filepath.Base(a.config)+place(c.text(), key, ofValue)) {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s\nof\n%s", w, got, c.text())
				}
			}
			if strings.Contains(got, "sesame") {
				t.Errorf("the secret is told:\n%s", got)
			}
		})
	}
	typed := " (" + c.kind + " typed)"
	f("WrongType", with("n many"), "n", true, "n: 'many' is not a whole number"+typed)
	f("Unknown", with("mdoe x"), "mdoe", false, "unknown configuration property 'mdoe'; did you mean 'mode'?"+typed)
	f("Refused", with("mode refuse"), "mode", true, "mode: 'refuse' is refused; say something else"+typed)
	f("StartFails", with("mode start"), "out", false, "[typed.0] could not start: ", c.so, "no server here")
	f("SecretInStart", with("mode tell-start", "token sesame-open"), "out", false, "no server takes …")
	f("StartHangs", with("mode hang-start", "plugin.init_timeout 0.3"), "out", false,
		"plugin typed.0", "the plugin's New or Start has not returned within 300ms; find out what it waits for, or raise plugin.init_timeout")
	t.Run("Missing", func(t *testing.T) {
		t.Parallel()
		c := c
		c.properties = []string{"n 1"}
		a := c.start(t)
		a.waitFor("the end", func() bool { return a.ended() })
		if got, want := a.read("stderr"), "the property 'out' is missing; set it: The file to note in."+typed; !strings.Contains(got, want) || !strings.Contains(got, filepath.Base(a.config)+":") {
			t.Errorf("no %q in\n%s", want, got)
		}
	})
	running := func(name string, c typedConfig, said []string, afterwards ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.start(t)
			for _, s := range said {
				a.waitFor("'"+s+"'", func() bool {
					noted, _ := os.ReadFile(strings.TrimPrefix(c.properties[0], "out "))
					return strings.Contains(a.read("stderr")+a.read("stdout")+string(noted), s)
				})
			}
			if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			a.waitFor("the end", func() bool { return a.ended() })
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("the agent needed %v to end", took)
			}
			got := a.read("stderr")
			for _, w := range afterwards {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s", w, got)
				}
			}
			if strings.Contains(got, "sesame") {
				t.Errorf("the secret is told:\n%s", got)
			}
		})
	}
	running("SecretInLog", with("mode tell", "token sesame-open"), []string{"printed …", "logged … token=…"})
	// The worker gives a plugin up, or the pipeline the worker: whoever is first says so.
	late := []string{"typed.0 (", filepath.Base(with().path("")) + ":", "; have it end when it is told to"}
	started := map[string]string{"input": `{"n"=>2}`, "output": `{"message":"dummy"}`}[c.kind]
	running("CloseHangs", with("mode hang-close"), []string{"starting mode=hang-close", started}, late...)
	if c.kind == "input" {
		running("RunIgnoresItsEnd", with("mode hang"), []string{started}, late...)
		return
	}
	running("FlushHangs", with("mode hang", "plugin.flush_timeout 0.3"), []string{"it is started anew"},
		"the worker of plugin 'typed' ended: the plugin's Flush has not returned within 300ms; find out what it waits for, or raise plugin.flush_timeout", "typed.0 (", filepath.Base(with().path(""))+":")
	running("SecretInPanic", with("mode tell-panic", "token sesame-open"), []string{"panic: panicked with …"})
}
