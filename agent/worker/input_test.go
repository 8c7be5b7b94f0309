package worker

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// sink collects what an input emits; while it is closed Emit blocks.
type sink struct {
	mu   sync.Mutex
	got  []int64
	open chan struct{}
}

func (s *sink) Emit(ctx context.Context, b *event.Batch) error {
	select {
	case <-s.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range b.Records() {
		n, _ := r.Get("n").Int()
		s.got = append(s.got, n)
	}
	return nil
}

func (s *sink) numbers() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// input starts an instance and runs it; stop ends it and waits.
func (r *rig) input(to plugin.Emitter, name string, kv ...string) (n *input, stop func()) {
	r.tb.Helper()
	p, err := build(r, r.mod.InputSpec(), name, kv...)
	if err == nil {
		err = p.(*input).Start(r.tb.Context())
	}
	if err != nil {
		r.tb.Fatal(err)
	}
	n = p.(*input)
	n.interval = time.Millisecond
	n.pauseAfter = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(r.tb.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx, to) }()
	return n, func() {
		r.tb.Helper()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.tb.Errorf("Run: %v", err)
			}
		case <-time.After(60 * time.Second):
			r.tb.Fatal("Run does not end")
		}
		if err := n.Close(); err != nil {
			r.tb.Error(err)
		}
	}
}

func opened() *sink {
	s := &sink{open: make(chan struct{})}
	close(s.open)
	return s
}

func inOrder(n int) []int64 {
	var want []int64
	for i := range n {
		want = append(want, int64(i+1))
	}
	return want
}

func TestInputGivesEveryRecordOnce(t *testing.T) {
	f := func(rows int, kv ...string) {
		t.Helper()
		r := newRig(t, "input")
		s := opened()
		_, stop := r.input(s, "fault.0", kv...)
		waitFor(t, "the records", func() bool { return len(s.numbers()) >= rows })
		stop()
		if got := s.numbers(); !slices.Equal(got, inOrder(rows)) {
			t.Errorf("%v: %d records, want %d in order", kv, len(got), rows)
		}
		if r.count("plain exit") != 1 {
			t.Errorf("%v: FLBPluginExit was not called once: %q", kv, r.lines())
		}
	}
	f(20, "rows", "20")
	f(20, "rows", "20", "collect", "sleep")
	f(500_000, "rows", "500000", "collect", "large") // more than a lane's first region
}

func TestInputThatCrashesIsCollectedAgain(t *testing.T) {
	r := newRig(t, "input")
	s := opened()
	_, stop := r.input(s, "fault.0", "rows", "5", "collect", "once:"+filepath.Join(t.TempDir(), "crashed"))
	waitFor(t, "the records", func() bool { return len(s.numbers()) == 5 })
	stop()
	if !r.log.has("panic: the collect broke") || !r.log.has("in_flight=\"fault.0 tag=app.fault.0") {
		t.Errorf("no crash report:\n%s", r.log)
	}
}

func TestInputIsPausedWhileThePipelineIsFull(t *testing.T) {
	r := newRig(t, "input")
	s := &sink{open: make(chan struct{})}
	_, stop := r.input(s, "fault.0", "rows", "3")
	waitFor(t, "the pause", func() bool { return r.count("pause") == 1 })
	if r.count("resume") != 0 {
		t.Error("resumed too early")
	}
	close(s.open)
	waitFor(t, "the records", func() bool { return len(s.numbers()) == 3 })
	stop()
	if r.count("pause") != 1 || r.count("resume") != 1 {
		t.Errorf("%q", r.lines())
	}
}

func TestInputThatBlocksCanBeStopped(t *testing.T) {
	r := newRig(t, "input")
	_, stop := r.input(opened(), "fault.0", "collect", "block")
	waitFor(t, "the callback", func() bool { return r.count("blocking") == 1 })
	stop()
}

func TestBrokenInputDataKeepsTheRecordsBeforeIt(t *testing.T) {
	r := newRig(t, "input")
	s := opened()
	_, stop := r.input(s, "fault.0", "rows", "2", "collect", "broken")
	waitFor(t, "the records", func() bool { return len(s.numbers()) == 2 })
	stop()
	if !r.log.has("1 malformed record(s)") {
		t.Errorf("not reported:\n%s", r.log)
	}
}

func TestFailingCollectIsLoggedOnce(t *testing.T) {
	r := newRig(t, "input")
	n, stop := r.input(opened(), "fault.0", "collect", "fail")
	waitFor(t, "the log", func() bool { return r.log.has("collect callback returned -1") })
	waitFor(t, "some more", func() bool { return r.mod.proc.alive() && strings.Count(r.log.String(), "returned -1") == 1 })
	stop()
	if n.failing < 1 || strings.Count(r.log.String(), "returned -1") != 1 {
		t.Errorf("%d failures:\n%s", n.failing, r.log)
	}
}

func TestCustomPluginLivesFromInitToExit(t *testing.T) {
	r := newRig(t, "custom")
	c, err := build(r, r.mod.CustomSpec(), "fault.0", "echo", "id")
	if err == nil {
		err = c.(*custom).Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Background(ctx); err != nil {
		t.Error(err)
	}
	if err := c.(*custom).Close(); err != nil {
		t.Error(err)
	}
	if r.count("id=fault.0") != 1 || r.count("plain exit") != 1 {
		t.Errorf("%q", r.lines())
	}
}
