package fluentbit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryPackageOfTheSDKIsEmbedded(t *testing.T) {
	files, err := Source()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-f", "{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}\n{{end}}{{range .CgoFiles}}{{$d}}/{{.}}\n{{end}}{{range .HFiles}}{{$d}}/{{.}}\n{{end}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range strings.Fields(string(out)) {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		if isExample := strings.HasPrefix(name, "examples/"); isExample {
			continue
		}
		seen++
		if files[filepath.ToSlash(name)] == nil {
			t.Errorf("%s is not embedded; add its folder to the go:embed line of source.go", name)
		}
	}
	if seen == 0 || files["go.mod"] == nil {
		t.Error("found nothing to compare")
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
