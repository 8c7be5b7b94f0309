// Command bench compares whole agents: it makes its data, runs the same pipelines on each binary in turns,
// and prints what each took.
//
//	go run ./bench [-peer FILE] [-mb N] [-rounds N] [-only WORD] [-dir DIR] BINARY
//
// It measures from outside: wall-clock time, CPU time of the process and all its children, and the peak
// memory of all of them together. Of several rounds the best of each binary counts, since what else runs on
// the machine can only make things worse. A binary that delivers fewer records than there are is told so.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	peer := flag.String("peer", "", "another fluent-bit to compare with")
	mb := flag.Int("mb", 200, "size of the data in MB (10^6 bytes)")
	rounds := flag.Int("rounds", 3, "how often each scenario runs on each binary")
	only := flag.String("only", "", "run the scenarios whose names contain this")
	dir := flag.String("dir", defaultDir(), "where the data goes; best in memory")
	flag.Parse()
	if flag.NArg() != 1 || *mb < 1 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *peer, *dir, *only, *mb, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// defaultDir is in memory where that is possible, so that no disk takes part.
func defaultDir() string {
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

func run(binary, peer, dir, only string, mb, rounds int) error {
	work, err := os.MkdirTemp(dir, "fluent-bit-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	agents := []*agent{{name: "ours", theirs: false}}
	if agents[0].binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	if peer != "" {
		p := &agent{name: "peer", theirs: true}
		if p.binary, err = filepath.Abs(peer); err != nil {
			return err
		}
		agents = append(agents, p)
	}
	fmt.Printf("%d MB of data for each scenario, best of %d rounds; times in seconds, memory in MB\n", mb, rounds)
	for _, a := range agents {
		fmt.Printf("%s: %s\n", a.name, a.binary)
	}
	fmt.Printf("\n%-22s %-5s %8s %8s %12s %8s  %s\n", "scenario", "", "wall", "CPU", "MB/core-s", "memory", "ratio: speed per core-second, wall, memory")
	for _, s := range scenarios {
		if !strings.Contains(s.name, only) {
			continue
		}
		if err := s.compare(work, agents, mb, rounds); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// compare runs one scenario on all agents and prints a line for each.
func (s *scenario) compare(work string, agents []*agent, mb, rounds int) error {
	in := filepath.Join(work, s.data)
	total, err := s.generate(in, mb)
	if err != nil {
		return err
	}
	best := make([]usage, len(agents))
	for round := range rounds {
		for i, a := range agents {
			u, err := s.measure(work, in, a)
			switch {
			case err != nil && !a.theirs:
				return err
			case err != nil:
				fmt.Printf("%s: %s failed: %v\n", s.name, a.name, err)
				agents, best = agents[:i], best[:i]
			case round == 0:
				best[i] = u
			default:
				best[i] = best[i].better(u)
			}
		}
	}
	for i, a := range agents {
		u := best[i]
		fmt.Printf("%-22s %-5s %8.2f %8.2f %12.0f %8.1f", s.name, a.name, u.wall.Seconds(), u.cpu.Seconds(), total.megabytes()/u.cpu.Seconds(), u.memory/1e6)
		if i == 0 && len(agents) > 1 {
			p := best[1]
			fmt.Printf("  %5.1fx %5.1fx %5.2f", p.cpu.Seconds()/u.cpu.Seconds(), p.wall.Seconds()/u.wall.Seconds(), u.memory/p.memory)
		}
		if s.delivered != nil && u.records < total.records {
			fmt.Printf("  %d of %d records are missing", total.records-u.records, total.records)
		}
		fmt.Println()
	}
	return nil
}
