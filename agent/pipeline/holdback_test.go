package pipeline

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// holder holds back every record, for a while or until it is drained.
type holder struct {
	wait time.Duration
	got  *tally
	env  plugin.Env

	mu   sync.Mutex
	held map[plugin.Origin]*event.Batch
}

func (h *holder) Options() []option.Option { return []option.Option{option.Duration("wait", &h.wait)} }

func (h *holder) New(env plugin.Env) (plugin.Filter, error) {
	h.env, h.held = env, map[plugin.Origin]*event.Batch{}
	return h, nil
}

func (h *holder) Filter(ctx context.Context, b *event.Batch) error {
	h.got.add("batches " + h.env.Name)
	o := plugin.OriginOf(ctx)
	if o == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held[o] == nil {
		h.held[o] = event.New(b.Tag)
	}
	d := h.held[o]
	d.OnSettled(b.Hold().Settle)
	for e := range b.Edit() {
		d.Append(e.Time(), e.Meta(), e.Body())
		e.Drop()
	}
	return nil
}

func (h *holder) Background(ctx context.Context) error {
	if h.wait == 0 {
		return nil
	}
	return plugin.Every(ctx, h.wait, func() error { return h.Drain(ctx) })
}

func (h *holder) Drain(ctx context.Context) error {
	h.mu.Lock()
	held := h.held
	h.held = map[plugin.Origin]*event.Batch{}
	h.mu.Unlock()
	for o, b := range held {
		o.Continue(ctx, b)
	}
	return nil
}

// staller does not return before its context ends, and if it is deaf not even then.
type staller struct {
	got  *tally
	deaf bool
}

func (s *staller) Options() []option.Option { return []option.Option{option.Switch("deaf", &s.deaf)} }

func (s *staller) New(plugin.Env) (plugin.Filter, error) { return s, nil }

func (s *staller) Filter(ctx context.Context, _ *event.Batch) error {
	s.got.add("stalls")
	if s.deaf {
		select {}
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestRecordsThatWereHeldBackPassOnlyTheFiltersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10", "filter holder match=* wait=1", "filter holder match=* wait=1", "output sink match=*")
		r.runFor(t, 10*time.Second)
		if n := r.got.of("records sink.0"); n != 10 {
			t.Errorf("%d of 10 records arrived", n)
		}
		if n := r.got.of("batches holder.0"); n != 10 {
			t.Errorf("the first filter saw %d batches", n)
		}
		if n := r.got.of("batches holder.1"); n != 1 {
			t.Errorf("the second filter saw %d batches", n)
		}
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches were settled as delivered", n)
		}
	})
}

func TestWhatFiltersHoldBackIsDeliveredAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10", "filter holder match=*", "filter holder match=*", "output sink match=*")
		r.runFor(t, 10*time.Second)
		if n := r.got.of("records sink.0"); n != 10 {
			t.Errorf("%d of 10 records arrived", n)
		}
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches were settled as delivered", n)
		}
	})
}

func TestAFilterKnowsThatAnInputIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1000 pause=1 mem_buf_limit=200", "output sink match=* mode=dead")
		reloading(t, r, func(*Runner) {
			o := origin{in: r.p.inputs[0]}
			if o.Paused() {
				t.Error("paused before anything was emitted")
			}
			time.Sleep(time.Minute)
			if !o.Paused() {
				t.Error("not paused at mem_buf_limit")
			}
		})
	})
}

func TestAFilterThatAReloadTakesAwayGivesOutWhatItHolds(t *testing.T) {
	for _, gone := range []string{"filter", "input", "both"} {
		synctest.Test(t, func(t *testing.T) {
			source, filter, sink := "input source tag=a n=10", "filter holder match=*", "output sink match=*"
			r := mustBuild(t, nil, source, filter, sink)
			reloading(t, r, func(run *Runner) {
				time.Sleep(3 * time.Second)
				if gone != "input" {
					filter += " wait=100"
				}
				if gone != "filter" {
					source = "input source tag=b n=0"
				}
				if err := run.Reload(t.Context(), r.next(t, source, filter, sink), func() {}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
			})
			if n := r.got.of("records sink.0"); n != 10 {
				t.Errorf("%s: %d of 10 records arrived", gone, n)
			}
			if n := r.settled.of("delivered"); n != 10 {
				t.Errorf("%s: %d of 10 batches were settled as delivered", gone, n)
			}
		})
	}
}
