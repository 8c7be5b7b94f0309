package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// newStored prepares a storm with two outputs: stdout, and a file in the folder late, which fails as long as
// that folder is not there. storage are keys of the service.
func newStored(t *testing.T, input string, storage ...string) *storm {
	t.Helper()
	s := newStorm(t)
	s.configure(storedConf(input, "", storage...))
	return s
}

// storedConf is a configuration as newStored wants it. late are keys of the second output.
func storedConf(input, late string, storage ...string) string {
	conf := strings.Replace(service, "grace          10", "grace 1", 1)
	for _, key := range storage {
		conf += "    " + key + "\n"
	}
	return conf + toStdout + "[OUTPUT]\n    name file\n    match *\n    path DIR/late\n    file out\n" + late +
		"[INPUT]\n    name tail\n    read_from_head on\n    path DIR/a.log*\n    exclude_path *.db*\n    db DIR/tail.db\n    rotate_wait 1\n" + input
}

// late is what the second output has taken so far.
func (s *storm) late() *Tally {
	text, _ := os.ReadFile(filepath.Join(s.dir, "late", "out"))
	t := new(Tally)
	_, _ = t.Write(text)
	return t
}

func (s *storm) healed() {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, "late"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.Finish()
	s.Until("the second output to have it all", func() bool { return s.late().Distinct() >= s.Next })
}

// peak is the most memory that the agent has had so far, in MB.
func (s *storm) peak() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return kilobytes * 1024 / 1e6
}

