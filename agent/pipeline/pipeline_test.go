package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// source emits numbered records, one a batch, as fast as it may, and then waits for the end.
type source struct {
	env     plugin.Env
	n       int
	pause   time.Duration
	settled *tally
	got     *tally
}

func (s *source) Options() []option.Option {
	return []option.Option{option.Int("n", &s.n), option.Duration("pause", &s.pause)}
}

func (s *source) New(env plugin.Env) (plugin.Input, error) { s.env = env; return s, nil }

func (s *source) Run(ctx context.Context, to plugin.Emitter) error {
	s.got.add("runs " + s.env.Name)
	for i := range s.n {
		b := event.New(s.env.Tag)
		b.Append(event.Time{Sec: 1}, nil, event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "n"), int64(i)))
		b.OnSettled(func(o event.Outcome) { s.settled.add(o.String()) })
		if err := to.Emit(ctx, b); err != nil {
			return err
		}
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// sink counts what it was given and fails as its script says.
type sink struct {
	mode string
	got  *tally
	env  plugin.Env
}

func (s *sink) Options() []option.Option { return []option.Option{option.String("mode", &s.mode)} }

func (s *sink) New(env plugin.Env) (plugin.Output, error) { s.env = env; return s, nil }

func (s *sink) Flush(ctx context.Context, c *event.Chunk) error {
	s.got.add("attempts " + s.env.Name)
	switch s.mode {
	case "dead":
		return errors.New("connection refused")
	case "reject":
		return plugin.Drop(errors.New("bad request"))
	case "part":
		if c.Len() > 2 {
			return plugin.Reject(errors.New("too odd"), 1, 2)
		}
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "panic":
		panic("as it was told")
	case "once":
		if s.got.of("attempts "+s.env.Name) == 1 {
			return errors.New("not yet")
		}
	}
	for r := range c.Records() {
		n, _ := r.Get("n").Int()
		s.got.add(fmt.Sprintf("%s %d", s.name(), n))
		s.got.add("records " + s.name())
	}
	return nil
}

func (s *sink) name() string {
	if s.env.Alias != "" {
		return s.env.Alias
	}
	return s.env.Name
}

type tally struct {
	mu sync.Mutex
	m  map[string]int
}

func (t *tally) add(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[string]int{}
	}
	t.m[key]++
}

func (t *tally) of(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[key]
}

// rig is a pipeline of test plugins; sections are written "kind name key=value …".
type rig struct {
	p       *Pipeline
	log     bytes.Buffer
	logs    *logger.Sink
	got     tally
	settled tally
}

func build(t *testing.T, edit func(*Settings), sections ...string) (r *rig, err error) {
	t.Helper()
	r = &rig{}
	r.logs = logger.NewSink(&r.log, false)
	r.p, err = buildIn(t, r, edit, sections...)
	return r, err
}

// buildIn builds a pipeline whose plugins count in r.
func buildIn(t *testing.T, r *rig, edit func(*Settings), sections ...string) (*Pipeline, error) {
	t.Helper()
	specs := plugin.Set{
		Inputs:  []plugin.Spec[plugin.Input]{{Name: "source", Config: func() plugin.Config[plugin.Input] { return &source{settled: &r.settled, got: &r.got} }}},
		Filters: []plugin.Spec[plugin.Filter]{{Name: "holder", Config: func() plugin.Config[plugin.Filter] { return &holder{got: &r.got} }}},
		Outputs: []plugin.Spec[plugin.Output]{{Name: "sink", Config: func() plugin.Config[plugin.Output] { return &sink{got: &r.got} }}},
	}
	var tree config.Tree
	for _, s := range sections {
		words := strings.Fields(s)
		sec := config.Section{Kind: words[0], Name: words[1], Pos: option.Pos{File: "test", Line: 1}}
		if sec.Kind == "task" {
			query := option.Value{Text: strings.Join(words[2:], " "), Pos: sec.Pos}
			sec.Props = append(sec.Props, option.Property{Key: "exec", Value: query, Pos: sec.Pos})
			tree.StreamTasks = append(tree.StreamTasks, sec)
			continue
		}
		for _, w := range words[2:] {
			k, v, _ := strings.Cut(w, "=")
			sec.Props = append(sec.Props, option.Property{Key: k, Value: option.Value{Text: v, Pos: sec.Pos}, Pos: sec.Pos})
		}
		switch sec.Kind {
		case "input":
			tree.Inputs = append(tree.Inputs, sec)
		case "filter":
			tree.Filters = append(tree.Filters, sec)
		default:
			tree.Outputs = append(tree.Outputs, sec)
		}
	}
	set := Settings{Flush: time.Second, Grace: 5 * time.Second, RetryBase: 5 * time.Second, RetryCap: 2000 * time.Second,
		MemoryBudget: 256e6, Sink: r.logs}
	if edit != nil {
		edit(&set)
	}
	return Build(&tree, specs, set)
}

