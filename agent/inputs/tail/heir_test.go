package tail

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"golang.org/x/sys/unix"
)

const (
	cutPart = "2024-05-06T07:08:09Z stdout P one, \n"
	end     = "2024-05-06T07:08:10Z stdout F two\n"
	more    = "2024-05-06T07:08:11Z stdout F three\n"
	both    = `in {"time":"2024-05-06T07:08:09Z","stream":"stdout","_p":"P","log":"one, two","at":36}`
	last    = `in {"time":"2024-05-06T07:08:11Z","stream":"stdout","_p":"F","log":"three","at":34}`
)

// rotated has a record begin in one file and end in the one that takes its place, and returns a place where
// it was emitted and is not settled.
func rotated(t *testing.T, settings ...string) *place {
	p := newPlace(t)
	p.write("a.log", more+cutPart)
	p.run(settings...)
	p.until("the first record", func() bool { return len(p.sink.list()) == 1 })
	p.sink.mu.Lock()
	p.sink.hold = true
	p.sink.mu.Unlock()
	p.rename("a.log", "a.log.1")
	p.write("a.log", end+more)
	p.until("all records", func() bool { return len(p.sink.list()) == 3 })
	return p
}

func TestARecordGoesOnInTheFileThatTakesItsPlace(t *testing.T) {
	p := rotated(t, "path", "DIR/a.log", "multiline.parser", "cri", "read_from_head", "on", "offset_key", "at", "rotate_wait", "1")
	p.want(`in {"time":"2024-05-06T07:08:11Z","stream":"stdout","_p":"F","log":"three","at":0}`, both, last)
	p.sink.mu.Lock()
	p.sink.hold = false
	p.sink.mu.Unlock()
	p.append("a.log", cutPart) // and on to the next file
	p.until("the part to be read", func() bool { return p.joining("a.log") })
	p.rename("a.log", "a.log.2")
	p.write("a.log", cutPart)
	p.until("the next part to be read", func() bool { return p.joining("a.log") })
	p.rename("a.log", "a.log.3")
	p.write("a.log", end)
	p.until("the last record", func() bool { return len(p.sink.list()) == 4 })
	if got, want := p.sink.list()[3], `in {"time":"2024-05-06T07:08:09Z","stream":"stdout","_p":"P","log":"one, one, two","at":70}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.until("the old files to be closed", func() bool { return len(p.in.watcher.all()) == 1 })
}

// joining reports whether the end of the file that has the name now was read and waits.
func (p *place) joining(name string) bool {
	var st unix.Stat_t
	if err := unix.Stat(p.path(name), &st); err != nil {
		return false
	}
	for _, f := range p.in.watcher.all() {
		if f.id == identify(&st) {
			return f.joining.Load() && f.seen.Load() > 0
		}
	}
	return false
}

func TestARecordOverTwoFilesIsReadAgainAfterARestart(t *testing.T) {
	settings := []string{"path", "DIR/a.log", "multiline.parser", "cri", "db", "DIR/state.db", "read_from_head", "on", "offset_key", "at", "rotate_wait", "1"}
	p := rotated(t, settings...)
	p.until("the offsets to be saved", func() bool {
		rows := p.rows()
		return len(rows) == 2 && rows[0].Offset == int64(len(more)) && rows[0].Rotated && rows[1].Offset == 0
	})
	p = p.again()
	p.sink.hold = true
	p.run(settings...)
	p.want(both, last)
	p.sink.mu.Lock()
	for _, b := range p.sink.unready {
		b.Settle(event.Delivered)
	}
	p.sink.mu.Unlock()
	p.until("the old file's row to go", func() bool {
		rows := p.rows()
		return len(rows) == 1 && rows[0].Offset == int64(len(end)+len(more))
	})
}

func TestAnHeirWaitsUntilAllOfALongFileIsRead(t *testing.T) {
	p := newPlace(t)
	gate := make(chan struct{})
	p.sink.gate = gate
	p.write("a.log", strings.Repeat(more, 10_000)+cutPart)
	p.run("path", "DIR/a.log", "multiline.parser", "cri", "read_from_head", "on", "rotate_wait", "1", "static_batch_size", "1", "event_batch_size", "1")
	p.until("the file to be open", func() bool { return len(p.in.watcher.all()) == 1 })
	p.rename("a.log", "a.log.1")
	p.write("a.log", end+more)
	p.until("the new file to be open", func() bool { return len(p.in.watcher.all()) == 2 })
	close(gate)
	p.until("all records", func() bool { return len(p.sink.list()) == 10_002 })
	if got := p.sink.list()[10_000]; !strings.Contains(got, `"one, two"`) {
		t.Errorf("got %s", got)
	}
}

func TestARecordGoesOnInTheNewFileAlsoWhenTheOldOneWasRenamedDuringARestart(t *testing.T) {
	p := newPlace(t)
	p.write("b.log", strings.Repeat(more, 20)+cutPart)
	settings := []string{"multiline.parser", "cri", "db", "DIR/state.db", "read_from_head", "on"}
	p.run(append([]string{"path", "DIR/b.log"}, settings...)...)
	p.until("the first records", func() bool { return len(p.sink.list()) == 20 })
	p.end()
	p.rename("b.log", "b.log.1")
	p.write("a.log", "")
	p.write("b.log", strings.ReplaceAll(end, "F", "P"))
	q := p.again()
	q.run(append([]string{"path", "DIR/*.log"}, settings...)...)
	q.until("the part to be read", func() bool { return q.joining("b.log") })
	q.append("b.log", end)
	q.want(`in {"time":"2024-05-06T07:08:09Z","stream":"stdout","_p":"P","log":"one, twotwo"}`)
}

func TestAFileThatIsFoundLateTakesNothingFromTheOneBehindIt(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", cutPart)
	p.start("path", "DIR/a.log", "multiline.parser", "cri", "read_from_head", "on")
	t.Cleanup(func() { _ = p.in.Close() })
	turn := func(f *file) *file {
		if err := p.in.turnOnce(p, f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	turn(p.in.watcher.all()[0]).rotated = true
	p.rename("a.log", "a.log.1")
	p.write("a.log", "")
	p.rename("a.log", "a.log.2")
	p.write("a.log", "")
	must(t, p.in.watcher.follow(p.path("a.log"), p.path("a.log")))
	var last *file
	for _, f := range p.in.watcher.all() {
		if !f.rotated {
			last = turn(f)
		}
	}
	must(t, p.in.watcher.follow(p.path("a.log"), p.path("a.log.2")))
	for _, f := range p.in.watcher.all() {
		turn(f)
	}
	p.append("a.log", end)
	turn(last)
	p.want(`in {"time":"2024-05-06T07:08:09Z","stream":"stdout","_p":"P","log":"one, two"}`)
}
