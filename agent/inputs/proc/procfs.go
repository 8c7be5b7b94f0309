package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// procfs is the directory where procfs is mounted.
type procfs string

// find returns the lowest ID among the processes whose program has the given name, or -1. Threads of the
// kernel have no program.
func (p procfs) find(name string) (pid int, err error) {
	dir, err := os.Open(string(p))
	if err != nil {
		return -1, fmt.Errorf("looking for the process: %w", err)
	}
	defer dir.Close()
	entries, err := dir.Readdirnames(-1)
	if err != nil {
		return -1, fmt.Errorf("looking for the process: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e); err == nil && n > 0 {
			pids = append(pids, n)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		data, err := os.ReadFile(p.file(pid, "cmdline"))
		if err == nil && program(data) == name {
			return pid, nil
		}
	}
	return -1, nil
}

func (p procfs) file(pid int, name string) string {
	return filepath.Join(string(p), strconv.Itoa(pid), name)
}

// program returns the last part of the path that begins a command line, whose arguments end in NUL.
func program(cmdline []byte) string {
	path, _, _ := bytes.Cut(cmdline, []byte{0})
	if len(path) == 0 {
		return ""
	}
	return filepath.Base(string(path))
}

// memoryKeys are the lines "Vm… N kB" of proc_pid_status(5) that records hold, in their order.
var memoryKeys = [...]string{"Peak", "Size", "Lck", "HWM", "RSS", "Data", "Stk", "Exe", "Lib", "PTE", "Swap"}

// memory holds the values of memoryKeys. Fluent Bit counts the kernel's kB as 1000, not 1024, bytes.
type memory [len(memoryKeys)]uint64

func (p procfs) memory(pid int) (memory, error) {
	name := p.file(pid, "status")
	data, err := os.ReadFile(name)
	if err != nil {
		return memory{}, notThere(err)
	}
	m, err := parseStatus(data)
	if err != nil {
		return memory{}, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func parseStatus(data []byte) (m memory, err error) {
	for line := range bytes.Lines(data) {
		key, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || !bytes.HasPrefix(key, []byte("Vm")) {
			continue
		}
		i := slices.Index(memoryKeys[:], string(key[2:]))
		f := bytes.Fields(value)
		if i < 0 || len(f) == 0 {
			continue
		}
		n, err := strconv.ParseUint(string(f[0]), 10, 50)
		if err != nil {
			return m, fmt.Errorf("%s is no size", key)
		}
		m[i] = n * 1000
	}
	return m, nil
}

// files counts the open files of a process.
func (p procfs) files(pid int) (int, error) {
	dir, err := os.Open(p.file(pid, "fd"))
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return len(names), notThere(err)
}

// notThere makes what procfs says of a process that ended while its file was open into what it says of one
// that ended before.
func notThere(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	return err
}
