package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/fluent/fluent-bit-go/agent/storage"
)

// reloading runs a rig's pipeline, has f do something to it, and stops it.
func reloading(t *testing.T, r *rig, f func(run *Runner)) {
	t.Helper()
	if err := r.p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := NewRunner(r.p)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	go func() { done <- run.Run(ctx) }()
	f(run)
	stop()
	<-done
}

// next builds another configuration whose plugins count in r.
func (r *rig) next(t *testing.T, sections ...string) *Pipeline {
	t.Helper()
	n, err := buildIn(t, r, nil, sections...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReloadLeavesWhatHasNotChangedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const in, out = "input source tag=a n=100 pause=1", "output sink match=* alias=keep"
		r := mustBuild(t, nil, in, out, "output sink match=* alias=old")
		reloading(t, r, func(run *Runner) {
			time.Sleep(50*time.Second + time.Millisecond)
			if err := run.Reload(t.Context(), r.next(t, in, out, "output sink match=* alias=new"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Second)
			if run.Reloads() != 1 {
				t.Error("the reload was not counted")
			}
		})
		if n := r.got.of("runs source.0"); n != 1 {
			t.Errorf("the input was started %d times", n)
		}
		for i := range 100 {
			if n := r.got.of(fmt.Sprintf("keep %d", i)); n != 1 {
				t.Errorf("record %d came %d times to the output that stayed", i, n)
			}
			if n := r.got.of(fmt.Sprintf("old %d", i)) + r.got.of(fmt.Sprintf("new %d", i)); n != 1 {
				t.Errorf("record %d came %d times to the old and the new output", i, n)
			}
		}
		if r.got.of("records old") == 0 || r.got.of("records new") == 0 {
			t.Errorf("records of the old output %d, of the new one %d", r.got.of("records old"), r.got.of("records new"))
		}
		if n := r.settled.of("delivered"); n != 100 {
			t.Errorf("%d of 100 batches were settled", n)
		}
	})
}

func TestReloadThatCannotStartChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=60 pause=1", "output sink match=*")
		reloading(t, r, func(run *Runner) {
			time.Sleep(10 * time.Second)
			err := run.Reload(t.Context(), r.next(t, "input source tag=b n=5", "output sink match=* mode=unstartable"), func() {})
			if err == nil || !strings.Contains(err.Error(), "[sink.0] could not start: no such host") {
				t.Errorf("got %v", err)
			}
			time.Sleep(100 * time.Second)
			if run.Reloads() != 0 {
				t.Error("the reload was counted")
			}
		})
		if n := r.got.of("records sink.0"); n != 60 {
			t.Errorf("%d of 60 records arrived", n)
		}
	})
}

func TestChunksOfAChangedOutputAreHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=60 pause=1", "output sink match=* mode=dead alias=x")
		reloading(t, r, func(run *Runner) {
			time.Sleep(90 * time.Second)
			if err := run.Reload(t.Context(), r.next(t, "input source tag=a n=60 pause=1", "output sink match=* alias=x"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		})
		for i := range 60 {
			if n := r.got.of(fmt.Sprintf("x %d", i)); n != 1 {
				t.Errorf("record %d came %d times", i, n)
			}
		}
	})
}

func TestChunksOfARemovedOutputAreDeliveredOrCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10 pause=1", "output sink match=* mode=dead alias=x", "output sink match=* alias=y mode=once")
		r.p.inputs[0].replays = true // but not while the agent runs
		reloading(t, r, func(run *Runner) {
			time.Sleep(10*time.Second + 500*time.Millisecond)
			if err := run.Reload(t.Context(), r.next(t, "input source tag=a n=10 pause=1", "output sink match=b alias=z"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		})
		if n := r.got.of("records y"); n != 10 {
			t.Errorf("%d of 10 records came to the output that worked", n)
		}
		if n := r.p.lost[Shutdown].Load(); n != 10 {
			t.Errorf("%d of 10 records are counted as lost", n)
		}
		if n := r.settled.of("given up"); n != 10 {
			t.Errorf("%d of 10 batches were settled", n)
		}
		if !strings.Contains(r.log.String(), "could not be delivered before the output was removed") {
			t.Errorf("the log says nothing:\n%s", r.log.String())
		}
	})
}

