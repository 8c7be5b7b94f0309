// Package chaos puts a running agent through what happens to real ones, and counts. A [Writer] logs numbered
// lines and has its file rotated in every way; an [Agent] is paused, killed, and its output held back; a
// [Tally] tells which lines came, how often. A scenario is a test that plays them against each other by dice
// with a seed. The seed gives the same sequence of events again, though not the same interleaving.
//
//	make chaos                 the long form, with a summary of each scenario
//	make chaos SEED=7 RUN=Kill one of them, with that seed
//	make chaos PEER=FILE       the same with another agent
//
// The tests of this package are the scenarios of the input tail. Others, of outputs that are down or of
// storage, take the same pieces: NewWriter, NewAgent with another configuration, Tally.
package chaos

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build compiles the program into dir and returns its path. root is where the repository begins, as seen
// from the test.
func Build(tb testing.TB, root, dir string) string {
	tb.Helper()
	touchSources(tb, root)
	bin := filepath.Join(dir, "fluent-bit")
	cmd := exec.Command("go", "build", "-o", bin, root+"/agent/cmd/fluent-bit")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return bin
}

// touchSources looks at every source file. The test cache follows what a test looks at, and not what its
// child processes read: without this, a change of the program would leave an old result in the cache.
func touchSources(tb testing.TB, root string) {
	tb.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "testdata"):
			return fs.SkipDir
		case strings.Contains(".go .c .h .mod .sum .work", filepath.Ext(path)):
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}
