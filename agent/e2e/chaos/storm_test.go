package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	long   = flag.Bool("long", false, "a million lines for each scenario instead of some thousand")
	seed   = flag.Uint64("seed", 0, "of the dice; 0 takes another one each time")
	binary = flag.String("binary", "", "the agent to test, instead of the one that is built from here")
)

func lines(short, full int) int {
	if *long {
		return full
	}
	return short
}

var built string

// TestMain builds the agent once.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "chaos")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		built = dir
		return m.Run()
	}())
}

var building sync.Mutex

func agentBinary(t *testing.T) string {
	t.Helper()
	if *binary != "" {
		path, err := filepath.Abs(*binary)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	building.Lock()
	defer building.Unlock()
	bin := filepath.Join(built, "fluent-bit")
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	return Build(t, "../../..", built)
}

const service = `[SERVICE]
    flush          0.1
    grace          10
    scheduler.base 1
    scheduler.cap  1
    log_level      debug
`

const toStdout = `[OUTPUT]
    name   stdout
    match  *
    format json_lines
`

// storm is a scenario of the input tail: a writer, an agent, and dice.
type storm struct {
	t     *testing.T
	rnd   *rand.Rand
	dir   string // of the log
	begin time.Time
	looks int
	*Writer
	*Agent
}

// newStorm prepares a storm over DIR/a.log. DIR in the settings of tail is replaced.
func newStorm(t *testing.T, settings ...string) *storm {
	t.Helper()
	t.Parallel() // most of the time is waiting for the next flush
	s := &storm{t: t, dir: t.TempDir(), begin: time.Now()}
	seed, rnd := Seeded(*seed)
	t.Logf("seed %d", seed)
	s.rnd = rnd
	conf := service + toStdout + "[INPUT]\n    name tail\n    read_from_head on\n    db DIR/tail.db\n"
	for _, set := range settings {
		if set[0] != '[' {
			set = "    " + set
		}
		conf += set + "\n"
	}
	s.Writer = NewWriter(t, s.rnd, filepath.Join(s.dir, "a.log"))
	s.Agent = NewAgent(t, agentBinary(t))
	s.configure(conf)
	return s
}

func (s *storm) configure(conf string) { s.Configure(strings.ReplaceAll(conf, "DIR", s.dir)) }

// caughtUp waits until all that was written came out.
func (s *storm) caughtUp() {
	s.t.Helper()
	s.Continue()
	s.Unblock()
	s.Finish()
	s.Until(fmt.Sprintf("all %d lines", s.Next), func() bool { return s.Tally.Distinct() >= s.Next })
}

// caughtUpBut waits until the last line came out. Earlier ones may have vanished.
func (s *storm) caughtUpBut() {
	s.t.Helper()
	s.Continue()
	s.Unblock()
	s.Write(1)
	s.Finish()
	s.Until("the last line", func() bool { return s.Tally.Has(s.Next - 1) })
}

// held waits until the agent has the log open: nobody can read a file that was gone before he looked.
func (s *storm) held() {
	s.t.Helper()
	s.Continue()
	s.Until("the log to be opened", func() bool { return s.Holds(s.Path) })
}

// looked waits until the agent knows how large the log is now. It handles what the kernel tells it in order,
// so it does once it has opened a file that came after. That file stays: when one goes, the agent lists the
// folder, and finds the next before its turn.
func (s *storm) looked() {
	s.t.Helper()
	s.Continue()
	s.looks++
	path := filepath.Join(s.dir, fmt.Sprintf("look.%d", s.looks))
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.Until("a look", func() bool { return s.Holds(path) })
}

// end waits for all lines, ends the agent, and reports.
func (s *storm) end(duplicates bool) {
	s.t.Helper()
	s.caughtUp()
	if r := s.result(duplicates); len(r.Lost) > 0 {
		s.t.Errorf("lost, among others: %v", r.Lost[:min(20, len(r.Lost))])
	}
}

// result ends the agent and reports what came, but for what was lost.
func (s *storm) result(duplicates bool) Result {
	s.t.Helper()
	s.held() // it has begun to work, so it ends in an orderly way
	if code := s.Terminate(); code != 0 {
		s.t.Errorf("exit code %d; the end of the log:\n%s", code, s.LogEnd())
	}
	s.Close()
	r := s.Tally.Of(s.Next)
	s.t.Logf("%d lines, %d MB; renamed %d, copied and truncated %d, deleted %d times; agent stopped %d, output blocked %d, killed %d, terminated %d times; lost %d, duplicated %d; %.1f s",
		s.Next, s.Size/1e6, s.Renames, s.Truncations, s.Recreations, s.Stops, s.Blocks, s.Kills, s.Terminations,
		len(r.Lost), r.Duplicated, time.Since(s.begin).Seconds())
	if r.Duplicated > 0 && !duplicates {
		s.t.Errorf("%d lines came more than once", r.Duplicated)
	}
	if len(r.Strange) > 0 {
		s.t.Errorf("strange output: %q", r.Strange)
	}
	return r
}

// play writes total lines in bursts, some 50 of them or 400, and after each lets the dice choose a move.
func (s *storm) play(total int, moves ...func()) {
	s.t.Helper()
	for s.Next < total {
		s.Write(min(total-s.Next, 1+s.rnd.IntN(1+total/lines(25, 200))))
		moves[s.rnd.IntN(len(moves))]()
	}
}

func (s *storm) rest() {}

// pause stops the process, blocks its output, or ends one of these.
func (s *storm) pause() {
	switch {
	case s.Stopped():
		s.Continue()
	case s.Blocked():
		s.Unblock()
	case s.rnd.IntN(2) == 0:
		s.Stop()
	default:
		s.Block()
	}
}

func (s *storm) rename() { s.t.Helper(); s.Rename() }
