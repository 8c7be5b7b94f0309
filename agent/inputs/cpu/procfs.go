package cpu

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The unit in which procfs counts processor time (USER_HZ): 100 a second wherever Go runs on Linux.
const (
	ticksPerSecond = 100
	tick           = time.Second / ticksPerSecond
)

// spent is processor time used since the start, in ticks; user includes nice.
type spent struct {
	name         string // of a processor: "cpu0"
	user, system uint64
}

// since returns what was spent after old. A counter that fell, since a processor came back or a process ID
// was used again, says nothing and counts as zero.
func (s spent) since(old spent) spent {
	return spent{s.name, grown(old.user, s.user), grown(old.system, s.system)}
}

func grown(old, now uint64) uint64 {
	if now < old {
		return 0
	}
	return now - old
}

// procfs is the directory where procfs is mounted. See proc_stat(5) and proc_pid_stat(5).
type procfs string

// system reads the sum over all processors, and each of them that is online.
func (p procfs) system() (total spent, cores []spent, err error) {
	name := filepath.Join(string(p), "stat")
	data, err := os.ReadFile(name)
	if err != nil {
		return spent{}, nil, err
	}
	total, cores, err = parseSystem(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return total, cores, err
}

var errStat = errors.New("has not the form of proc_stat(5)")

// parseSystem reads lines "cpu[N] user nice system …", which stand first.
func parseSystem(data []byte) (total spent, cores []spent, err error) {
	for line := range bytes.Lines(data) {
		f := bytes.Fields(line)
		if len(f) == 0 || !bytes.HasPrefix(f[0], []byte("cpu")) {
			break
		}
		if len(f) < 4 {
			return spent{}, nil, errStat
		}
		var n [3]uint64
		for i := range n {
			if n[i], err = strconv.ParseUint(string(f[1+i]), 10, 64); err != nil {
				return spent{}, nil, errStat
			}
		}
		s := spent{string(f[0]), n[0] + n[1], n[2]}
		if s.name == "cpu" {
			total = s
			continue
		}
		cores = append(cores, s)
	}
	if total.name == "" {
		return spent{}, nil, errStat
	}
	return total, cores, nil
}

// process reads what one process used, all of its threads together.
func (p procfs) process(pid int) (spent, error) {
	name := filepath.Join(string(p), strconv.Itoa(pid), "stat")
	data, err := os.ReadFile(name)
	if err != nil {
		return spent{}, err
	}
	s, err := parseProcess(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return s, err
}

var errPidStat = errors.New("has not the form of proc_pid_stat(5)")

// parseProcess reads "pid (name) state …", where utime and stime are fields 14 and 15. The name may hold
// blanks and parentheses, so counting begins behind the last one.
func parseProcess(data []byte) (spent, error) {
	f := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(f) <= stime {
		return spent{}, errPidStat
	}
	user, err1 := strconv.ParseUint(string(f[utime]), 10, 64)
	system, err2 := strconv.ParseUint(string(f[stime]), 10, 64)
	if err1 != nil || err2 != nil {
		return spent{}, errPidStat
	}
	return spent{user: user, system: system}, nil
}
