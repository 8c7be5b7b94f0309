package metrics_selector

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
)

const page = `# TYPE cpu_seconds counter
cpu_seconds{x="1"} 1
cpu_seconds{x="2"} 2
mem_seconds{x="1"} 3
bytes 4
`

func TestMetricsAreSelected(t *testing.T) {
	f := func(want string, settings ...string) {
		t.Helper()
		got := filtertest.RunMetrics(t, Plugin, settings, page)
		var values []string
		for line := range strings.Lines(got) {
			values = append(values, line[len(line)-2:len(line)-1])
		}
		if strings.Join(values, "") != want {
			t.Errorf("%q: got %s", settings, got)
		}
	}
	f("12", "metric_name cpu")
	f("34", "metric_name cpu", "action EXCLUDE")
	f("", "metric_name seconds")
	f("123", "metric_name seconds", "operation_type substring")
	f("4", "metric_name seconds", "operation_type substring", "action exclude")
	f("34", "metric_name /^(mem|b)/")
	f("12", "metric_name /^(mem|b)/", "action exclude", "operation_type prefix")
	f("24", "context delete_label_value", "label x 1")
	f("1234", "context delete_label_value", "label x 1 1")
}

func TestABatchOfWhichNothingIsLeftIsEmpty(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties("metric_name nothing"))
	if err != nil {
		t.Fatal(err)
	}
	b := filtertest.Metrics(t, page, page)
	if err := f.Filter(t.Context(), b); err != nil || b.Len() != 0 {
		t.Errorf("%d, %v", b.Len(), err)
	}
}

func TestFaultySettingsAreRefused(t *testing.T) {
	f := func(want string, settings ...string) {
		t.Helper()
		if _, err := filtertest.Build(Plugin, filtertest.Properties(settings...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want …%s…", settings, err, want)
		}
	}
	f("set metric_name", "action include")
	f("test.conf:1:13: metric_name: ", "metric_name /(/")
	f("test.conf:1:7: label: 'x' is not NAME VALUE", "label x", "context delete_label_value")
	f("is none of 'include', 'exclude'", "metric_name a", "action keep")
}
