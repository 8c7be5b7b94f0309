package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
)

func TestRecordsAreCountedByTag(t *testing.T) {
	f := func(set config.TagRecords, want string, sections ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := mustBuild(t, func(s *Settings) { s.TagRecords = set }, append(sections, "output sink match=*")...)
			reloading(t, r, func(run *Runner) {
				time.Sleep(2 * time.Second)
				if got := values(run, "_tag_records_"); sorted(got) != sorted(want) {
					t.Errorf("got:\n%swant:\n%s", got, want)
				}
			})
		})
	}
	inputs := []string{"input source tag=a n=2", "input source tag=a n=3", "input source tag=far.too.long n=4"}
	f(config.TagRecords{MaxSeries: 9, MaxTagLength: 9}, "", inputs...)
	f(config.TagRecords{Enabled: true, MaxSeries: 9, MaxTagLength: 9}, `fluentbit_input_logs_tag_records_total{name="source.0",tag="a"} 2
fluentbit_input_logs_tag_records_total{name="source.1",tag="a"} 3
fluentbit_input_logs_tag_records_untracked_total{name="source.2",reason="tag_length_limit"} 4
`, inputs...)
	f(config.TagRecords{Enabled: true, MaxTagLength: 9}, `fluentbit_input_logs_tag_records_untracked_total{name="source.0",reason="max_series"} 2
`, "input source tag=a n=2")
}

func TestTheLimitOfTagsIsForAllInputs(t *testing.T) {
	var s tagSeries
	for i, one := range []struct {
		input, tag string
		limit      int
		want       bool
	}{
		{"x", "a", 2, true}, {"x", "b", 2, true}, {"x", "a", 2, true}, {"y", "a", 2, false}, {"x", "c", 2, false}, {"y", "a", 3, true},
	} {
		if got := s.admit(one.input, one.tag, one.limit); got != one.want {
			t.Errorf("%d: %t", i, got)
		}
	}
}
