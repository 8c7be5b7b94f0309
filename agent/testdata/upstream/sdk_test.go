// Package upstream holds our SDK against the one that existing plugins were written with: the same programs are
// built with both.
package upstream

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles a program of this module with one of the SDKs and returns the file.
func build(t *testing.T, program, modfile string, flags ...string) string {
	t.Helper()
	readSources(t)
	out := filepath.Join(t.TempDir(), program+"."+modfile)
	args := append([]string{"build", "-modfile", modfile, "-o", out}, flags...)
	cmd := exec.Command("go", append(args, "./"+program)...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=1")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, b)
	}
	return out
}

// readSources opens what the builds depend on: the test cache follows the files that a test opens, but not what a
// child process reads.
func readSources(t *testing.T) {
	for _, pattern := range []string{"*/*.go", "../../../output/*.go", "../../../event/*.go", "../../../internal/*/*.go", "../../../internal/abi/*/*.go"} {
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

const theirs, ours = "go.mod", "ours.mod"

func run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return out
}

func save(t *testing.T, chunk []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chunk")
	if err := os.WriteFile(path, chunk, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAPluginBuildsWithBothSDKs(t *testing.T) {
	build(t, "out_upstream", theirs, "-buildmode=c-shared")
	build(t, "out_upstream", ours, "-buildmode=c-shared")
}

func TestBothDecodersReturnTheSame(t *testing.T) {
	a, b := build(t, "decode", theirs), build(t, "decode", ours)
	f := func(name string, chunk []byte) {
		t.Helper()
		path := save(t, chunk)
		want := strings.Split(string(run(t, a, "dump", path)), "\n")
		got := strings.Split(string(run(t, b, "dump", path)), "\n")
		if len(got) != len(want) {
			t.Fatalf("%s: %d results, want %d", name, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s, result %d:\ngot  %s\nwant %s", name, i, got[i], want[i])
			}
		}
	}
	f("container logs", containerLogs(50))
	f("random events", randomEvents(20_000))
	f("a torn event", containerLogs(3)[:1000])
	f("not a pair", []byte{0x93, 1, 2, 3})
	f("no map", []byte{0x92, 0xcc, 1, 0xc0})
	f("no time", []byte{0x92, 0xc0, 0x80})
	f("not MessagePack", []byte{0xc1})
}

// result is what decode bench prints.
type result struct{ Seconds, Allocs, Bytes, Records float64 }

// The three take turns, and the best round of each counts, so that a busy machine slows all.
func TestOurDecodersAreMuchFaster(t *testing.T) {
	if testing.Short() {
		t.Skip("a benchmark; make bench runs it")
	}
	a, b, c := build(t, "decode", theirs), build(t, "decode", ours), build(t, "typed", ours, "-tags", "ours")
	chunk := containerLogs(5058)
	path := save(t, chunk)
	measure := func(best *result, program string, args ...string) {
		var r result
		if err := json.Unmarshal(run(t, program, append(args, path)...), &r); err != nil || r.Records != 5058 {
			t.Fatalf("%s: %+v, %v", program, r, err)
		}
		if best.Seconds == 0 || r.Seconds < best.Seconds {
			*best = r
		}
	}
	var old, now, typed result
	for range 3 {
		measure(&old, a, "bench")
		measure(&now, b, "bench")
		measure(&typed, c)
	}
	speed := func(r result) float64 { return float64(len(chunk)) / r.Seconds / 1e6 }
	t.Logf("%d records of %d bytes; theirs: %.0f MB/s, %.0f allocations; ours: %.0f MB/s, %.0f allocations, %.1f times as fast; typed: %.0f MB/s, %.0f allocations, %.0f times as fast",
		5058, len(chunk)/5058, speed(old), old.Allocs, speed(now), now.Allocs, old.Seconds/now.Seconds, speed(typed), typed.Allocs, old.Seconds/typed.Seconds)
	if ratio := old.Seconds / now.Seconds; ratio < 4 {
		t.Errorf("only %.1f times as fast", ratio)
	}
	if ratio := old.Seconds / typed.Seconds; ratio < 40 {
		t.Errorf("the typed API is only %.1f times as fast", ratio)
	}
	if now.Allocs > old.Allocs/10 {
		t.Errorf("%.0f allocations, theirs takes %.0f", now.Allocs, old.Allocs)
	}
	if typed.Allocs > 5 {
		t.Errorf("the typed API takes %.1f allocations a chunk", typed.Allocs)
	}
}
