package log_to_metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/condition"
	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

type mode string

const (
	counter   mode = "counter"
	gauge     mode = "gauge"
	histogram mode = "histogram"
)

// usualBounds are the buckets of a histogram that has none configured, made for seconds.
var usualBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type config struct {
	rules                            condition.KeyRules
	labels                           []label
	mode                             mode
	value                            *accessor.Accessor
	name, namespace, subsystem, help string
	kubernetes                       bool
	bounds                           []float64
	tag                              string
	interval                         ticker.Interval
	discard                          bool
	emitter                          string
	limit                            int64
}

type label struct {
	name string
	at   *accessor.Accessor
}

func (c *config) Options() []option.Option {
	rules := option.Ordered("string", c.rules.Add, "regex", "exclude")
	labels := option.Ordered("string", c.addLabel, "add_label", "label_field")
	value := option.Var("value_field", "string", &c.value, accessor.CompileKey)
	return []option.Option{
		rules[0].Help("KEY REGEX: measure records whose text under KEY, a key or a record accessor, matches. Of several rules the first that matches decides."),
		rules[1].Help("KEY REGEX: leave out records whose text under KEY matches."),
		option.Enum("metric_mode", &c.mode, counter, gauge, histogram).Default("counter").
			Help("What is made: a counter of records, a gauge with the last value, or a histogram of values."),
		value.Help("Key or record accessor of the value, for gauges and histograms."),
		option.String("metric_name", &c.name).Default("a").Help("Name of the metric; the full name is metric_namespace, metric_subsystem and this, joined by _."),
		option.String("metric_namespace", &c.namespace).Default("log_metric").Help("First part of the full name."),
		option.String("metric_subsystem", &c.subsystem).Help("Second part of the full name; the mode unless set."),
		option.String("metric_description", &c.help).Help("Help text of the metric. Required."),
		option.Switch("kubernetes_mode", &c.kubernetes).Default("false").
			Help("Begin with the labels namespace_name, pod_name, container_name, docker_id and pod_id, from what the filter kubernetes adds."),
		labels[0].Help("NAME ACCESSOR: a label with the value that the record accessor finds; empty when there is none. Labels stand in the order of the file."),
		labels[1].Help("A key of the record as a label of the same name."),
		option.Each("bucket", "string", &c.bounds, option.ParseFloat).Help("Upper bound of a bucket of a histogram. 0.005 to 10, for seconds, when there is none."),
		option.String("tag", &c.tag).Help("Tag of the metrics. Required."),
		option.String("emitter_name", &c.emitter).Help("Has no effect: there is no hidden input here that could have a name."),
		option.Size("emitter_mem_buf_limit", &c.limit).Default("10M").Help("Has no effect: the metrics' memory is bounded by the number of their label values."),
		option.Int("flush_interval_sec", &c.interval.Sec).Default("0").Help("Seconds between two emissions. With both intervals 0 the metrics are emitted with every batch of records."),
		option.Int("flush_interval_nsec", &c.interval.Nsec).Default("0").Help("Nanoseconds between two emissions, on top of flush_interval_sec."),
		option.Switch("discard_logs", &c.discard).Default("false").Help("Drop all records that come here, whether they were measured or not."),
	}
}

func (c *config) addLabel(kind string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("is a text, not a list or a map")
	}
	fault := func(cure, format string, args ...any) error {
		return &option.Error{Pos: v.Pos, Msg: kind + ": " + fmt.Sprintf(format, args...), Cure: cure}
	}
	name, field := v.Text, v.Text
	if strings.EqualFold(kind, "add_label") {
		if name, field = words.Pair(v.Text); field == "" {
			return fault("write its name, a blank and a record accessor: app $kubernetes['labels']['app']", "'%s' has no record accessor", v.Text)
		}
	}
	if !validLabel(name) {
		return fault("begin with a letter and go on with letters, digits and _; for a field of another name write add_label NAME ACCESSOR", "'%s' is no name of a label", name)
	}
	if slices.ContainsFunc(c.labels, func(l label) bool { return l.name == name }) {
		return fault("rename one of them", "the label %s is there twice", name)
	}
	at, err := accessor.CompileKey(field)
	if err != nil {
		return fault("", "%v", err)
	}
	c.labels = append(c.labels, label{name, at})
	return nil
}

func validLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// kubernetesLabels are those of kubernetes_mode.
var kubernetesLabels = []string{"namespace_name", "pod_name", "container_name", "docker_id", "pod_id"}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	switch {
	case c.tag == "":
		return nil, errors.New("the metrics have no tag; set tag")
	case c.help == "":
		return nil, errors.New("the metric has no help text; set metric_description")
	case c.mode != counter && c.value == nil:
		return nil, fmt.Errorf("a %s needs a value; set value_field", c.mode)
	case c.mode == counter:
		c.value = nil
	}
	var labels []label
	if c.kubernetes {
		for _, name := range kubernetesLabels {
			at, err := accessor.CompileKey("$kubernetes['" + name + "']")
			if err != nil {
				panic("BUG: " + err.Error())
			}
			labels = append(labels, label{name, at})
		}
	}
	if c.subsystem == "" {
		c.subsystem = string(c.mode)
	}
	if len(c.bounds) == 0 {
		c.bounds = usualBounds
	}
	bounds := slices.Clone(c.bounds)
	slices.Sort(bounds)
	f := &filter{
		rules: c.rules, labels: append(labels, c.labels...), mode: c.mode, value: c.value, tag: c.tag, discard: c.discard,
		interval: c.interval.Period(0), emit: env.Emit, log: env.Log,
		emitted: env.Metrics.Counter("emit_records_total", "Total number of emitted records"),
		own:     metric.NewRegistry(c.namespace, c.subsystem), known: map[string]series{},
	}
	f.describe = c.describe(slices.Compact(bounds))
	for _, r := range c.rules {
		f.watch.Add(r.Regex)
	}
	return f, nil
}

// describe returns what makes a series of the configured mode.
func (c *config) describe(bounds []float64) func(*metric.Registry, []metric.Label) series {
	name, help := c.name, c.help
	switch c.mode {
	case gauge:
		return func(r *metric.Registry, labels []metric.Label) series { return r.Gauge(name, help, labels...).Set }
	case histogram:
		return func(r *metric.Registry, labels []metric.Label) series {
			return r.Histogram(name, help, bounds, labels...).Observe
		}
	}
	return func(r *metric.Registry, labels []metric.Label) series {
		one := r.Counter(name, help, labels...)
		return func(float64) { one.Inc() }
	}
}
