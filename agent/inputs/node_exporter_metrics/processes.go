package node_exporter_metrics

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/metric"
)

// states are counts by the letters of proc_pid_stat(5). The usual ones are there even when they are 0.
type states map[string]int

func (s states) gauges(g *gather, name, help, label string) {
	usual := []string{"R", "S", "D", "Z", "T", "I"}
	for _, letter := range usual {
		g.gauge("processes", name, help, float64(s[letter]), metric.L(label, letter))
		delete(s, letter)
	}
	for letter, n := range s {
		g.gauge("processes", name, help, float64(n), metric.L(label, letter))
	}
}

// collectProcesses counts processes and their threads.
func collectProcesses(g *gather) error {
	mostThreads, err := number(g.paths.proc, "sys/kernel/threads-max")
	if err != nil {
		return err
	}
	mostPIDs, err := number(g.paths.proc, "sys/kernel/pid_max")
	if err != nil {
		return err
	}
	pids, err := numbered(g.paths.proc)
	if err != nil {
		return err
	}
	processes, threads := states{}, states{}
	count, allocated := 0, 0
	for _, pid := range pids {
		stat := readStat(g.paths.proc, pid, "stat")
		if len(stat) == 0 {
			continue // it has ended
		}
		count++
		processes[stat[0]]++
		if len(stat) > 17 {
			n, _ := strconv.Atoi(stat[17])
			allocated += n
		}
		tids, _ := numbered(filepath.Join(g.paths.proc, pid, "task"))
		for _, tid := range tids {
			own := stat
			if tid != pid {
				own = readStat(g.paths.proc, pid, "task", tid, "stat")
			}
			if len(own) > 0 {
				threads[own[0]]++
			}
		}
	}
	g.gauge("processes", "threads", "Allocated threads in the system", float64(allocated))
	g.gauge("processes", "max_threads", "Limit of threads in the system", mostThreads)
	threads.gauges(g, "threads_state", "The number of processes in each thread state", "thread_state")
	processes.gauges(g, "state", "The number of processes in each state", "state")
	g.gauge("processes", "pids", "The number of PIDs in the system", float64(count))
	g.gauge("processes", "max_processeses", "Limit of PID in the system", mostPIDs)
	return nil
}

// numbered returns the entries of a folder whose names are numbers.
func numbered(dir string) (names []string, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Readdirnames(-1)
	for _, name := range all {
		if name[0] >= '0' && name[0] <= '9' {
			names = append(names, name)
		}
	}
	return names, err
}

// readStat returns what stands behind the command's name, which may hold anything.
func readStat(path ...string) []string {
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}
