package pipeline

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/metric"
)

// values renders what run collects as "name{labels} value" lines, with only the lines that hold one of words.
func values(run *Runner, words ...string) string {
	var set metric.Set
	run.Collect(&set, time.Now())
	var kept []string
	for line := range strings.Lines(string(metric.AppendPrometheus(nil, &set, false))) {
		for _, w := range words {
			if strings.Contains(line, w) && !strings.HasPrefix(line, "#") {
				kept = append(kept, line)
				break
			}
		}
	}
	return strings.Join(kept, "")
}

func TestWaysFromInputToOutputAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, func(s *Settings) { s.Flush = 4 * time.Second },
			"input source tag=a n=1", "output sink match=a", "output sink match=a mode=once alias=late", "output sink match=a mode=reject")
		reloading(t, r, func(run *Runner) {
			time.Sleep(4*time.Second + time.Millisecond)
			s := run.Stats()
			if got := s.Outputs[0].Oldest; got != 0 {
				t.Errorf("an output that has delivered everything has a chunk of %v", got)
			}
			if got := s.Outputs[1]; got.Oldest.Round(time.Second) != 4*time.Second || got.Chunks != 1 {
				t.Errorf("an output that failed has %d chunks, the oldest of %v", got.Chunks, got.Oldest)
			}
			if got := s.Inputs[0]; got.Busy != 1 || got.BusyBytes == 0 || got.Open != 0 {
				t.Errorf("the input's chunks: %+v", got)
			}
			time.Sleep(time.Minute)
			if got := run.Stats().Inputs[0]; got.Busy != 0 || got.BusyBytes != 0 {
				t.Errorf("the input's chunks at the end: %+v", got)
			}
			got := values(run, "routing_logs_records", "routing_logs_drop_records", "latency_seconds_bucket{le=\"5.0\"", "latency_seconds_count", "wait_seconds_count")
			want := `fluentbit_routing_logs_records_total{input="source.0",output="sink.0"} 1
fluentbit_routing_logs_records_total{input="source.0",output="late"} 1
fluentbit_routing_logs_drop_records_total{input="source.0",output="sink.2"} 1
fluentbit_output_latency_seconds_bucket{le="5.0",input="source.0",output="sink.0"} 1
fluentbit_output_latency_seconds_count{input="source.0",output="sink.0"} 1
fluentbit_output_latency_seconds_bucket{le="5.0",input="source.0",output="late"} 0
fluentbit_output_latency_seconds_count{input="source.0",output="late"} 1
fluentbit_output_backpressure_wait_seconds_count{output="late"} 1
`
			if sorted(got) != sorted(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	})
}

func TestRecordsWithoutARouteAreCountedAsUnmatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=3", "output sink match=b")
		reloading(t, r, func(run *Runner) {
			time.Sleep(time.Second)
			got := values(run, "drop_records")
			if want := "fluentbit_routing_logs_drop_records_total{input=\"source.0\",output=\"unmatched\"} 3\n"; got != want {
				t.Errorf("got %s", got)
			}
		})
	})
}

func TestTheRateIsThatOfTheLastSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, func(s *Settings) { s.Flush = 500 * time.Millisecond }, "input source tag=a n=10 pause=1", "output sink match=a")
		reloading(t, r, func(run *Runner) {
			time.Sleep(5*time.Second + 10*time.Millisecond)
			if got := run.Stats().Inputs[0].RateRecords; got < 0.9 || got > 1.1 {
				t.Errorf("%v records a second, want 1", got)
			}
			time.Sleep(time.Minute)
			if got := run.Stats().Inputs[0].RateRecords; got != 0 {
				t.Errorf("%v records a second after the last", got)
			}
		})
	})
}

func TestWhatAPluginCountsIsCollectedWithItsName(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a n=0 alias=mine", "output sink match=a")
	r.p.inputs[0].meter.Counter("things_total", "Things.", metric.L("kind", "x")).Add(3)
	got := values(NewRunner(r.p), "things")
	if want := "fluentbit_input_things_total{name=\"mine\",kind=\"x\"} 3\n"; got != want {
		t.Errorf("got %s", got)
	}
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
