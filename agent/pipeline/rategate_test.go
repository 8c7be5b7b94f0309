package pipeline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRateGateHoldsTheRate(t *testing.T) {
	brought := func(low, high uint64, sections ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, nil, sections...)
			r.runFor(t, 20*time.Second)
			if n := r.p.inputs[0].counters.Records.Load(); n < low || n > high {
				t.Errorf("%v brought %d records in 20 seconds, want %d to %d", sections[0], n, low, high)
			}
			for _, want := range []string{"source.0 paused (rate gate: ", "resume (source.0, rate gate)"} {
				if !strings.Contains(r.log.String(), want) {
					t.Errorf("%q is missing in:\n%s", want, r.log.String())
				}
			}
		})
	}
	const input = "input source tag=a n=100000 rate_gate=on "
	brought(150, 210, input+"rate_gate.max_records=10 rate_gate.backpressure=off", "output sink match=*")
	brought(100, 210, input+"rate_gate.max_records=10 rate_gate.resume_ratio=0.5", "output sink match=*")
	brought(150, 210, input+"rate_gate.max_bytes=170 rate_gate.backpressure=off", "output sink match=*")
	brought(150, 210, input+"rate_gate.max_records=10 rate_window=5 rate_gate.backpressure=off", "output sink match=*")
	brought(10, 100, input+"rate_gate.max_records=10", "output sink match=* mode=dead")
}

func TestRateGateWithoutBackpressureDoesNotMindADeadOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=100000 rate_gate=on rate_gate.max_records=10 rate_gate.backpressure=off", "output sink match=* mode=dead")
		r.runFor(t, 20*time.Second)
		if n := r.p.inputs[0].counters.Records.Load(); n < 150 {
			t.Errorf("%d records in 20 seconds", n)
		}
	})
}

func TestWhatAnInputHasInHandAtTheEndIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir), "input source tag=a n=1000 mem_buf_limit=100", "output sink match=* mode=dead")
		r.runFor(t, 10*time.Second)
		brought := r.p.inputs[0].counters.Records.Load()
		if saved, lost := r.p.saved.records.Load(), r.p.lost[Shutdown].Load(); saved != brought || lost != 0 {
			t.Errorf("of %d records %d were saved and %d lost", brought, saved, lost)
		}
	})
}

func TestAHopelessExcessWaitsForAnHour(t *testing.T) {
	g := rateGate{records: 1e9}
	set := &rateSettings{maxRecords: 1}
	for _, long := range []time.Duration{0, time.Second} {
		if d := g.needs(set, 1e-4, long); d != time.Hour { // ten thousand chunks wait
			t.Errorf("the gate is closed for %v", d)
		}
	}
}
