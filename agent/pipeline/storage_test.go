package pipeline

import (
	"bytes"
	"errors"
	"fmt"
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

// inDir lets a pipeline keep its chunks in dir.
func inDir(dir string, more ...func(*Settings)) func(*Settings) {
	return func(s *Settings) {
		s.Storage = Storage{Path: dir, MaxUp: 128, BacklogMemory: 100e6, SpillLimit: 1e9, spillInto: []string{dir}}
		for _, f := range more {
			f(s)
		}
	}
}

// chunksIn counts the chunk files below dir.
func chunksIn(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*.flb"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestRecordsInFilesAreDurableAtOnceAndComeAgain(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			set := inDir(dir, func(s *Settings) { s.Storage.Full, s.Storage.Checksum = full, true })
			r := mustBuild(t, set, "input source tag=a n=50 storage.type=filesystem", "output sink match=* mode=dead")
			r.runFor(t, 10*time.Second)
			if n := r.settled.of("delivered"); n != 50 {
				t.Errorf("%d of 50 batches are durable", n)
			}
			if log := r.log.String(); !strings.Contains(log, "(50 records) that could not be delivered are saved in") {
				t.Errorf("no word about what was saved:\n%s", log)
			}
			if n := r.p.lost[Shutdown].Load(); n != 0 {
				t.Errorf("%d records count as lost", n)
			}
			r = mustBuild(t, set, "input source tag=b n=0", "output sink match=*")
			r.runFor(t, 10*time.Second)
			for i := range 50 {
				if n := r.got.of(fmt.Sprintf("sink.0 %d", i)); n != 1 {
					t.Errorf("record %d came %d times", i, n)
				}
			}
			if n := chunksIn(t, dir); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

func TestAnOutputGetsNoChunkAgainThatItHasHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir), "input source tag=a n=5 storage.type=filesystem", "output sink match=* mode=dead", "output sink match=*")
		r.runFor(t, 5*time.Second)
		if n := r.got.of("records sink.1"); n != 5 {
			t.Fatalf("the healthy output got %d of 5", n)
		}
		r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=*", "output sink match=*")
		r.runFor(t, 5*time.Second)
		if a, b := r.got.of("records sink.0"), r.got.of("records sink.1"); a != 5 || b != 0 {
			t.Errorf("the next run brought %d records to the one and %d to the other, want 5 and 0", a, b)
		}
	})
}

func TestMemoryIsSavedAtShutdownWhenThereIsAFolder(t *testing.T) {
	for _, mode := range []string{"dead", "hang"} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			r := mustBuild(t, inDir(dir), "input source tag=a n=5", "output sink match=* mode="+mode, "output sink match=*")
			r.runFor(t, 5*time.Second)
			if n := r.settled.of("delivered"); n != 5 {
				t.Errorf("%s: %d of 5 batches are durable", mode, n)
			}
			r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=*", "output sink match=*")
			r.runFor(t, 5*time.Second)
			if a, b := r.got.of("records sink.0"), r.got.of("records sink.1"); a != 5 || b != 0 {
				t.Errorf("%s: the next run brought %d records to the one and %d to the other, want 5 and 0", mode, a, b)
			}
		})
	}
}

func TestChunksWithoutARouteWaitForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir), "input source tag=a n=5 storage.type=filesystem", "output sink match=* mode=dead")
		r.runFor(t, 5*time.Second)
		r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=b")
		r.runFor(t, 5*time.Second)
		if log := r.log.String(); !strings.Contains(log, "no matching route for 1 chunks with tag 'a', keeping them on disk") {
			t.Errorf("no word about it:\n%s", log)
		}
		if n := chunksIn(t, dir); n != 1 {
			t.Errorf("%d chunks on disk, want 1", n)
		}
		r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=a")
		r.runFor(t, 5*time.Second)
		if n := r.got.of("records sink.0"); n != 5 {
			t.Errorf("%d of 5 records came", n)
		}
	})
}