// A plugin that does not even mind its context has a chunk when its output is changed.
func TestChunkOfAnOutputThatNeverReturnsIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=5", "output sink match=* mode=deaf alias=x")
		reloading(t, r, func(run *Runner) {
			time.Sleep(3 * time.Second)
			if err := run.Reload(t.Context(), r.next(t, "input source tag=a n=5", "output sink match=* alias=x"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if n := r.got.of("records x"); n != 5 {
				t.Errorf("%d of 5 records came to the new output", n)
			}
			if n := r.settled.of("delivered"); n != 5 {
				t.Errorf("%d of 5 batches were settled", n)
			}
			time.Sleep(time.Hour) // it does return at last
		})
	})
}

func TestEndRightAfterAReloadSavesWhatTheOldOutputHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		const input = "input source tag=a n=10 pause=1"
		r := mustBuild(t, inDir(dir), input, "output sink match=* mode=dead alias=x")
		reloading(t, r, func(run *Runner) {
			time.Sleep(15 * time.Second)
			p, err := buildIn(t, r, inDir(dir), input, "output sink match=* mode=dead alias=x workers=2")
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Reload(t.Context(), p, func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		})
		if n := r.p.saved.records.Load(); n != 10 {
			t.Errorf("%d of 10 records were saved:\n%s", n, r.log.String())
		}
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches were settled", n)
		}
	})
}

func TestChunksInFilesWaitForAnOutputThatWasRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		const input, other = "input source tag=a n=10 pause=1 storage.type=filesystem", "output sink match=* alias=y"
		next := func(r *rig, sections ...string) *Pipeline {
			p, err := buildIn(t, r, inDir(dir), sections...)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		r := mustBuild(t, inDir(dir), input, "output sink match=* mode=dead alias=x", other)
		reloading(t, r, func(run *Runner) {
			time.Sleep(15 * time.Second)
			if err := run.Reload(t.Context(), next(r, input, other), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if chunksIn(t, dir) == 0 {
				t.Error("no chunk is on disk")
			}
			if err := run.Reload(t.Context(), next(r, input, "output sink match=* alias=x", other), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		})
		if x, y := r.got.of("records x"), r.got.of("records y"); x != 10 || y != 10 {
			t.Errorf("%d records came to the output that was removed and came back, %d to the other, want 10 and 10", x, y)
		}
	})
}

func TestReloadWhileTheAgentStopsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=*")
		var run *Runner
		reloading(t, r, func(x *Runner) { run = x })
		if err := run.Reload(t.Context(), r.next(t, "input source tag=a n=1", "output sink match=*"), func() {}); err == nil {
			t.Error("an agent that has stopped was reloaded")
		}
	})
}

func (s *sink) Start(ctx context.Context) error {
	s.got.add("starts " + s.env.Name)
	switch s.mode {
	case "unstartable":
		return errors.New("no such host")
	case "starting":
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// lingering is a disk that takes its time with each close.
type lingering struct{ storage.FS }

func (f lingering) Create(name string) (storage.Handle, error) {
	h, err := f.FS.Create(name)
	return lingeringHandle{h}, err
}

type lingeringHandle struct{ storage.Handle }

func (h lingeringHandle) Close() error {
	time.Sleep(5 * time.Second)
	return h.Handle.Close()
}

func TestChunksThatAreOnTheirWayWhileTheirOutputChangesGoToTheNewOne(t *testing.T) {
	for _, alias := range []string{"x", "z"} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			slow := inDir(dir, func(s *Settings) { s.Storage.fileSystem = lingering{storage.Disk()} })
			const input = "input source tag=a n=3 storage.type=filesystem"
			r := mustBuild(t, slow, input, "output sink match=* mode=dead alias=x")
			reloading(t, r, func(run *Runner) {
				time.Sleep(1500 * time.Millisecond) // the flush is on its way
				next, err := buildIn(t, r, slow, input, "output sink match=* alias="+alias)
				if err != nil {
					t.Fatal(err)
				}
				if err := run.Reload(t.Context(), next, func() {}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if n := r.got.of("records x"); alias == "x" && n != 3 {
					t.Errorf("%d of 3 records came to the new output", n)
				}
				r.p.disk.mu.Lock()
				defer r.p.disk.mu.Unlock()
				if n := len(r.p.disk.parked); alias != "x" && n != 1 {
					t.Errorf("%d chunks wait for an output", n)
				}
			})
		})
	}
}

