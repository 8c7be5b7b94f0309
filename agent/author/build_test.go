package author

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	fluentbit "github.com/fluent/fluent-bit-go"
)

func TestFoldersMayHaveBlanksInTheirNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my plugins")
	p, err := newProject("out_mine", "")
	if err == nil {
		err = p.write(dir)
	}
	if err == nil {
		err = fluentbit.WriteSource(filepath.Join(dir, sdkFolder))
	}
	if err != nil {
		t.Fatal(err)
	}
	if pkg, err := mainPackage(t.Context(), dir); err != nil || pkg != filepath.Join(dir, "cmd", "out_mine") {
		t.Errorf("the main package: %q, %v", pkg, err)
	}

	checkout := filepath.Join(t.TempDir(), "my checkout")
	root, err := filepath.Abs("../..")
	if err == nil {
		err = os.Symlink(root, checkout)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := own{dir: t.TempDir(), sdk: checkout, with: modules{{Path: p.Module, Dir: dir}}}
	if err := o.write(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "-C", o.dir, "mod", "edit", "-json").CombinedOutput(); err != nil {
		t.Errorf("the agent's go.mod: %v\n%s", err, out)
	}
}

func TestBenchmarksTakeTime(t *testing.T) {
	tools := &Tools{Out: io.Discard, Err: io.Discard}
	if err := tools.bench(t.Context(), []string{"-time", "0s", "no-such-file"}); err == nil || !strings.Contains(err.Error(), "-time 0s") {
		t.Error(err)
	}
}

func TestPackagesAreNotCalledAsWhatTheyImport(t *testing.T) {
	if p, err := newProject("filter_cshared", ""); err != nil || p.Package != "csharedfilter" {
		t.Errorf("%q, %v", p.Package, err)
	}
}