// flaky is the machine's file system with a disk that may be full.
type flaky struct {
	storage.FS
	full *atomic.Bool
}

var errFull = errors.New("no space left on device")

func (f flaky) Create(name string) (storage.Handle, error) {
	if f.full.Load() {
		return nil, errFull
	}
	h, err := f.FS.Create(name)
	return flakyHandle{h, f.full}, err
}

type flakyHandle struct {
	storage.Handle
	full *atomic.Bool
}

func (h flakyHandle) WriteAt(p []byte, at int64) (int, error) {
	if h.full.Load() {
		return 0, errFull
	}
	return h.Handle.WriteAt(p, at)
}

func TestFullDiskPausesTheInputAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir, func(s *Settings) { s.Storage.fileSystem = flaky{storage.Disk(), &full} }),
			"input source tag=a n=30 pause=1 storage.type=filesystem", "output sink match=*")
		time.AfterFunc(9500*time.Millisecond, func() { full.Store(true) })
		time.AfterFunc(29500*time.Millisecond, func() { full.Store(false) })
		time.AfterFunc(28*time.Second, func() {
			if n := r.p.inputs[0].counters.Records.Load(); n > 12 {
				t.Errorf("the input brought %d records, the disk was full from the tenth on", n)
			}
		})
		r.runFor(t, time.Minute)
		for i := range 30 {
			if n := r.got.of(fmt.Sprintf("sink.0 %d", i)); n != 1 {
				t.Errorf("record %d came %d times", i, n)
			}
		}
		if n := r.settled.of("delivered"); n != 30 {
			t.Errorf("%d of 30 batches were settled", n)
		}
		for _, want := range []string{"source.0 paused (the disk does not take its records", "the disk takes data again", "resume (source.0)"} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("%q is missing in:\n%s", want, r.log.String())
			}
		}
	})
}

func (h flakyHandle) Sync() error {
	if h.full.Load() {
		return errors.New("input/output error")
	}
	return h.Handle.Sync()
}

func TestBatchesThatTheDiskDidNotTakeAreSettledByTheirDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) {
			s.Storage.Full, s.Storage.fileSystem = true, noSync{flaky{storage.Disk(), &broken}}
		}), "input source tag=a n=10 pause=1 storage.type=filesystem", "output sink match=* mode=late")
		time.AfterFunc(3500*time.Millisecond, func() { broken.Store(true) })
		time.AfterFunc(60*time.Second, func() {
			if n := r.settled.of("delivered"); n != 4 {
				t.Errorf("%d batches count as durable, the disk failed from the fifth on", n)
			}
			broken.Store(false)
		})
		r.runFor(t, 200*time.Second)
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches were settled", n)
		}
		for i := range 10 {
			if n := r.got.of(fmt.Sprintf("sink.0 %d", i)); n != 1 {
				t.Errorf("record %d came %d times", i, n)
			}
		}
	})
}

// noSync is a disk that takes everything and loses it at the sync.
type noSync struct{ flaky }

func (f noSync) Create(name string) (storage.Handle, error) {
	h, err := f.FS.Create(name)
	return syncOnly{h, flakyHandle{h, f.full}}, err
}

type syncOnly struct {
	storage.Handle
	flaky flakyHandle
}

func (h syncOnly) Sync() error { return h.flaky.Sync() }

func TestMaxChunksUpPausesTheInputThatAsksForIt(t *testing.T) {
	brought := func(pause string, low, high uint64) {
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) { s.Storage.MaxUp = 3 }),
				"input source tag=a n=30 pause=1 storage.type=filesystem storage.pause_on_chunks_overlimit="+pause, "output sink match=* mode=dead")
			r.runFor(t, 20*time.Second)
			if n := r.p.inputs[0].counters.Records.Load(); n < low || n > high {
				t.Errorf("pause %s: the input brought %d records", pause, n)
			}
			if n := r.p.memory.filesUp; n != 0 {
				t.Errorf("pause %s: %d chunks are in memory at the end", pause, n)
			}
		})
	}
	brought("on", 3, 10) // a record and a flush of the same instant come in either order
	brought("off", 18, 21)
}

func TestQueueOverItsLimitBlocksWhenToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=20 pause=2", "output sink match=* mode=dead storage.total_limit_size=100 storage.full_action=block", "output sink match=*")
		r.runFor(t, time.Minute)
		if n := r.p.lost[StorageFull].Load(); n != 0 {
			t.Errorf("%d records were evicted", n)
		}
		if n := r.p.inputs[0].counters.Records.Load(); n < 4 || n > 10 {
			t.Errorf("the input brought %d records", n)
		}
		if log := r.log.String(); !strings.Contains(log, "the queue of sink.0 is over storage.total_limit_size") {
			t.Errorf("no word about the pause:\n%s", log)
		}
	})
}

func TestRingKeepsTheNewestAndNeverPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=40 pause=2 storage.type=memrb mem_buf_limit=100", "output sink match=* mode=dead")
		r.runFor(t, 100*time.Second)
		if n := r.p.inputs[0].counters.Records.Load(); n != 40 {
			t.Errorf("the input brought %d of 40 records", n)
		}
		lost, left := r.p.lost[RingFull].Load(), r.p.lost[Shutdown].Load()
		if lost+left != 40 || left < 2 || left > 8 {
			t.Errorf("%d made room and %d were left at the end", lost, left)
		}
	})
}

func TestMemoryBeyondTheBudgetIsSpilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) { s.MemoryBudget = 300_000 }),
			"input source tag=a n=100 pause=1 size=4000", "output sink match=* mode=late", "output sink match=*")
		time.AfterFunc(110500*time.Millisecond, func() {
			r.p.memory.mu.Lock()
			defer r.p.memory.mu.Unlock()
			if used, spilled := r.p.memory.used, r.p.memory.spilled; used > 150_000 || spilled < 40 {
				t.Errorf("%d bytes are in memory, half of the budget is 150000; %d chunks are spilled", used, spilled)
			}
		})
		r.runFor(t, 300*time.Second)
		if n := r.got.of("records sink.1"); n != 100 {
			t.Errorf("the healthy output got %d of 100", n)
		}
		for i := range 100 {
			if n := r.got.of(fmt.Sprintf("sink.0 %d", i)); n != 1 {
				t.Errorf("record %d came %d times to the output that was late", i, n)
			}
		}
		if n := r.p.memory.spill.Used(); n != 0 {
			t.Errorf("%d bytes are left in the spill", n)
		}
	})
}

func TestChunksThatAreBeingReadCostNoRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) { s.MemoryBudget = 200_000 }),
			"input source tag=a n=100 pause=1 size=40000", "output sink match=* mode=hang workers=4", "output sink match=*")
		time.AfterFunc(105500*time.Millisecond, func() {
			if n := r.got.of("records sink.1"); n != 100 {
				t.Errorf("the healthy output got %d of 100 while the other hangs", n)
			}
		})
		r.runFor(t, 200*time.Second)
		if evicted, saved := r.p.lost[StorageFull].Load(), r.p.saved.records.Load(); evicted != 0 || saved != 100 {
			t.Errorf("%d records were evicted and %d saved, of 100, with room in the spill", evicted, saved)
		}
		if strings.Contains(r.log.String(), "paused") {
			t.Errorf("an output that hangs pauses the input:\n%s", r.log.String())
		}
	})
}