// What is described by the same words may mean something else in another configuration.
func TestReloadTakesWhatTheRestOfTheConfigurationChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		const input = "input source tag=a n=30 pause=1"
		r := mustBuild(t, inDir(dir), input, "input source tag=b n=0", "output sink alias=x")
		reloading(t, r, func(run *Runner) {
			time.Sleep(10 * time.Second)
			// The only output of the only input takes everything, and the service says where records wait.
			next, err := buildIn(t, r, inDir(dir, func(s *Settings) { s.Storage.Type, s.JSON.RawUTF8 = "filesystem", true }), input, "output sink alias=x")
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Reload(t.Context(), next, func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if !next.outputs[0].plugin.(*sink).env.JSON.RawUTF8 {
				t.Error("the output that stayed writes JSON as before")
			}
			if next.inputs[0].storage != filesystem {
				t.Error("the input that stayed keeps its records in memory")
			}
		})
		if n := r.got.of("records x"); n == 0 {
			t.Error("the output that stayed still takes nothing")
		}
	})
}

func TestReloadMayGiveTheAgentAFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, nil, "input source tag=a n=100 pause=1", "output sink match=* mode=dead")
		reloading(t, r, func(run *Runner) {
			time.Sleep(10*time.Second + 500*time.Millisecond)
			next, err := buildIn(t, r, inDir(dir), "input source tag=a n=100 pause=1", "output sink match=* mode=dead")
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Reload(t.Context(), next, func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		})
		if saved, lost := r.p.saved.records.Load(), r.p.lost[Shutdown].Load(); saved == 0 || lost != 0 {
			t.Errorf("%d records were saved and %d lost", saved, lost)
		}
	})
}

func TestWhatARemovedInputBringsLateIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=3 linger=4", "output sink match=* alias=x")
		reloading(t, r, func(run *Runner) {
			time.Sleep(3 * time.Second)
			if err := run.Reload(t.Context(), r.next(t, "input source tag=b n=0", "output sink match=* alias=x"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		})
		if n, settled := r.got.of("records x"), r.settled.of("delivered"); n != 4 || settled != 4 {
			t.Errorf("%d of 4 records arrived, %d were settled", n, settled)
		}
	})
}

// Names like sink.0 count the outputs: one more above it, and an output has another name.
func TestAnOutputIsKnownAgainUnderAnotherNumber(t *testing.T) {
	const input = "input source tag=a n=5 storage.type=filesystem"
	const good, dead, mended = "output sink match=*", "output sink match=* mode=dead", "output sink match=* mode="
	restart := func(want int, sections ...string) {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			r := mustBuild(t, inDir(dir), input, good, dead)
			r.runFor(t, 5*time.Second)
			r = mustBuild(t, inDir(dir), append(sections, "input source tag=b n=0")...)
			r.runFor(t, 5*time.Second)
			if n := r.got.of("records sink.0"); n != want {
				t.Errorf("after a restart %d records came to sink.0 of %v, want %d", n, sections, want)
			}
		})
	}
	restart(5, mended) // the other one has had them
	restart(0, good)   // it has had them itself
	synctest.Test(t, func(t *testing.T) {
		const input = "input source tag=a n=5"
		r := mustBuild(t, nil, input, "output sink match=* mode=late", "input source tag=b n=0")
		reloading(t, r, func(run *Runner) {
			time.Sleep(5 * time.Second)
			if err := run.Reload(t.Context(), r.next(t, input, "output sink match=b", "output sink match=* mode=late"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		})
		if a, b := r.got.of("records sink.0"), r.got.of("records sink.1"); a != 0 || b != 5 {
			t.Errorf("%d records came to the output that is new and %d to the one that was there, want 0 and 5", a, b)
		}
	})
}

func TestReloadsKeepNoOldPipelineInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const in, out = "input source tag=a n=50 pause=1", "output sink match=* alias=x key="
		r := mustBuild(t, nil, in, out+"first")
		old := []weak.Pointer[Pipeline]{weak.Make(r.p)}
		reloading(t, r, func(run *Runner) {
			r.p = nil
			for i := range 10 {
				time.Sleep(3*time.Second + time.Millisecond)
				next := r.next(t, in, out+strconv.Itoa(i))
				old = append(old, weak.Make(next))
				if err := run.Reload(t.Context(), next, func() {}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(10 * time.Second)
			runtime.GC()
			old = slices.DeleteFunc(old, func(p weak.Pointer[Pipeline]) bool { return p.Value() == nil })
			if len(old) > 2 { // the one that runs, and the first, which the input's Env knows
				t.Errorf("%d pipelines are in memory", len(old))
			}
		})
	})
}
