// Package e2e runs the cases in testdata against the real program: each a script and the files that it
// needs. See testscript's documentation for the language; commands_test.go adds some commands.
//
// Names are AREA-short-name.txtar. The first line says in plain words what a user expects. Nothing that is
// compared depends on the clock, the machine or the order in which goroutines run, a case ends by itself,
// and ports are on 127.0.0.1, between 21000 and 29999, and used by one case only.
package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/e2e/chaos"
	"github.com/rogpeppe/go-internal/testscript"
)

const (
	atOnce  = 2               // cases that run at the same time
	perCase = 3 * time.Minute // most take a second; a busy machine needs room
)

func TestMain(m *testing.M) { testscript.Main(tidy{m}, commands) }

// tidy removes the program after all tests.
type tidy struct{ *testing.M }

// Run implements testscript.TestingM.
func (m tidy) Run() int {
	code := m.M.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	return code
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases: ", err)
	}
	bin := build(t)
	turn := make(chan struct{}, atOnce)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			turn <- struct{}{}
			defer func() { <-turn }()
			testscript.RunT(single{t}, testscript.Params{
				Files:    []string{file},
				Deadline: time.Now().Add(perCase),
				Setup: func(env *testscript.Env) error {
					env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
					return nil
				},
			})
		})
	}
}

// program is the folder that the program was built into, once for all tests.
var program struct {
	sync.Once
	dir string
}

// build returns the folder that the program is in.
func build(t *testing.T) string {
	t.Helper()
	program.Do(func() {
		dir, err := os.MkdirTemp("", "fluent-bit-e2e") //nolint:usetesting // it outlives the test that comes first
		if err != nil {
			t.Fatal(err)
		}
		program.dir = dir
		chaos.Build(t, "../..", dir)
	})
	if _, err := os.Stat(filepath.Join(program.dir, "fluent-bit")); err != nil {
		t.Fatal("the program was not built: ", err)
	}
	return program.dir
}

// single runs one file as the test that it is given, without a subtest, and leaves parallelism to it.
type single struct{ *testing.T }

func (s single) Parallel()                            {}
func (s single) Run(_ string, f func(t testscript.T)) { f(s) }
func (s single) Verbose() bool                        { return testing.Verbose() }
