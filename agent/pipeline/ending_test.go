package pipeline

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
)

// In real time, because the fake clock stands still while a goroutine waits for a lock.
func TestAHangingFilterDoesNotHoldUpTheEnd(t *testing.T) {
	for _, filters := range []string{
		"filter staller match=*",
		"filter staller match=* deaf=on",
		"filter holder match=b|filter staller match=*",
		"filter holder match=b|filter staller match=* deaf=on",
	} {
		for _, reload := range []bool{false, true} {
			quick := func(s *Settings) { s.Flush, s.Grace = 20*time.Millisecond, 500*time.Millisecond }
			sections := append(strings.Split(filters, "|"), "input source tag=a n=3", "input source tag=b n=3", "output sink match=*")
			r := mustBuild(t, quick, sections...)
			next, err := buildIn(t, r, quick, append(sections, "output sink match=* alias=more")...)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			run := NewRunner(r.p)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan int, 1)
			go func() { done <- run.Run(ctx) }()
			for end := time.Now().Add(time.Minute); r.got.of("stalls") == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nothing comes to the filter")
				}
			}
			if reload {
				go func() { _ = run.Reload(context.Background(), next, func() {}) }()
				time.Sleep(100 * time.Millisecond)
			}
			stop()
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				t.Errorf("%s, reload %v: there is no end", filters, reload)
			}
		}
	}
}

// A reload by HTTP goes on when its client has gone, so nothing but the agent's end can cut it short.
func TestAStartThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=3", "output sink match=*")
		failed := make(chan error, 1)
		var began time.Time
		reloading(t, r, func(run *Runner) {
			time.Sleep(3 * time.Second)
			next := r.next(t, "input source tag=a n=3", "output sink match=* mode=starting")
			go func() { failed <- run.Reload(context.Background(), next, func() {}) }()
			time.Sleep(time.Second)
			began = time.Now()
		})
		if took, err := time.Since(began), <-failed; took > 5*time.Second || err == nil {
			t.Errorf("the end took %v, the reload said %v", took, err)
		}
	})
}

func TestAReloadBeforeTheAgentRunsWaitsForThat(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a n=3", "output sink match=*")
	if err := r.p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := NewRunner(r.p)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		err := run.Reload(t.Context(), r.next(t, "input source tag=a n=3", "output sink match=*"), func() {})
		stop()
		done <- err
	}()
	time.Sleep(20 * time.Millisecond)
	run.Run(ctx)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := r.got.of("starts sink.0"); n != 1 {
		t.Errorf("the output was started %d times", n)
	}
}

func TestAnInputDoesNotWaitForAnOutputThatIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patient := func(s *Settings) { s.Grace = -1 } // until everything is delivered
		const input, other = "input source tag=a n=20 pause=2", "output sink match=* alias=other"
		r := mustBuild(t, patient, input, "output sink match=* mode=dead storage.total_limit_size=100 storage.full_action=block", other)
		reloading(t, r, func(run *Runner) {
			time.Sleep(time.Minute)
			next, err := buildIn(t, r, patient, input, other)
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Reload(t.Context(), next, func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if n := r.got.of("records other"); n != 20 {
				t.Errorf("%d of 20 records arrived", n)
			}
		})
	})
}

// stuck is a disk that takes nothing and does not say so either.
type stuck struct {
	storage.FS
	reached, free chan struct{}
}

func (f stuck) Create(name string) (storage.Handle, error) {
	select {
	case f.reached <- struct{}{}:
	default:
	}
	<-f.free
	return f.FS.Create(name)
}

func TestCountersCanBeReadWhileTheDiskHangs(t *testing.T) {
	reached, free := make(chan struct{}, 1), make(chan struct{})
	r := mustBuild(t, inDir(t.TempDir(), func(s *Settings) { s.Storage.fileSystem = stuck{storage.Disk(), reached, free} }),
		"input source tag=a n=3 storage.type=filesystem", "output sink match=*")
	if err := r.p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	go func() { done <- r.p.Run(ctx) }()
	<-reached
	if !within(func() { r.p.Stats(); r.p.Dump(io.Discard) }, time.After(2*time.Second)) {
		t.Error("they cannot")
	}
	close(free)
	stop()
	<-done
}

func TestTheHurryOfTheEndUsesUpNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, inDir(t.TempDir()), "input source tag=a n=5", "output sink match=* mode=dead retry_limit=3")
		r.runFor(t, 3*time.Second)
		if saved, lost := r.p.saved.records.Load(), r.p.lost[RetryLimit].Load(); saved != 5 || lost != 0 {
			t.Errorf("%d of 5 records were saved and %d given up:\n%s", saved, lost, r.log.String())
		}
	})
}