// runFor runs the pipeline for a while of the fake clock, shuts it down, and returns how long that took.
func (r *rig) runFor(t *testing.T, d time.Duration) time.Duration {
	t.Helper()
	if err := r.p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	begin := time.Now()
	r.p.Run(ctx)
	return time.Since(begin) - d
}

func mustBuild(t *testing.T, edit func(*Settings), sections ...string) *rig {
	t.Helper()
	r, err := build(t, edit, sections...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryRecordReachesEveryMatchingOutputOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a.b n=100", "output sink match=a.*", "output sink match=*b", "output sink match=c")
		r.runFor(t, 10*time.Second)
		for i := range 100 {
			for _, out := range []string{"sink.0", "sink.1"} {
				if n := r.got.of(fmt.Sprintf("%s %d", out, i)); n != 1 {
					t.Errorf("record %d came %d times to %s", i, n, out)
				}
			}
		}
		if n := r.got.of("attempts sink.2"); n != 0 {
			t.Errorf("an output without a matching tag was flushed %d times", n)
		}
		if n := r.settled.of("delivered"); n != 100 {
			t.Errorf("%d of 100 batches were settled as delivered", n)
		}
	})
}

func TestDeadOutputDelaysNoOther(t *testing.T) {
	for _, mode := range []string{"dead", "hang", "panic"} {
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, nil, "input source tag=a n=60 pause=1 mem_buf_limit=200", "output sink match=* mode="+mode, "output sink match=*")
			r.runFor(t, 70*time.Second)
			if n := r.got.of("records sink.1"); n != 60 {
				t.Errorf("%s: the healthy output got %d of 60 records", mode, n)
			}
			if n := r.settled.of("delivered") + r.settled.of("given up"); n != 0 {
				t.Errorf("%s: %d batches were settled that one output never took", mode, n)
			}
		})
	}
}

func TestInputPausesWhileNoOutputTakesItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1000 mem_buf_limit=200", "output sink match=* mode=dead")
		r.runFor(t, time.Minute)
		if n := r.p.inputs[0].counters.Records.Load(); n < 5 || n > 20 {
			t.Errorf("the input brought %d records against a limit of 200 bytes", n)
		}
		if !strings.Contains(r.log.String(), "source.0 paused (mem buf overlimit") {
			t.Errorf("no word about the pause:\n%s", r.log.String())
		}
	})
}

func TestFailedChunkIsRetriedUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=once")
		r.runFor(t, time.Minute)
		if n := r.got.of("records sink.0"); n != 1 {
			t.Errorf("%d records arrived, want 1", n)
		}
		if n := r.got.of("attempts sink.0"); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
	})
}

func TestRetryLimitIsHonouredAndCounted(t *testing.T) {
	attempts := func(limit string, want int, reason Reason) {
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=dead retry_limit="+limit)
			r.runFor(t, time.Hour)
			if n := r.got.of("attempts sink.0"); n != want {
				t.Errorf("retry_limit %s: %d attempts, want %d", limit, n, want)
			}
			if n := r.p.lost[reason].Load(); n != 1 {
				t.Errorf("retry_limit %s: %d records counted as %v, want 1", limit, n, reason)
			}
			if n := r.settled.of("given up"); n != 1 {
				t.Errorf("retry_limit %s: the batch was not settled as given up", limit)
			}
		})
	}
	attempts("no_retries", 1, RetryLimit)
	attempts("1", 2, RetryLimit)
	attempts("3", 4, RetryLimit)
}

func TestRejectedChunkIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=reject")
		r.runFor(t, time.Minute)
		if n := r.got.of("attempts sink.0"); n != 1 {
			t.Errorf("%d attempts, want 1", n)
		}
		if n := r.p.lost[Rejected].Load(); n != 1 {
			t.Errorf("%d records counted as rejected, want 1", n)
		}
	})
}

func TestOnlyRejectedRecordsOfAChunkAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=5", "output sink match=* mode=part")
		r.runFor(t, time.Minute)
		c := &r.p.outputs[0].counters
		if c.Records.Load() != 3 || c.DroppedRecords.Load() != 2 || r.p.lost[Rejected].Load() != 2 {
			t.Errorf("delivered %d, dropped %d, rejected %d; want 3, 2, 2", c.Records.Load(), c.DroppedRecords.Load(), r.p.lost[Rejected].Load())
		}
		if n := r.got.of("attempts sink.0"); n != 1 {
			t.Errorf("%d attempts, want 1", n)
		}
	})
}

func TestShutdownKeepsTheGracePeriod(t *testing.T) {
	within := func(mode string, limit time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode="+mode)
			if took := r.runFor(t, 10*time.Second); took > limit {
				t.Errorf("%s: the end took %v, want at most %v", mode, took, limit)
			}
		})
	}
	within("", 10*time.Millisecond)
	within("dead", 6*time.Second)
	within("hang", 6*time.Second)
}

func TestShutdownTellsHowManyRecordsAreLost(t *testing.T) {
	for _, mode := range []string{"dead", "hang"} { // waiting for their retry, and at the plugin
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, nil, "input source tag=a n=3 pause=2", "output sink match=* mode="+mode)
			r.runFor(t, 10*time.Second)
			if log := r.log.String(); !strings.Contains(log, "3 records could not be delivered within the grace period of 5s and are lost") {
				t.Errorf("%s: no word about the loss:\n%s", mode, log)
			}
		})
	}
}

func TestShutdownTriesWaitingChunksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=once")
		r.runFor(t, 2*time.Second) // the retry would come after six seconds at the earliest
		if n := r.got.of("records sink.0"); n != 1 {
			t.Errorf("%d records arrived, want 1", n)
		}
	})
}

func TestRecordsWithoutARouteAreCountedAndWarnedAboutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=5", "output sink match=b")
		r.runFor(t, 5*time.Second)
		if n := r.p.lost[NoRoute].Load(); n != 5 {
			t.Errorf("%d records counted, want 5", n)
		}
		if n := strings.Count(r.log.String(), "match no output"); n != 1 {
			t.Errorf("warned %d times, want once:\n%s", n, r.log.String())
		}
	})
}

func TestQueueOverItsLimitDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=20 pause=2", "output sink match=* mode=dead storage.total_limit_size=100", "output sink match=*")
		r.runFor(t, 50*time.Second)
		if n := r.got.of("records sink.1"); n != 20 {
			t.Errorf("the other output got %d of 20", n)
		}
		if n := r.p.lost[StorageFull].Load(); n < 10 || n > 19 {
			t.Errorf("%d records evicted", n)
		}
	})
}

func TestFaultsOfAConfigurationComeAllAtOnce(t *testing.T) {
	_, err := build(t, nil, "input sorce", "output sink mode=x colour=red", "output sink retry_limit=banana")
	for _, want := range []string{
		"test:1: unknown input plugin 'sorce'; did you mean 'source'?",
		"test:1: unknown configuration property 'colour'",
		"test:1: retry_limit: 'banana' is no retry limit",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
}

func TestBackoffFollowsFluentBitsSchedule(t *testing.T) {
	p := &Pipeline{set: Settings{RetryBase: 5 * time.Second, RetryCap: 2000 * time.Second}}
	want := func(n int, low, high time.Duration) {
		for range 200 {
			if d := p.backoff(n, false); d < low || d > high {
				t.Errorf("attempt %d waits %v, want %v to %v", n, d, low, high)
			}
		}
	}
	want(1, 6*time.Second, 11*time.Second)
	want(2, 6*time.Second, 21*time.Second)
	want(12, 6*time.Second, 2001*time.Second)
	want(80, 6*time.Second, 2001*time.Second)
}

func TestWildcardMatchesWholeTags(t *testing.T) {
	f := func(pattern, tag string, want bool) {
		t.Helper()
		if got := wildcard(pattern, tag); got != want {
			t.Errorf("%q against %q: %v", pattern, tag, got)
		}
	}
	f("*", "", true)
	f("*", "a.b", true)
	f("a.*", "a.b", true)
	f("a.*", "a.", true)
	f("a.*", "ab", false)
	f("*.log", "x.log", true)
	f("*.log", "x.log.1", false)
	f("a*b*c", "aXbYbZc", true)
	f("a*b*c", "aXbYbZ", false)
	f("abc", "abc", true)
	f("abc", "ABC", false)
	f("**", "x", true)
}

// Whoever looks at records too late is to find rubbish.
func TestMain(m *testing.M) {
	event.Poison(true)
	m.Run()
}