func TestSpillAtItsLimitCostsTheDeadOutputItsOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) { s.MemoryBudget, s.Storage.SpillLimit = 300_000, 20_000 }),
			"input source tag=a n=100 pause=1 size=4000", "output sink match=* mode=dead", "output sink match=*")
		r.runFor(t, 200*time.Second)
		if n := r.got.of("records sink.1"); n != 100 {
			t.Errorf("the healthy output got %d of 100", n)
		}
		evicted, saved := r.p.lost[StorageFull].Load(), r.p.saved.records.Load()
		if evicted == 0 || saved == 0 || evicted+saved != 100 {
			t.Errorf("%d records were evicted and %d saved, of 100", evicted, saved)
		}
	})
}

func TestDamagedChunkCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir), "input source tag=a n=6 pause=2 storage.type=filesystem", "output sink match=* mode=dead")
		r.runFor(t, 15*time.Second)
		files, _ := filepath.Glob(filepath.Join(dir, "*", "*.flb"))
		if len(files) != 6 {
			t.Fatalf("%d files", len(files))
		}
		if err := errors.Join(os.Truncate(files[1], 30), os.WriteFile(files[2], []byte("foreign, and longer than a header is"), 0o600), os.Truncate(files[3], 0)); err != nil {
			t.Fatal(err)
		}
		r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=*")
		r.runFor(t, 5*time.Second)
		if n := r.got.of("records sink.0"); n != 3 {
			t.Errorf("%d records came, want 3", n)
		}
		if n := chunksIn(t, dir); n != 0 {
			t.Errorf("%d chunks are still in the way", n)
		}
		aside, _ := filepath.Glob(filepath.Join(dir, ".quarantine", "*", "*.flb"))
		if len(aside) != 2 {
			t.Errorf("put aside: %v\n%s", aside, r.log.String())
		}
	})
}

func TestAnUntriedBacklogWaitsForTheNextRunUnlessToldOtherwise(t *testing.T) {
	tried := func(flush bool, want int) {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			r := mustBuild(t, inDir(dir), "input source tag=a n=3 pause=2 storage.type=filesystem", "output sink match=* mode=dead")
			r.runFor(t, 10*time.Second)
			// The only worker hangs at the first chunk, so the others are not tried before the end.
			r = mustBuild(t, inDir(dir, func(s *Settings) { s.Storage.FlushBacklog = flush }), "input source tag=b n=0", "output sink match=* mode=slow workers=1")
			r.runFor(t, time.Second)
			if n := r.got.of("attempts sink.0"); n != want {
				t.Errorf("flush_on_shutdown %v: %d attempts, want %d", flush, n, want)
			}
			if n := chunksIn(t, dir); n != 3-want {
				t.Errorf("flush_on_shutdown %v: %d chunks are left", flush, n)
			}
		})
	}
	tried(false, 1)
	tried(true, 3)
}

func TestAnOutputsOwnVersionIsKeptWhereThereIsRoom(t *testing.T) {
	m := &memory{limit: 3000, spill: storage.NewSpill(1500, t.TempDir()), changed: func() {}}
	version := func() *event.Chunk {
		b := event.New("t")
		b.Append(event.Time{Sec: 1}, nil, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "x"), strings.Repeat("x", 1000)))
		return event.NewChunk(1, "t", event.Logs, b.Bytes(), b.Len())
	}
	var ds []*delivery
	for range 4 {
		d := &delivery{stored: &stored{tag: "t"}}
		m.stash(d, version())
		ds = append(ds, d)
	}
	for i, want := range []bool{true, true, false, false} { // in memory, in the spill, nowhere
		got := m.unstash(ds[i])
		if (got != nil) != want || want && !bytes.Equal(got.Bytes(), version().Bytes()) {
			t.Errorf("version %d is %v", i, got)
		}
	}
	m.discard(ds[3])
	ds[0].over.Store(true) // its output was taken away while the plugin had it
	m.discard(ds[0])
	m.stash(ds[0], version())
	if m.used != 0 || m.spill.Used() != 0 {
		t.Errorf("%d bytes of memory and %d of the spill are still charged", m.used, m.spill.Used())
	}
}
