package fluentbit

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// others are folders that are not the SDK.
var others = []string{".git", "agent", "bin", "docs", "examples", "tools"}

func TestEveryPackageOfTheSDKIsEmbedded(t *testing.T) {
	files, err := Source()
	if err != nil {
		t.Fatal(err)
	}
	// Read from the folders and not from `go list`: the test cache follows the files that a test opens, but not
	// what a child process reads.
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(others, filepath.ToSlash(path)), d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case !d.IsDir() && belongs(path) && filepath.Ext(path) != ".mod" && files[filepath.ToSlash(path)] == nil:
			t.Errorf("%s is not embedded; add its folder to the go:embed line of source.go", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files["go.mod"] == nil {
		t.Error("go.mod is not embedded")
	}
	for name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata") {
			t.Errorf("%s is embedded", name)
		}
	}
}

func TestTheWrittenSourceBuildsAPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the linker")
	}
	dir := t.TempDir()
	for range 2 { // the second time over the first
		if err := WriteSource(filepath.Join(dir, "sdk")); err != nil {
			t.Fatal(err)
		}
	}
	plugin, err := os.ReadFile("examples/out_gstdout/out_gstdout.go")
	if err != nil {
		t.Fatal(err)
	}
	mod := "module mine\n\ngo 1.26\n\nrequire " + Module + " v0.0.0\n\nreplace " + Module + " => ./sdk\n"
	for name, content := range map[string]string{"go.mod": mod, "main.go": string(plugin)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", "mine.so", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOFLAGS=-mod=mod -buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
}

func TestAnotherModuleIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module mine\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteSource(dir); err == nil || !strings.Contains(err.Error(), "another module") {
		t.Errorf("got %v", err)
	}
}
