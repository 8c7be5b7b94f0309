package worker

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// loadError is why the worker could not use a file, in the words of the dynamic linker or of worker/plugin.c.
type loadError struct{ reason string }

func (e *loadError) Error() string { return e.reason }

// diagnose looks at a file without running any of it and says why it cannot be a plugin for this machine. A
// plugin may be a shared object, or an executable that was built with package cshared.
func diagnose(path string) (executable bool, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !st.Mode().IsRegular() {
		return false, errors.New("it is no regular file; name the .so itself")
	}
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("%w; the agent's user needs the right to read it", err)
	}
	defer f.Close()
	executable, err = diagnoseELF(f, filepath.Base(path))
	if executable {
		err = diagnoseExecutable(path, st)
	}
	return executable, err
}

func diagnoseELF(r io.ReaderAt, base string) (executable bool, err error) {
	f, err := openELF(r)
	if err != nil {
		return false, err
	}
	if isExecutable(f) {
		return true, nil
	}
	return false, diagnoseShared(f, base)
}

// isExecutable tells a program from a shared object; both may be position-independent.
func isExecutable(f *elf.File) bool {
	if f.Type == elf.ET_EXEC {
		return true
	}
	flags, err := f.DynValue(elf.DT_FLAGS_1)
	return err == nil && len(flags) > 0 && elf.DynFlag1(flags[0])&elf.DF_1_PIE != 0
}

func diagnoseExecutable(path string, st os.FileInfo) error {
	b, err := buildinfo.ReadFile(path)
	if err != nil || b.Main.Path != sdkModule && !slices.ContainsFunc(b.Deps, func(m *debug.Module) bool { return m.Path == sdkModule }) {
		return errors.New("it is a program that was not built as a plugin; use package cshared in its main, or build a shared object with `go build -buildmode=c-shared`")
	}
	if st.Mode()&0o111 == 0 {
		return errors.New("it is a program without the right to be executed; chmod +x it")
	}
	return nil
}

func openELF(r io.ReaderAt) (*elf.File, error) {
	magic := make([]byte, 4)
	if _, err := r.ReadAt(magic, 0); err != nil || string(magic) != elf.ELFMAG {
		return nil, errors.New("it is no shared object; build the plugin with `go build -buildmode=c-shared -o NAME.so` on Linux")
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("it is a damaged shared object (%w); copy or build it again", err)
	}
	if want := machine(); want != elf.EM_NONE && f.Machine != want {
		return nil, fmt.Errorf("it is built for %s and this agent runs on %s; build it with GOARCH=%s", archName(f.Machine), archName(want), runtime.GOARCH)
	}
	if f.Type != elf.ET_DYN && f.Type != elf.ET_EXEC {
		return nil, errors.New("it is an object file, no shared object; build it with `go build -buildmode=c-shared`")
	}
	return f, nil
}

func diagnoseShared(f *elf.File, base string) error {
	libs, _ := f.ImportedLibraries()
	if i := slices.IndexFunc(libs, func(l string) bool { return strings.Contains(l, "musl") }); i >= 0 {
		return fmt.Errorf("it is linked with musl (%s) and this agent with glibc; build it on a glibc system, for instance in the image golang:bookworm instead of golang:alpine", libs[i])
	}
	return diagnoseSymbols(f, base)
}

func diagnoseSymbols(f *elf.File, base string) error {
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return errors.New("it exports nothing; a Fluent Bit Go plugin exports FLBPluginRegister")
	}
	exported := map[string]bool{}
	native := ""
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF {
			continue
		}
		exported[s.Name] = true
		if elf.ST_TYPE(s.Info) == elf.STT_OBJECT && isNativeName(s.Name) {
			native = s.Name
		}
	}
	switch {
	case exported["FLBPluginRegister"] && exported["FLBPluginInit"]:
		return nil
	case exported["FLBPluginRegister"]:
		return errors.New("it exports FLBPluginRegister but not FLBPluginInit; write `//export FLBPluginInit` right above that function")
	case native != "" || strings.HasPrefix(base, "flb-"):
		return errors.New("it is a plugin written in C for the C Fluent Bit, which only that agent can load; this one loads Go plugins")
	}
	return errors.New("it is a shared object but no Fluent Bit Go plugin: it does not export FLBPluginRegister; write `//export FLBPluginRegister` right above that function, in package main")
}

// isNativeName tells the variable by which the C Fluent Bit finds its own plugins, such as out_stdout_plugin.
func isNativeName(s string) bool {
	return strings.HasSuffix(s, "_plugin") &&
		(strings.HasPrefix(s, "in_") || strings.HasPrefix(s, "out_") || strings.HasPrefix(s, "filter_") || strings.HasPrefix(s, "custom_"))
}

func machine() elf.Machine {
	switch runtime.GOARCH {
	case "amd64":
		return elf.EM_X86_64
	case "arm64":
		return elf.EM_AARCH64
	case "riscv64":
		return elf.EM_RISCV
	case "ppc64le":
		return elf.EM_PPC64
	case "loong64":
		return elf.EM_LOONGARCH
	}
	return elf.EM_NONE
}

func archName(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "32-bit arm"
	case elf.EM_386:
		return "386"
	}
	return m.String()
}

// explainLoad adds the cure to what the dynamic linker says.
func explainLoad(err error) error {
	var le *loadError
	if !errors.As(err, &le) {
		return fmt.Errorf("it cannot be loaded: %w", err)
	}
	s := le.reason
	switch {
	case strings.Contains(s, "version `GLIBC_"):
		return fmt.Errorf("it needs a newer glibc than this machine has (%s); build it on an older distribution, or run the agent on a newer one", s)
	case strings.Contains(s, "cannot open shared object file"):
		return fmt.Errorf("it needs a library that is not here (%s); install it, or set LD_LIBRARY_PATH", s)
	case strings.Contains(s, "undefined symbol"):
		return fmt.Errorf("it refers to a symbol that nothing provides (%s); link the library that has it", s)
	case strings.Contains(s, "static TLS"):
		return fmt.Errorf("%s; set GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 in the agent's environment", s)
	case strings.Contains(s, "failed to map segment"), strings.Contains(s, "Operation not permitted"):
		return fmt.Errorf("%s; is its directory mounted noexec?", s)
	}
	return err
}
