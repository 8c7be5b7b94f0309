// Package promtext reads metrics in Prometheus' text exposition format
// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
package promtext

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/metric"
)

// BadLines reports lines that were left out. The others of the same page are kept.
type BadLines struct {
	Count int
	Line  int // the first one's number
	First error
}

func (e *BadLines) Error() string {
	return fmt.Sprintf("%d malformed line(s), the first is line %d: %v", e.Count, e.Line, e.First)
}

func (e *BadLines) Unwrap() error { return e.First }

// Parse reads a page. Points without a time get now, in nanoseconds since 1970. Families stand in the order in
// which they come up. What is malformed is left out and reported by a [*BadLines]; the set holds the rest.
func Parse(page []byte, now int64) (metric.Set, error) {
	p := parser{now: now, index: map[string]*family{}}
	var bad *BadLines
	for n := 1; len(page) > 0; n++ {
		line, rest, _ := bytes.Cut(page, []byte{'\n'})
		page = rest
		if err := p.line(strings.Trim(string(line), " \t\r")); err != nil {
			if bad == nil {
				bad = &BadLines{Line: n, First: err}
			}
			bad.Count++
		}
	}
	set := p.set()
	if bad != nil {
		return set, bad
	}
	return set, nil
}

type parser struct {
	now   int64
	list  []*family
	index map[string]*family
}

// family is what is known about one name so far.
type family struct {
	metric.Family
	typed  bool
	series map[string]*series // histograms and summaries, by labels
	order  []*series
}

// series is a histogram or summary whose parts stand on lines of their own.
type series struct {
	labels     []metric.Label
	time       int64
	steps      []step // buckets or quantiles
	sum, count float64
	hasCount   bool
}

type step struct{ at, value float64 }

func (p *parser) line(s string) error {
	switch {
	case s == "":
		return nil
	case s[0] == '#':
		return p.comment(strings.TrimLeft(s[1:], " \t"))
	}
	return p.sample(s)
}

func (p *parser) comment(s string) error {
	word, rest := cutWord(s)
	if word != "HELP" && word != "TYPE" {
		return nil
	}
	name, text := cutWord(rest)
	if !validName(name) {
		return fmt.Errorf("%s of '%s', which is no name of a metric", word, name)
	}
	f := p.family(name)
	if word == "HELP" {
		f.Help, _ = unescape(text, false)
		return nil
	}
	if f.typed || len(f.Points) > 0 || len(f.order) > 0 {
		return fmt.Errorf("a second TYPE of %s, or one behind its values", name)
	}
	f.typed = true
	switch strings.ToLower(text) {
	case "counter":
		f.Type, f.Aggregation = metric.TypeCounter, metric.Cumulative
	case "gauge", "info", "stateset":
		f.Type = metric.TypeGauge
	case "histogram":
		f.Type, f.Aggregation = metric.TypeHistogram, metric.Cumulative
	case "summary":
		f.Type = metric.TypeSummary
	case "untyped", "unknown", "gaugehistogram":
	default:
		return fmt.Errorf("'%s' is no type of a metric", text)
	}
	return nil
}

func (p *parser) family(name string) *family {
	f := p.index[name]
	if f == nil {
		f = &family{Family: metric.Family{Name: name, Type: metric.TypeUntyped}}
		p.index[name] = f
		p.list = append(p.list, f)
	}
	return f
}

