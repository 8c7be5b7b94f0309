package worker

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func TestProbeTellsWhatAFileIs(t *testing.T) {
	f := func(kind string, want Type) {
		t.Helper()
		i := probed(t, kind)
		if i.Type != want || i.Name != "fault" || i.Description != "misbehaves on request" || i.EventFormat != V2 || i.Kinds() != event.Logs {
			t.Errorf("%s: %+v", kind, i)
		}
		if i.Type.String() != kind || !strings.HasPrefix(i.GoVersion, "go1.") {
			t.Errorf("%s: %v %q", kind, i.Type, i.GoVersion)
		}
	}
	f("output", Output)
	f("input", Input)
	f("custom", Custom)
}

func TestTheSameFileIsProbedOnce(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link.so")
	if err := os.Symlink(faultFile("output"), link); err != nil {
		t.Fatal(err)
	}
	infos, err := ProbeAll(t.Context(), []string{link, faultFile("output"), faultFile("input")})
	if err != nil || len(infos) != 2 {
		t.Errorf("%+v, %v", infos, err)
	}
}

// compileC makes a shared object of C source.
func compileC(t *testing.T, name, source string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-o", file, "-")
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// patched copies the file with some bytes changed.
func patched(t *testing.T, name string, change func(b []byte)) string {
	t.Helper()
	b, err := os.ReadFile(faultFile("output"))
	if err != nil {
		t.Fatal(err)
	}
	change(b)
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadErrorsNameCauseAndCure(t *testing.T) {
	f := func(file string, want ...string) {
		t.Helper()
		_, err := Probe(t.Context(), file)
		for _, w := range append(want, filepath.Base(file)) {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("Probe(%s) = %v, want %q", filepath.Base(file), err, w)
			}
		}
	}
	text := filepath.Join(t.TempDir(), "plugin.go")
	os.WriteFile(text, []byte("package main\n"), 0o644)
	f("/does/not/exist.so", "there is no such file")
	f(t.TempDir(), "no regular file")
	f(text, "no shared object", "-buildmode=c-shared")
	f("/bin/true", "was not built as a plugin", "package cshared")
	f(patched(t, "arm.so", func(b []byte) { binary.LittleEndian.PutUint16(b[18:], uint16(elf.EM_ARM)) }), "built for 32-bit arm", "GOARCH=")
	f(patched(t, "musl.so", func(b []byte) {
		copy(b[bytes.Index(b, []byte("libc.so.6\x00")):], "musl.so\x00")
	}), "musl", "golang:bookworm")
	f(compileC(t, "lib.so", "int answer(void) { return 42; }"), "no Fluent Bit Go plugin", "//export FLBPluginRegister")
	f(compileC(t, "flb-out_x.so", "struct { int a; } out_x_plugin;"), "written in C")
	f(compileC(t, "noinit.so", "int FLBPluginRegister(void *d) { return 0; }"), "not FLBPluginInit")
	f(compileC(t, "refuses.so", "int FLBPluginRegister(void *d) { return -1; } int FLBPluginInit(void *p) { return 1; }"), "FLBPluginRegister returned -1")
	f(compileC(t, "typeless.so", `int FLBPluginRegister(int *d) { ((char **)d)[2] = "x"; return 0; } int FLBPluginInit(void *p) { return 1; }`), "registered as type 0")
	f(compileC(t, "nameless.so", `int FLBPluginRegister(int *d) { *d = 2; return 0; } int FLBPluginInit(void *p) { return 1; } int FLBPluginFlush(void) { return 1; }`), "without a name")
	f(compileC(t, "noflush.so", `int FLBPluginRegister(int *d) { *d = 2; return 0; } int FLBPluginInit(void *p) { return 1; }`), "neither FLBPluginFlush nor FLBPluginFlushCtx")
	f(compileC(t, "lacks.so", `int missing_one(void); int (*p)(void) = missing_one; int FLBPluginRegister(int *d) { return p(); } int FLBPluginInit(void *p) { return 1; }`), "missing_one", "link the library")
	t.Setenv("FAULT_REGISTER", "exit")
	f(faultFile("output"), "exit status 4", "no licence found")
}

func TestPluginsOfOldSDKsGetTheOldFormat(t *testing.T) {
	f := func(version, want string) {
		t.Helper()
		if got := commitTime(version); got != want {
			t.Errorf("commitTime(%q) = %q, want %q", version, got, want)
		}
	}
	f("v0.0.0-20200420155746-e125cab17963", "20200420155746")
	f("v1.2.4-0.20230718100000-e125cab17963", "20230718100000")
	f("v1.0.0", "")
	f("(local)", "")
	f("", "")
	f("v0.0.0-2020042015574x-e125cab17963", "")
}

func TestOldFormatHasTimeAndBodyOnly(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0", "plugin.event_format", "v1")
	if err := o.Flush(t.Context(), chunkOf("app", 0, 2)); err != nil {
		t.Fatal(err)
	}
	if r.count("v1 0") != 1 || r.count("v1 1") != 1 {
		t.Errorf("%q", r.lines())
	}
}

func FuzzDiagnose(f *testing.F) {
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(elf.ELFMAG))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := diagnoseELF(bytes.NewReader(b), "x.so"); err == nil && len(b) < 64 {
			t.Error("so few bytes cannot be a plugin")
		}
	})
}

func TestASharedObjectOfAnotherProtocolIsAskedThroughTheCInterface(t *testing.T) {
	info, err := Probe(t.Context(), compileC(t, "old.so", `
		#include <stdint.h>
		struct def { int type, proxy, flags; char *name, *description; int event_type; void *map; };
		int32_t FluentBitServe(int32_t control, uint32_t version, uint32_t seq) { return -1; }
		int FLBPluginRegister(struct def *d) { d->type = 2; d->proxy = 11; d->name = "old"; d->description = "from before"; return 0; }
		int FLBPluginInit(void *p) { return 1; }
		int FLBPluginFlush(const void *data, int length, const char *tag) { return 1; }
	`))
	if err != nil || info.Typed != nil || info.Name != "old" || info.Type != Output {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestKindsOfClassicPlugins(t *testing.T) {
	f := func(typ Type, eventType int, want event.Kinds) {
		t.Helper()
		if got := (Info{Type: typ, EventType: eventType}).Kinds(); got != want {
			t.Errorf("%v with event type %d: %v, want %v", typ, eventType, got, want)
		}
	}
	f(Output, 0, event.Logs)
	f(Output, 1, event.Logs)
	f(Output, 2, event.Metrics)
	f(Output, 4, event.Traces)
	f(Output, 3, event.Logs|event.Metrics)
	f(Output, 7, event.Logs|event.Metrics|event.Traces)
	f(Output, 1<<30, event.Logs)
	f(Input, 0, event.Logs)
	f(Input, 1, event.Metrics)
	f(Input, 2, event.Traces)
	f(Input, 3, event.Logs)
	f(Custom, 2, event.Logs)
}

func TestSignalsThatNobodyKnowsAreNotTaken(t *testing.T) {
	var i Info
	if err := i.readDeclaration(`{"type":1,"name":"new","kinds":129}`); err != nil || i.Kinds() != event.Logs {
		t.Errorf("%v, %v", i.Kinds(), err)
	}
	if err := i.readDeclaration(`{"type":1,"name":"new","kinds":128}`); err == nil || !strings.Contains(err.Error(), "signals") {
		t.Errorf("signals of the future alone: %v", err)
	}
}
