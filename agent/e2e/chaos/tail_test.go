package chaos

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRenamedFilesComeExactlyOnce(t *testing.T) {
	s := newStorm(t, "path DIR/a.log*", "exclude_path *.db*", "rotate_wait 1", "mem_buf_limit 1M")
	s.Start()
	s.play(lines(10_000, 1_000_000), s.rename, s.pause, s.pause, s.rest, s.caughtUp, func() {
		s.caughtUp()
		s.Terminate()
		s.Start()
	})
	s.end(false)
}

func TestRenamedOutOfThePatternComeExactlyOnce(t *testing.T) {
	s := newStorm(t, "path DIR/a.log", "rotate_wait 1", "mem_buf_limit 1M")
	s.Start()
	s.held() // from here on renamed files are followed
	s.play(lines(10_000, 1_000_000), s.rename, s.Shift, func() { s.held(); s.Recreate() }, s.pause, s.pause, s.caughtUp)
	s.end(false)
}

func TestKillsLoseNothing(t *testing.T) {
	s := newStorm(t, "path DIR/a.log*", "rotate_wait 1", "mem_buf_limit 1M")
	s.Start()
	truncate := func() { s.caughtUp(); s.CopyTruncate() }
	recreate := func() { s.caughtUp(); s.Recreate() }
	s.play(lines(10_000, 1_000_000), s.rename, s.rename, truncate, recreate, s.pause, s.pause, s.rest, func() {
		s.Kill()
		s.Write(s.rnd.IntN(100))
		if s.rnd.IntN(2) == 0 {
			s.Rename()
		}
		s.Start()
	})
	s.end(true)
}

func TestTruncatedFilesComeExactlyOnceWhenCaughtUp(t *testing.T) {
	s := newStorm(t, "path DIR/a.log", "mem_buf_limit 1M")
	s.Start()
	s.play(lines(10_000, 1_000_000), func() { s.caughtUp(); s.CopyTruncate() }, s.pause, s.rest)
	s.end(false)
}

// TestTruncationsThatComeTooEarlyAreCounted empties files that the agent is behind with. What it could not
// read is lost; it is to know exactly how much.
func TestTruncationsThatComeTooEarlyAreCounted(t *testing.T) {
	const address = "127.0.0.1:21977"
	s := newStorm(t, "path DIR/a.log,DIR/look.*", fmt.Sprintf("mem_buf_limit %d", lines(100_000, 1_000_000)), "refresh_interval 1h",
		"[SERVICE]", "http_server on", "http_listen 127.0.0.1", "http_port 21977")
	truncate := func() {
		s.Finish()
		s.looked()
		s.CopyTruncate()
		s.looked()
	}
	s.Start()
	s.Block()
	s.Write(lines(20_000, 100_000)) // more than the agent may hold
	truncate()
	s.play(lines(30_000, 1_000_000), s.pause, s.pause, s.rest, s.caughtUpBut, truncate)
	s.caughtUpBut()
	metrics := get(t, "http://"+address+"/api/v2/metrics/prometheus")
	lost := 0
	for _, n := range s.result(false).Lost {
		lost += LineSize(n)
	}
	t.Logf("%d bytes lost", lost)
	if lost == 0 {
		t.Error("nothing was lost: this is no test")
	}
	check := func(what, text, pattern string) {
		t.Helper()
		reported := 0
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			n, _ := strconv.Atoi(m[1])
			reported += n
		}
		if reported != lost {
			t.Errorf("%d bytes are lost, %s says %d", lost, what, reported)
		}
	}
	check("the log", s.Log(), `before its last (\d+) bytes were read`)
	check("the counter", metrics, `fluentbit_input_lost_bytes_total\{name="tail.0",reason="truncated"\} (\d+)`)
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestBurstBeforeARotation has a program write much more at once than the agent may hold, and then rename
// its log, while the output hangs for longer than rotate_wait. The other settings are those that most clusters
// run with.
func TestBurstBeforeARotation(t *testing.T) {
	s := newStorm(t, "path DIR/a.log", fmt.Sprintf("mem_buf_limit %d", lines(100_000, 5_000_000)), "rotate_wait 1")
	s.Start()
	s.held()
	s.Write(1000)
	s.caughtUp()
	s.Block()
	s.Write(lines(20_000, 1_000_000))
	s.Rename()
	s.Write(100)
	s.held()
	begin := time.Now()
	s.Until("rotate_wait to be over twice", func() bool { return time.Since(begin) > 2*time.Second })
	s.end(false)
}

// TestOutputIsDownWhenTheAgentEnds is about records that are in memory only when the agent goes.
func TestOutputIsDownWhenTheAgentEnds(t *testing.T) {
	const n = 2000
	for name, end := range map[string]func(*storm){
		"SIGKILL": func(s *storm) { s.Kill() },
		"SIGTERM": func(s *storm) { s.Terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "not-there-yet")
			s := newStorm(t, "path DIR/a.log")
			s.configure(strings.Replace(service, "grace          10", "grace 1", 1) + "[INPUT]\n    name tail\n    read_from_head on\n    path DIR/a.log\n    db DIR/tail.db\n" +
				"[OUTPUT]\n    name file\n    match *\n    path " + out + "\n    file out\n")
			s.Write(n)
			s.Finish()
			s.Start()
			s.Until("the output to fail", func() bool { return strings.Contains(s.Log(), "failed to flush chunk") })
			end(s)
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			s.Start()
			taken := func() *Tally {
				text, _ := os.ReadFile(filepath.Join(out, "out"))
				t := new(Tally)
				_, _ = t.Write(text)
				return t
			}
			s.Until("all lines", func() bool { return taken().Distinct() == n })
			s.Terminate()
			if r := taken().Of(n); len(r.Lost)+r.Duplicated+len(r.Strange) > 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestThousandIdleFilesCostNearlyNothing(t *testing.T) {
	const files = 1000
	s := newStorm(t, "path DIR/*.log")
	for i := range files {
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("idle%d.log", i)), append(AppendLine(nil, i), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.Start()
	s.Until("all files to be read", func() bool { return s.Tally.Distinct() == files })
	const span = 3 * time.Second
	begin, before := time.Now(), s.CPU()
	s.Until("some time to pass", func() bool { return time.Since(begin) > span })
	used := s.CPU() - before
	t.Logf("%v of processor time in %v", used, span)
	if used > span/20 {
		t.Errorf("%v of processor time in %v", used, span)
	}
	s.Terminate()
}

// TestHugeLinesNeedLittleMemory has lines of a hundred megabytes left out, or cut, and with them all that
// comes in between.
func TestHugeLinesNeedLittleMemory(t *testing.T) {
	for _, how := range []string{"skip_long_lines on", "truncate_long_lines on"} {
		t.Run(how, func(t *testing.T) {
			s := newStorm(t, "path DIR/a.log", how)
			s.Write(100)
			s.Finish()
			for range 3 {
				s.Huge(100 << 20)
				s.Write(100)
				s.Finish()
			}
			s.Start()
			s.caughtUp()
			used := s.Memory()
			t.Logf("%d MB at most", used>>20)
			if used > 100<<20 {
				t.Errorf("%d MB of memory", used>>20)
			}
			s.Terminate()
		})
	}
}
