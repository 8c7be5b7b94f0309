package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

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
	attempts := func(limit string, want int, errors, failed uint64) {
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=dead retry_limit="+limit)
			r.runFor(t, time.Hour)
			if n := r.got.of("attempts sink.0"); n != want {
				t.Errorf("retry_limit %s: %d attempts, want %d", limit, n, want)
			}
			if n := r.p.lost[RetryLimit].Load(); n != 1 {
				t.Errorf("retry_limit %s: %d records counted, want 1", limit, n)
			}
			if c := &r.p.outputs[0].counters; c.Errors.Load() != errors || c.RetriesFailed.Load() != failed {
				t.Errorf("retry_limit %s: %d errors, %d failed retries", limit, c.Errors.Load(), c.RetriesFailed.Load())
			}
			if n := r.settled.of("given up"); n != 1 {
				t.Errorf("retry_limit %s: the batch was not settled as given up", limit)
			}
		})
	}
	attempts("no_retries", 1, 1, 0)
	attempts("1", 2, 0, 1)
	attempts("3", 4, 0, 1)
	attempts("0", 2, 0, 1) // as the C agent has it
	attempts("-1", 2, 0, 1)
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
	_, err := build(t, nil, "input sorce", "filter holder", "filter holder active=off", "output sink mode=x colour=red", "output sink retry_limit=banana")
	for _, want := range []string{
		"test:1: unknown input plugin 'sorce'; did you mean 'source'?",
		"test:1: no match rule for filter holder.0, which would see no record; add match: '*'",
		"test:1: unknown configuration property 'colour' (output sink)",
		"test:1: retry_limit: 'banana' is no retry limit",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "holder.1") {
		t.Errorf("a filter that is not active needs no match:\n%v", err)
	}
}

func TestARetryLimitBelowOneIsWarnedAbout(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a", "output sink match=* retry_limit=0")
	if text := fmt.Sprint(r.p.Warnings); !strings.Contains(text, "test:1: retry_limit: '0' is below 1, so a chunk is retried once") {
		t.Error(text)
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
