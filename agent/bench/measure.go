package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// agent is a binary to be measured.
type agent struct {
	name, binary string
	theirs       bool // its plugins are built with the SDK that the world uses
}

// usage is what one run took.
type usage struct {
	wall, cpu time.Duration
	memory    float64 // bytes
	records   int
}

// better combines the best of two runs; a run that lost records is not better.
func (u usage) better(v usage) usage {
	return usage{min(u.wall, v.wall), min(u.cpu, v.cpu), min(u.memory, v.memory), min(u.records, v.records)}
}

// tooLong is when a run is given up.
const tooLong = 5 * time.Minute

func (s *scenario) measure(work, in string, a *agent) (u usage, err error) {
	out := filepath.Join(work, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return u, err
	}
	defer os.RemoveAll(out)
	conf := filepath.Join(work, "parsers.conf")
	if err := os.WriteFile(conf, []byte(parsers), 0o644); err != nil {
		return u, err
	}
	if err := writePod(out); err != nil {
		return u, err
	}
	var so string
	if s.output[0] == "-e" {
		if so, err = s.buildPlugin(work, a.theirs); err != nil {
			return u, err
		}
	}
	if u, err = watch(exec.Command(a.binary, s.args(in, out, conf, so)...)); err != nil {
		return u, err
	}
	if s.delivered != nil {
		u.records, err = s.delivered(out)
	}
	return u, err
}

// watch runs a command to its end.
func watch(cmd *exec.Cmd) (u usage, err error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return u, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(tooLong)
	peaks := map[int]float64{}
	for {
		select {
		case err := <-done:
			if err != nil {
				return u, fmt.Errorf("%w\n%s\n%s", err, cmd, stderr.Bytes())
			}
			u.wall = time.Since(begin)
			r := cmd.ProcessState.SysUsage().(*syscall.Rusage) // its children, as far as it has waited for them, are in it
			u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
			for _, p := range peaks {
				u.memory += p
			}
			return u, nil
		case <-look.C:
			notePeaks(cmd.Process.Pid, peaks) // ru_maxrss would begin with what this program had at the fork
		case <-deadline:
			_ = cmd.Process.Kill()
			return u, fmt.Errorf("did not end within %v: %s", tooLong, cmd)
		}
	}
}

// notePeaks notes the largest resident size so far of a process, its children and theirs.
func notePeaks(pid int, peaks map[int]float64) {
	if p := peak(pid); p > 0 {
		peaks[pid] = p
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(word); err == nil {
				notePeaks(child, peaks)
			}
		}
	}
}

// peak reads VmHWM of a process, in bytes; 0 when it is gone.
func peak(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseFloat(kb, 64)
	return n * 1024
}