// left lists the chunks that are still on disk.
func (s *storm) left() []string {
	files, err := filepath.Glob(filepath.Join(s.dir, "store", "*", "*.flb"))
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// One output is down for the whole time, the agent is killed again and again: neither output loses a line.
func TestFileStorageSurvivesKills(t *testing.T) {
	for _, keys := range [][]string{{"storage.sync normal"}, {"storage.sync full", "storage.checksum on"}} {
		t.Run(keys[0], func(t *testing.T) {
			s := newStored(t, "    storage.type filesystem\n", append(keys, "storage.path DIR/store", "storage.max_chunks_up 4")...)
			s.Start()
			kill := func() {
				s.Kill()
				s.Write(s.rnd.IntN(100))
				s.Start()
			}
			s.play(lines(20_000, 1_000_000), kill, kill, s.pause, s.pause, s.rest, s.rename)
			s.caughtUp()
			s.healed()
			s.end(true)
			if r := s.late().Of(s.Next); len(r.Lost) > 0 {
				t.Errorf("the second output lacks %d lines", len(r.Lost))
			}
			if left := s.left(); len(left) > 0 {
				t.Errorf("delivered, and still there: %v", left)
			}
		})
	}
}

// litter leaves in the store what a writer leaves that was cut off before it noted that there is more, and
// files that are none.
func (s *storm) litter() {
	s.t.Helper()
	for _, file := range s.left() {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		s.Agent.check(err)
		_, err = f.Write(AppendLine(nil, s.Next+s.rnd.IntN(1000))[:12])
		s.Agent.check(err)
		s.Agent.check(f.Close())
		if s.rnd.IntN(3) > 0 {
			break
		}
	}
	if dir := filepath.Join(s.dir, "store", "tail.0"); s.rnd.IntN(2) == 0 && os.MkdirAll(dir, 0o755) == nil {
		name := filepath.Join(dir, fmt.Sprintf("1-%d.1.flb", s.Kills))
		s.Agent.check(os.WriteFile(name, AppendLine(nil, 1)[:s.rnd.IntN(12)], 0o600))
	}
}

// Everything at once: kills, orderly ends, reloads, outputs that hang and that come and go, rotations.
func TestFileStorageInTheStorm(t *testing.T) {
	const input = "    storage.type filesystem\n"
	keys := []string{"storage.path DIR/store", "storage.sync full", "storage.checksum on", "hot_reload on"}
	s := newStored(t, input, keys...)
	reloads := 0
	reload := func() {
		s.caughtUp() // it handles signals by now
		reloads++
		s.configure(storedConf(input, fmt.Sprintf("    workers %d\n", 1+reloads%2), keys...))
		done := func() int { return strings.Count(s.Log(), "is in force (reload ") }
		before := done()
		s.signal(syscall.SIGHUP)
		s.Until("the reload", func() bool { return done() > before })
	}
	late, gone := filepath.Join(s.dir, "late"), filepath.Join(s.dir, "gone")
	if err := os.Mkdir(late, 0o755); err != nil {
		t.Fatal(err)
	}
	swap := func() {
		if os.Rename(late, gone) != nil {
			_ = os.Rename(gone, late)
		}
	}
	s.Start()
	s.play(lines(20_000, 1_000_000), swap, s.pause, s.rest, s.rename, s.caughtUp, reload,
		func() { s.Kill(); s.litter(); s.Write(s.rnd.IntN(100)); s.Start() },
		func() { s.held(); s.Unblock(); s.Terminate(); s.Start() })
	s.caughtUp()
	_ = os.Rename(gone, late)
	s.healed()
	s.end(true)
	if r := s.late().Of(s.Next); len(r.Lost) > 0 {
		t.Errorf("the second output lacks %d lines", len(r.Lost))
	}
	if left := s.left(); len(left) > 0 {
		t.Errorf("delivered, and still there: %v", left)
	}
}

// All outputs are down whenever the agent is killed. Lines come twice only when it dies between storing them
// and noting how far it has read.
func TestFileStorageSurvivesKillsWhileAllIsDown(t *testing.T) {
	s := newStored(t, "    storage.type filesystem\n", "storage.path DIR/store")
	s.configure(service + "    storage.path DIR/store\n[OUTPUT]\n    name file\n    match *\n    path DIR/late\n    file out\n" +
		"[INPUT]\n    name tail\n    read_from_head on\n    path DIR/a.log\n    db DIR/tail.db\n    storage.type filesystem\n")
	for range 5 {
		s.Write(400)
		s.Finish()
		s.Start()
		s.Until("all lines to be stored", func() bool {
			return strings.Count(s.Log(), "failed to flush chunk") > s.Kills && s.stored() >= s.Next
		})
		s.Kill()
	}
	s.Start()
	s.healed()
	s.Terminate()
	r := s.late().Of(s.Next)
	t.Logf("%d lines, killed %d times, duplicated %d", s.Next, s.Kills, r.Duplicated)
	if len(r.Lost)+len(r.Strange) > 0 {
		t.Errorf("got %+v", r)
	}
}

// stored counts the lines in the chunks on disk.
func (s *storm) stored() int {
	t := new(Tally)
	for _, file := range s.left() {
		data, _ := os.ReadFile(file)
		_, _ = t.Write(append(data, '\n'))
	}
	return t.Distinct()
}

// Memory storage is saved at SIGTERM when there is a folder for it: then each output gets each line once.
func TestMemoryIsSavedAtTheEnd(t *testing.T) {
	s := newStored(t, "    mem_buf_limit 1M\n", "storage.path DIR/store")
	s.configure(strings.Replace(service, "grace          10", "grace 1", 1) + "    storage.path DIR/store\n" + toStdout +
		"[OUTPUT]\n    name file\n    match *\n    path DIR/late\n    file out\n" +
		"[INPUT]\n    name tail\n    read_from_head on\n    path DIR/a.log\n    db DIR/tail.db\n")
	for range 4 {
		s.Start()
		s.held()
		s.Write(lines(2_000, 50_000))
		s.caughtUp()
		s.Terminate()
	}
	s.Start()
	s.healed()
	s.end(false)
	if r := s.late().Of(s.Next); len(r.Lost)+r.Duplicated+len(r.Strange) > 0 {
		t.Errorf("the second output got %d lines twice and lacks %d; strange: %q", r.Duplicated, len(r.Lost), r.Strange)
	}
	if log := s.Log(); !strings.Contains(log, "that could not be delivered are saved in") {
		t.Errorf("no word about what was saved:\n%s", s.LogEnd())
	}
}

// A dead output neither delays another nor pauses the input, however small mem_buf_limit is, and gets all of
// it once it is back: there is no limit on retries unless one is set.
func TestDeadOutputDelaysNoOther(t *testing.T) {
	budget := lines(8, 256) // MB, for 10 MB of lines, or 2 GB
	s := newStored(t, "    mem_buf_limit 1M\n", fmt.Sprintf("storage.memory_budget %dM", budget), "storage.spill_limit 4G")
	s.Start()
	s.held()
	for s.Next < lines(100_000, 25_000_000) {
		s.Write(100_000)
		s.caughtUp()
	}
	if peak := s.peak(); peak > max(budget, 64) {
		t.Errorf("the agent needed %d MB, storage.memory_budget is %d MB", peak, budget)
	} else {
		t.Logf("at most %d MB of memory for %d MB of lines", peak, s.Size/1e6)
	}
	s.healed()
	s.end(false)
	if r := s.late().Of(s.Next); len(r.Lost)+r.Duplicated+len(r.Strange) > 0 {
		t.Errorf("the second output got %d lines twice and lacks %d; strange: %q", r.Duplicated, len(r.Lost), r.Strange)
	}
}

// What does not fit under storage.total_limit_size is lost to that output alone, and every record is counted.
func TestEvictedRecordsAreCounted(t *testing.T) {
	s := newStorm(t)
	limit := lines(300_000, 20_000_000)
	s.configure(service + "    storage.path DIR/store\n" + toStdout +
		fmt.Sprintf("[OUTPUT]\n    name file\n    match *\n    path DIR/late\n    file out\n    storage.total_limit_size %d\n", limit) +
		"[INPUT]\n    name tail\n    read_from_head on\n    path DIR/a.log\n    db DIR/tail.db\n    storage.type filesystem\n")
	s.Start()
	s.held()
	s.play(lines(20_000, 1_000_000), s.rest, s.caughtUp, s.pause)
	s.caughtUp()
	dumps := func() [][]string {
		return regexp.MustCompile(`storage_full +: (\d+) records`).FindAllStringSubmatch(s.Log(), -1)
	}
	before := len(dumps())
	s.signal(syscall.SIGCONT)
	s.Until("the dump", func() bool { return len(dumps()) > before })
	told, _ := strconv.Atoi(dumps()[before][1])
	if err := os.Mkdir(filepath.Join(s.dir, "late"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Until("the rest to be delivered", func() bool { return len(s.left()) == 0 })
	s.end(false)
	r := s.late().Of(s.Next)
	t.Logf("%d lines evicted", told)
	if len(r.Lost) != told || told == 0 || r.Duplicated > 0 {
		t.Errorf("%d lines are lost, %d were told; %d came twice", len(r.Lost), told, r.Duplicated)
	}
}

// A disk that is full pauses the input. When there is room again it goes on by itself, and nothing is lost.
func TestFullDiskPausesAndRecovers(t *testing.T) {
	if out, err := exec.Command("unshare", "-rm", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespace for a small disk: %v %s", err, out)
	}
	s := newStored(t, "    storage.type filesystem\n", "storage.path DIR/store")
	store := filepath.Join(s.dir, "store")
	script := filepath.Join(s.dir, "run.sh")
	text := fmt.Sprintf("#!/bin/sh\nexec unshare -rm sh -c 'mount -t tmpfs -o size=2M small %s && exec %s \"$@\"' sh \"$@\"\n", store, s.bin)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(store, 0o755); err != nil {
		t.Fatal(err)
	}
	s.bin = script
	s.Start()
	s.Until("the agent to have the log", func() bool { return s.Holds(s.Path) })
	s.Write(lines(40_000, 400_000))
	s.Until("the disk to be full", func() bool { return strings.Contains(s.Log(), "paused (the disk does not take its records") })
	s.Write(1000)
	s.healed() // and with that there is room
	s.end(false)
	if !strings.Contains(s.Log(), "the disk takes data again") {
		t.Errorf("no word about the recovery:\n%s", s.LogEnd())
	}
	if r := s.late().Of(s.Next); len(r.Lost)+r.Duplicated+len(r.Strange) > 0 {
		t.Errorf("the second output got %d lines twice and lacks %d", r.Duplicated, len(r.Lost))
	}
}
