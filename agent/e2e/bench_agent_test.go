package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkStartToFirstFlush measures from starting the program to the first record that an unchanged Go
// plugin acknowledged. The input has a record at once, and chunks are flushed every 100 ms, which are part of
// the figure.
func BenchmarkStartToFirstFlush(b *testing.B) {
	bin, so := buildForBench(b)
	for b.Loop() {
		a := runIdle(b, bin, so)
		b.StopTimer()
		a.stop()
		b.StartTimer()
	}
}

// BenchmarkIdleMemory reports what the agent and one worker with one plugin occupy when they have delivered
// something and have nothing to do: resident memory, and what of it no other process shares.
func BenchmarkIdleMemory(b *testing.B) {
	bin, so := buildForBench(b)
	sum := map[string]float64{}
	for b.Loop() {
		a := runIdle(b, bin, so)
		for who, pid := range map[string]int{"agent": a.cmd.Process.Pid, "worker": a.worker()} {
			m := memory(b, pid)
			sum[who+"-rss-MB"] += m["Rss"]
			sum[who+"-private-MB"] += m["Private_Clean"] + m["Private_Dirty"]
		}
		a.stop()
	}
	for unit, mb := range sum {
		b.ReportMetric(mb/float64(b.N), unit)
	}
	b.ReportMetric(0, "ns/op") // the time says nothing
}

// runIdle starts the agent and waits until the plugin has taken its only record.
func runIdle(b *testing.B, bin, so string) *agent {
	b.Helper()
	a := newAgent(b)
	taken := filepath.Join(a.dir, "taken")
	a.start(bin, "-q", "-e", so, "-f", "0.1", "-i", "stdin", "-t", "app", "-o", "fault", "-p", "id=x", "-p", "out="+taken)
	a.send(0, 1)
	for end := time.Now().Add(patience); len(a.taken()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("no flush:\n%s", a.read("stderr"))
		}
	}
	return a
}

// buildForBench compiles the program as it is shipped, and a plugin.
func buildForBench(b *testing.B) (bin, so string) {
	b.Helper()
	bin = b.TempDir()
	cmd := exec.Command("go", "build", "-o", bin+"/", "../cmd/fluent-bit")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return bin, buildShared(b, ".", "../worker/testdata/fault")
}

// memory reads the sums of a process's mappings, in MB of 1000 kB.
func memory(b *testing.B, pid int) map[string]float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	m := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[2] == "kB" {
			kib, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			m[strings.TrimSuffix(f[0], ":")] = kib * 1024 / 1e6
		}
	}
	if m["Rss"] == 0 {
		b.Fatalf("no memory of process %d:\n%s", pid, text)
	}
	return m
}
