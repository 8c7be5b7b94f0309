package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// The README's plugin is compiled as the README says, so that it cannot go stale.
func TestTheReadmesPluginCompiles(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	listing := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readme)
	mod := regexp.MustCompile(`(?s)    (module example.*?=> )DIR`).FindSubmatch(readme)
	if listing == nil || mod == nil {
		t.Fatal("README.md has no plugin, or no go.mod for it")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("greet.go", string(listing[1]))
	write("go.mod", string(mod[1])+root+"\n")

	// The test cache follows what this process looks at; the compiler is another one.
	sources, err := filepath.Glob("../output/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("no SDK: ", err)
	}
	for _, s := range sources {
		if _, err := os.Stat(s); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", "greet.so")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}
