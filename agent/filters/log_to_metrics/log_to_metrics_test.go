package log_to_metrics

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// rig is a filter whose metrics are kept as text.
type rig struct {
	f       *filter
	emitted []string
	log     bytes.Buffer
}

func build(t *testing.T, lines ...string) (*rig, error) {
	t.Helper()
	r := new(rig)
	spec := filtertest.With(Plugin, func(env *plugin.Env) {
		env.Log = slog.New(slog.NewTextHandler(&r.log, nil))
		env.Emit = func(_ context.Context, b *event.Batch) error {
			if b.Tag != "m" || b.Kind != event.Metrics {
				return fmt.Errorf("emitted %v with the tag %s", b.Kind, b.Tag)
			}
			for s, err := range metric.All(b.Bytes()) {
				if err != nil {
					return err
				}
				r.emitted = append(r.emitted, string(metric.AppendPrometheus(nil, s, false)))
			}
			return nil
		}
	})
	f, err := filtertest.Build(spec, filtertest.Properties(lines...))
	if err == nil {
		r.f = f.(*filter)
	}
	return r, err
}

func mustBuild(t *testing.T, lines ...string) *rig {
	t.Helper()
	r, err := build(t, append([]string{"tag m", "metric_description d"}, lines...)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// send filters records and returns how many are left.
func (r *rig) send(t *testing.T, records ...string) int {
	t.Helper()
	b := filtertest.Batch(t, records...)
	if err := r.f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// last is what was emitted last, without the header.
func (r *rig) last() string {
	if len(r.emitted) == 0 {
		return ""
	}
	var lines []string
	for line := range strings.Lines(r.emitted[len(r.emitted)-1]) {
		if line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestRecordsAreCountedByTheirLabels(t *testing.T) {
	r := mustBuild(t, "metric_name hits", "label_field colour", "add_label room $where['room']", "regex ok ^yes$")
	r.send(t,
		`{"ok":"yes","colour":"red","where":{"room":"a"}}`,
		`{"ok":"yes","colour":"red","where":{"room":"a"}}`,
		`{"ok":"no","colour":"red","where":{"room":"a"}}`,
		`{"ok":"yes","colour":7,"where":{"room":1.5}}`,
		`{"ok":"yes","colour":null}`)
	want := `log_metric_counter_hits{colour="red",room="a"} 2
log_metric_counter_hits{colour="7",room="1.500000"} 1
log_metric_counter_hits{colour="",room=""} 1
`
	if got := r.last(); got != want {
		t.Errorf("got:\n%s", got)
	}
	if !strings.HasPrefix(r.emitted[0], "# HELP log_metric_counter_hits d\n# TYPE log_metric_counter_hits counter\n") {
		t.Errorf("got:\n%s", r.emitted[0])
	}
	r.send(t, `{"ok":"yes","colour":"red","where":{"room":"a"}}`)
	if got := r.last(); !strings.HasPrefix(got, `log_metric_counter_hits{colour="red",room="a"} 3`) || len(r.emitted) != 2 {
		t.Errorf("got:\n%s", got)
	}
	r.send(t, `{"ok":"no"}`)
	if len(r.emitted) != 2 {
		t.Error("metrics that have not changed were emitted again")
	}
}

func TestSeriesAreToldApartWhateverTheirLabelsHold(t *testing.T) {
	r := mustBuild(t, "label_field a", "label_field b")
	r.send(t, `{"a":"x\u0000y","b":"z"}`, `{"a":"x","b":"y\u0000z"}`, `{"a":"xy","b":""}`, `{"a":"x","b":"y"}`)
	if n := len(r.f.known); n != 4 {
		t.Errorf("%d series:\n%s", n, r.last())
	}
}

func TestRulesAreTriedInOrderUntilOneMatches(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		r := mustBuild(t, append(lines, "label_field a")...)
		r.send(t, `{"a":"x"}`, `{"a":"y"}`, `{"a":"xy"}`, `{"b":1}`)
		var got []string
		for line := range strings.Lines(r.last()) {
			_, value, _ := strings.Cut(line, `a="`)
			got = append(got, strings.TrimSuffix(value, "\"} 1\n"))
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%q: got %q, want %s", lines, got, want)
		}
	}
	f("x,y,xy,")
	f("x,xy", "regex a x")
	f("y,", "exclude a x")
	f("x", "exclude a y", "regex a x")
	f("x,xy", "regex a x", "exclude a y")
}

func TestAGaugeKeepsTheLastValue(t *testing.T) {
	r := mustBuild(t, "metric_mode gauge", "metric_namespace n", "metric_subsystem s", "metric_name g", "value_field $v['x']")
	r.send(t, `{"v":{"x":1}}`, `{"v":{"x":"2.5 ms"}}`, `{"v":{"x":"info"}}`, `{"v":{}}`, `{}`, `{"v":{"x":[]}}`)
	if got := r.last(); got != "n_s_g 2.5\n" {
		t.Errorf("got %s", got)
	}
	if n := strings.Count(r.log.String(), "records that have no number under"); n != 3 { // the 1st, 2nd and 4th
		t.Errorf("said %d times:\n%s", n, r.log.String())
	}
}

func TestAHistogramCountsValues(t *testing.T) {
	r := mustBuild(t, "metric_mode histogram", "metric_name h", "value_field v", "bucket 10", "bucket 0.5", "bucket 10", "label_field l")
	r.send(t, `{"v":0.25,"l":"a"}`, `{"v":10,"l":"a"}`, `{"v":11,"l":"a"}`)
	want := `log_metric_histogram_h_bucket{le="0.5",l="a"} 1
log_metric_histogram_h_bucket{le="10.0",l="a"} 2
log_metric_histogram_h_bucket{le="+Inf",l="a"} 3
log_metric_histogram_h_sum{l="a"} 21.25
log_metric_histogram_h_count{l="a"} 3
`
	if got := r.last(); got != want {
		t.Errorf("got:\n%s", got)
	}
	r = mustBuild(t, "metric_mode histogram", "value_field v")
	r.send(t, `{"v":0.25}`)
	if got := r.last(); strings.Count(got, "_bucket") != 12 || !strings.Contains(got, `le="0.005"`) {
		t.Errorf("the usual buckets:\n%s", got)
	}
}

func TestKubernetesLabelsComeFirst(t *testing.T) {
	r := mustBuild(t, "kubernetes_mode on", "label_field l")
	r.send(t, `{"l":"x","kubernetes":{"namespace_name":"n","pod_name":"p","container_name":"c","docker_id":"d","pod_id":"i"}}`)
	want := `log_metric_counter_a{namespace_name="n",pod_name="p",container_name="c",docker_id="d",pod_id="i",l="x"} 1` + "\n"
	if got := r.last(); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestLogsAreDroppedOnlyWhenAskedTo(t *testing.T) {
	if n := mustBuild(t).send(t, `{"a":1}`, `{"a":2}`); n != 2 {
		t.Errorf("%d records are left", n)
	}
	r := mustBuild(t, "discard_logs on", "regex a ^x$")
	if n := r.send(t, `{"a":"x"}`, `{"a":2}`); n != 0 || r.last() != "log_metric_counter_a 1\n" {
		t.Errorf("%d records are left, %s", n, r.last())
	}
}

func TestWithAnIntervalMetricsWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, "flush_interval_sec 1", "flush_interval_nsec 500000000")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.f.Background(ctx) }()
		r.send(t, `{"a":1}`)
		r.send(t, `{"a":1}`)
		count := func(want int) {
			t.Helper()
			r.f.mu.Lock()
			defer r.f.mu.Unlock()
			if len(r.emitted) != want {
				t.Errorf("emitted %d times, want %d", len(r.emitted), want)
			}
		}
		count(0)
		time.Sleep(1600 * time.Millisecond)
		count(1)
		time.Sleep(10 * time.Second)
		count(1)
		r.send(t, `{"a":1}`)
		time.Sleep(2 * time.Second)
		count(2)
		if got := r.last(); got != "log_metric_counter_a 3\n" {
			t.Errorf("got %s", got)
		}
		r.send(t, `{"a":1}`)
		if err := r.f.Drain(ctx); err != nil || r.last() != "log_metric_counter_a 4\n" {
			t.Errorf("at the end: %v, %s", err, r.last())
		}
		count(3)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestFaultySettingsAreRefused(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		if _, err := build(t, lines...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want …%s…", lines, err, want)
		}
	}
	f("set tag", "metric_description d")
	f("set metric_description", "tag m")
	f("set value_field", "tag m", "metric_description d", "metric_mode gauge")
	f("is none of 'counter', 'gauge', 'histogram'", "metric_mode summary")
	f("test.conf:1:13: label_field: '$a['b']' is no name of a label", "label_field $a['b']")
	f("has no record accessor", "add_label x")
	f("the label x is there twice", "label_field x", "add_label x $y")
	f("has no regular expression", "regex x")
	f("test.conf:1:7: regex:", "regex x (")
	f("is not a number", "bucket x")
}

func TestMeasuringKnownSeriesDoesNotAllocate(t *testing.T) {
	r := mustBuild(t, "metric_mode histogram", "value_field n", "label_field l", "flush_interval_sec 1")
	b := filtertest.Batch(t, `{"l":"a","n":3}`, `{"l":"b","n":4}`)
	if n := testing.AllocsPerRun(100, func() {
		if err := r.f.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations per batch", n)
	}
}

func TestWhatIsNotANumberIsLeftOut(t *testing.T) {
	r := mustBuild(t, "metric_mode histogram", "value_field v", "bucket 1")
	b := filtertest.Batch(t, `{"v":2}`)
	b.Append(event.Time{Sec: 1}, nil, event.AppendFloat(event.AppendStr(event.AppendMap(nil, 1), "v"), math.NaN()))
	if err := r.f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := r.last(); !strings.Contains(got, "_sum 2\n") || !strings.Contains(got, "_count 1\n") {
		t.Error(got)
	}
}

func TestLabelsThatHoldZeroBytesAreTheirOwn(t *testing.T) {
	r := mustBuild(t, "label_field a", "label_field b")
	r.send(t, `{"a":"x\u0000y","b":"z"}`, `{"a":"x","b":"y\u0000z"}`)
	if n := strings.Count(r.last(), "\n"); n != 2 {
		t.Errorf("%d series: %q", n, r.last())
	}
}

func TestAnIntervalOfCenturiesIsOne(t *testing.T) {
	r := mustBuild(t, "flush_interval_sec 10000000000")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := r.f.Background(ctx); err != nil {
		t.Error(err)
	}
	if r.f.interval <= 0 {
		t.Error(r.f.interval)
	}
}
