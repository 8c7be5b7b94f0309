// Package examples holds plugins to start from. Each folder is a plugin of its own.
package examples

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// libc is the family of libraries that every glibc or musl system has under the name of its C library.
var libc = regexp.MustCompile(`^(libc\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux.*|libc\.musl-.*)$`)

func TestEachExampleBuildsAsASharedObject(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the linker")
	}
	readSources(t)
	f := func(folder, source string, symbols ...string) {
		t.Run(folder, func(t *testing.T) {
			so := filepath.Join(t.TempDir(), folder+".so")
			build := exec.Command("go", "build", "-buildmode=c-shared", "-o", so, source)
			build.Dir = folder
			build.Env = append(os.Environ(), "CGO_ENABLED=1")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", build, err, out)
			}
			file, err := elf.Open(so)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			checkSymbols(t, file, append(symbols, "FLBPluginRegister", "FLBPluginInit", "FLBPluginUnregister"))
			checkLibraries(t, file)
		})
	}
	f("out_gstdout", "out_gstdout.go", "FLBPluginFlushCtx", "FLBPluginExit")
	f("out_multiinstance", ".", "FLBPluginFlushCtx", "FLBPluginExitCtx")
	f("in_gdummy", "in_gdummy.go", "FLBPluginInputCallbackCtx", "FLBPluginInputCleanupCallback", "FLBPluginExit")
}

// readSources opens what the builds depend on: the test cache follows the files that a test opens, but not what a
// child process reads.
func readSources(t *testing.T) {
	for _, pattern := range []string{"*/*.go", "../output/*.go", "../input/*.go", "../internal/*/*.go", "../internal/abi/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || files == nil {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func checkSymbols(t *testing.T, file *elf.File, want []string) {
	t.Helper()
	dynamic, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if !slices.ContainsFunc(dynamic, func(s elf.Symbol) bool {
			return s.Name == name && s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) == elf.STT_FUNC
		}) {
			t.Errorf("%s is not exported", name)
		}
	}
}

func checkLibraries(t *testing.T, file *elf.File) {
	t.Helper()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range libraries {
		if !libc.MatchString(name) {
			t.Errorf("needs %s, which not every system has", name)
		}
	}
}
