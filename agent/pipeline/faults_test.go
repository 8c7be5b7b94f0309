package pipeline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

func TestAChunkOfWhichNothingIsLeftIsGivenUpByEveryOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir), "input source tag=a n=2 storage.type=filesystem", "output sink match=* mode=dead")
		r.runFor(t, 5*time.Second)
		files, _ := filepath.Glob(filepath.Join(dir, "*", "*.flb"))
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		copy(data[bytes.IndexByte(data, 'a')+1:], bytes.Repeat([]byte{0xc1}, 20)) // not one record can be read
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=*", "output sink match=*")
		time.AfterFunc(50*time.Second, func() {
			for _, o := range r.p.outputs {
				if n := o.pending.count(); n != 0 {
					t.Errorf("%s still tries %d chunks", o.name, n)
				}
			}
		})
		r.runFor(t, time.Minute)
	})
}

func TestASpillThatFailedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "later")
		r := mustBuild(t, func(s *Settings) {
			s.MemoryBudget, s.Storage = 100_000, Storage{SpillLimit: 1e6, spillInto: []string{dir}}
		},
			"input source tag=a n=24 size=8000 pause=2", "output sink match=* mode=dead")
		time.AfterFunc(time.Minute, func() {
			if n := r.p.inputs[0].counters.Records.Load(); n == 24 {
				t.Error("the input was not paused while there was no spill")
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Error(err)
			}
		})
		r.runFor(t, 200*time.Second)
		if n := r.p.inputs[0].counters.Records.Load(); n != 24 {
			t.Errorf("the input brought %d of 24 records", n)
		}
		if n := strings.Count(r.log.String(), "cannot be put into a temporary file"); n > 3 {
			t.Errorf("told %d times", n)
		}
	})
}

func TestAPoisonedChunkThatCannotBeSetAsideIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := inDir(t.TempDir(), func(s *Settings) {
			s.Storage.Rejected, s.Storage.KeepRejected, s.Storage.RejectedLimit = "rejected", true, 1
		})
		r := mustBuild(t, set, "input source tag=a n=3", "output sink match=* mode=poison")
		r.runFor(t, 10*time.Second)
		if lost, saved := r.p.lost[Poisoned].Load(), r.p.saved.records.Load(); lost != 0 || saved != 3 {
			t.Errorf("%d of 3 records were thrown away and %d saved:\n%s", lost, saved, r.log.String())
		}
	})
}

func TestALongQueueIsLeftInNoTime(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a", "output sink match=*")
	o := r.p.outputs[0]
	for i := range 50_000 {
		o.pending.Add(1)
		d := &delivery{stored: &stored{id: uint64(i), in: r.p.inputs[0]}}
		d.left.Store(1)
		o.waiting[d] = time.AfterFunc(time.Hour, func() {})
	}
	begin := time.Now()
	o.abandon()
	if took := time.Since(begin); took > 20*time.Second || o.pending.count() != 0 {
		t.Errorf("it took %v, and %d chunks are left", took, o.pending.count())
	}
}

func TestTheOldestChunkIsOldestWhereverItStands(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a", "output sink match=*")
	o := r.p.outputs[0]
	for _, id := range []uint64{5, 6, 3, 7} { // 3 and 7 have come back for their next attempt
		o.ready = append(o.ready, &delivery{stored: &stored{id: id}})
	}
	o.waiting[&delivery{stored: &stored{id: 4}}] = time.AfterFunc(time.Hour, func() {})
	for want := range uint64(5) {
		if d := o.oldest(); d.id != want+3 {
			t.Errorf("the oldest but %d is %d", want, d.id)
		}
	}
}

func TestWhatTheDiskDoesNotSyncIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) {
			s.Storage.Full, s.Storage.fileSystem = true, noSync{flaky{storage.Disk(), &broken}}
		}), "input source tag=a n=5", "output sink match=* mode=dead")
		broken.Store(true)
		r.runFor(t, 5*time.Second)
		if n := r.settled.of("delivered"); n != 0 {
			t.Errorf("%d batches count as durable", n)
		}
		if lost, saved := r.p.lost[Shutdown].Load(), r.p.saved.records.Load(); lost != 5 || saved != 0 {
			t.Errorf("%d of 5 records count as lost, %d as saved:\n%s", lost, saved, r.log.String())
		}
	})
}

// Whoever reads a chunk last sees to it that nothing of it is left, also when it could not be read.
func TestAChunkThatCannotBeReadLeavesNothing(t *testing.T) {
	spill := storage.NewSpill(1000, t.TempDir())
	m := &memory{limit: 100, spill: spill, changed: func() {}}
	e, err := spill.Put([]byte("no record"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stored{place: place{extent: &e, gone: true}} // all routes were done with it meanwhile
	m.spilled = 1
	if err := spill.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.take(s); err == nil {
		t.Error("it was read")
	}
	if m.spilled != 0 || spill.Used() != 0 {
		t.Errorf("%d chunks with %d bytes are in the spill", m.spilled, spill.Used())
	}
}

// Clients choose tags, and must not write lines of their own into the log.
func TestATagWritesNoLineIntoTheLog(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a", "output sink match=b")
	const tag = "x\n[2026/01/01 00:00:00.000] [error] forged \x1b[2J"
	b := event.New(tag)
	b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
	r.p.lose(NoRoute, r.p.inputs[0], b)
	for _, text := range []string{r.log.String(), (&stored{tag: tag}).String()} {
		if strings.Contains(text, "\n[2026/01/01") || strings.Contains(text, "\x1b") || !strings.Contains(text, `tag 'x\n[2026`) {
			t.Errorf("it is told as %s", text)
		}
	}
}