// sample reads NAME{LABELS} VALUE [TIME].
func (p *parser) sample(s string) error {
	end := strings.IndexAny(s, "{ \t")
	if end < 0 {
		return fmt.Errorf("'%s' has no value", s)
	}
	name, rest := s[:end], strings.TrimLeft(s[end:], " \t")
	if !validName(name) {
		return fmt.Errorf("'%s' is no name of a metric", name)
	}
	var labels []metric.Label
	var err error
	if strings.HasPrefix(rest, "{") {
		if labels, rest, err = parseLabels(rest[1:]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	rest, _, _ = strings.Cut(rest, " # ") // an exemplar of OpenMetrics
	words := strings.Fields(rest)
	if len(words) == 0 || len(words) > 2 {
		return fmt.Errorf("%s: '%s' is no value with at most a time behind it", name, rest)
	}
	value, err := parseFloat(words[0])
	if err != nil {
		return fmt.Errorf("%s: '%s' is no number", name, words[0])
	}
	at := p.now
	if len(words) == 2 {
		ms, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil || ms > math.MaxInt64/1_000_000 {
			return fmt.Errorf("%s: '%s' is no time in milliseconds", name, words[1])
		}
		at = max(0, ms) * 1_000_000 // there are no times before 1970 in what is stored
	}
	return p.add(name, labels, value, at)
}

// add finds the family that a value belongs to: for foo_sum it may be foo.
func (p *parser) add(name string, labels []metric.Label, value float64, at int64) error {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(name, suffix)
		if f := p.index[base]; ok && f != nil && (f.Type == metric.TypeHistogram || f.Type == metric.TypeSummary && suffix != "_bucket") {
			return f.part(suffix, labels, value, at)
		}
	}
	f := p.family(name)
	switch f.Type {
	case metric.TypeSummary:
		return f.part("quantile", labels, value, at)
	case metric.TypeHistogram:
		return fmt.Errorf("%s is a histogram and takes only %[1]s_bucket, %[1]s_sum and %[1]s_count", name)
	}
	f.Points = append(f.Points, metric.Point{Time: at, Labels: labels, Value: value})
	return nil
}

func (f *family) part(what string, labels []metric.Label, value float64, at int64) error {
	special := "le"
	if f.Type == metric.TypeSummary {
		special = "quantile"
	}
	var limit float64
	i := slices.IndexFunc(labels, func(l metric.Label) bool { return l.Name == special })
	switch stepped := what == "_bucket" || what == "quantile"; {
	case stepped && i < 0:
		return fmt.Errorf("%s: the label %s is missing", f.Name, special)
	case !stepped && i >= 0:
		return fmt.Errorf("%s%s must not have the label %s", f.Name, what, special)
	case stepped:
		var err error
		if limit, err = parseFloat(labels[i].Value); err != nil || math.IsNaN(limit) {
			return fmt.Errorf("%s: %s='%s' is no number", f.Name, special, labels[i].Value)
		}
		labels = slices.Delete(labels, i, i+1)
	}
	if (what == "_bucket" || what == "_count") && !(value >= 0 && value < math.MaxUint64) {
		return fmt.Errorf("%s%s: %g is no count", f.Name, what, value)
	}
	s := f.seriesOf(labels)
	s.time = at
	switch what {
	case "_sum":
		s.sum = value
	case "_count":
		s.count, s.hasCount = value, true
	default:
		s.steps = append(s.steps, step{limit, value})
	}
	return nil
}

func (f *family) seriesOf(labels []metric.Label) *series {
	var key []byte
	for _, l := range labels {
		key = append(append(append(append(key, l.Name...), 0), l.Value...), 0)
	}
	if s := f.series[string(key)]; s != nil {
		return s
	}
	if f.series == nil {
		f.series = map[string]*series{}
	}
	s := &series{labels: labels}
	f.series[string(key)] = s
	f.order = append(f.order, s)
	return s
}

// set puts histograms and summaries together. Series with other bounds make a family of their own.
func (p *parser) set() (set metric.Set) {
	for _, f := range p.list {
		if len(f.order) == 0 {
			if len(f.Points) > 0 {
				set.Families = append(set.Families, f.Family)
			}
			continue
		}
		alike := map[string]int{} // where series with the same bounds are
		for _, s := range f.order {
			one := f.Family
			point := metric.Point{Time: s.time, Labels: s.labels}
			slices.SortStableFunc(s.steps, func(a, b step) int { return cmpFloat(a.at, b.at) })
			s.steps = slices.CompactFunc(s.steps, func(a, b step) bool { return a.at == b.at })
			if f.Type == metric.TypeHistogram {
				one.Bounds, point.Buckets = s.histogram()
			} else {
				one.Ranks, point.Quantiles = s.summary()
			}
			key := fmt.Sprint(one.Bounds, one.Ranks)
			at, ok := alike[key]
			if !ok {
				at = len(set.Families)
				alike[key] = at
				set.Families = append(set.Families, one)
			}
			g := &set.Families[at]
			g.Points = append(g.Points, point)
		}
	}
	return set
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// histogram makes the last bucket of whichever is there, the one up to infinity or the count.
func (s *series) histogram() (bounds []float64, b *metric.Buckets) {
	b = &metric.Buckets{Sum: s.sum, Count: uint64(s.count)}
	for _, st := range s.steps {
		if math.IsInf(st.at, 1) {
			if !s.hasCount {
				b.Count = uint64(st.value)
			}
			continue
		}
		bounds, b.Counts = append(bounds, st.at), append(b.Counts, uint64(st.value))
		if !s.hasCount {
			b.Count = uint64(st.value)
		}
	}
	last := b.Count
	if n := len(s.steps); n > 0 && math.IsInf(s.steps[n-1].at, 1) {
		last = uint64(s.steps[n-1].value)
	}
	b.Counts = append(b.Counts, last)
	return bounds, b
}

func (s *series) summary() (ranks []float64, q *metric.Quantiles) {
	q = &metric.Quantiles{Set: len(s.steps) > 0, Sum: s.sum, Count: uint64(s.count)}
	for _, st := range s.steps {
		ranks, q.Values = append(ranks, st.at), append(q.Values, st.value)
	}
	return ranks, q
}
