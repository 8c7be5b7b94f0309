package metric

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// printed is the order of types in text.
var printed = [...]Type{TypeCounter, TypeGauge, TypeSummary, TypeHistogram, TypeExponential, TypeUntyped}

// AppendText appends a line per point, as Fluent Bit prints metrics:
//
//	2026-11-29T13:56:37.024404788Z fluentbit_input_records_total{name="dummy.0"} = 3
func AppendText(dst []byte, s *Set) []byte {
	for _, t := range printed {
		for i := range s.Families {
			f := &s.Families[i]
			if f.Type != t {
				continue
			}
			name := f.FullName()
			for j := range f.Points {
				dst = appendTextPoint(dst, s, f, &f.Points[j], name)
			}
		}
	}
	return dst
}

func appendTextPoint(dst []byte, s *Set, f *Family, p *Point, name string) []byte {
	dst = time.Unix(0, p.Time).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z ")
	dst = append(dst, name...)
	open := byte('{')
	for _, list := range [...][]Label{s.Labels, p.Labels} {
		for _, l := range list {
			dst = append(append(append(append(dst, open), l.Name...), `="`...), l.Value...)
			dst = append(dst, '"')
			open = ','
		}
	}
	if open == ',' {
		dst = append(dst, '}')
	}
	dst = append(dst, " = "...)
	switch {
	case f.Type == TypeHistogram && p.Buckets != nil:
		dst = appendTextBuckets(dst, f.Bounds, p.Buckets)
	case f.Type == TypeSummary && p.Quantiles != nil:
		dst = appendTextQuantiles(dst, f.Ranks, p.Quantiles)
	case f.Type == TypeExponential && p.Exponential != nil:
		dst = appendTextExponential(dst, p.Exponential)
	default:
		dst = appendFloat(dst, p.Value, 17)
	}
	return append(dst, '\n')
}

func appendTextBuckets(dst []byte, bounds []float64, b *Buckets) []byte {
	dst = append(dst, "{ buckets = { "...)
	for i, n := range b.Counts {
		if i < len(bounds) {
			dst = append(appendFloat(dst, bounds[i], 6), '=')
			dst = append(strconv.AppendUint(dst, n, 10), ", "...)
			continue
		}
		dst = append(strconv.AppendUint(append(dst, "+Inf="...), n, 10), ' ')
	}
	dst = appendFloat(append(dst, "}, sum="...), b.Sum, 6)
	dst = strconv.AppendUint(append(dst, ", count="...), b.Count, 10)
	return append(dst, " }"...)
}

func appendTextQuantiles(dst []byte, ranks []float64, q *Quantiles) []byte {
	dst = append(dst, "{ quantiles = { "...)
	for i, v := range q.Values[:min(len(ranks), len(q.Values))] {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendFloat(append(appendFloat(dst, ranks[i], 6), '='), v, 6)
	}
	if len(q.Values) > 0 {
		dst = append(dst, ' ')
	}
	dst = appendFloat(append(dst, "}, sum="...), q.Sum, 6)
	dst = strconv.AppendUint(append(dst, ", count="...), q.Count, 10)
	return append(dst, " }"...)
}

func appendTextExponential(dst []byte, x *Exponential) []byte {
	dst = strconv.AppendInt(append(dst, "{ scale="...), int64(x.Scale), 10)
	dst = strconv.AppendUint(append(dst, ", zero_count="...), x.ZeroCount, 10)
	dst = appendFloat(append(dst, ", zero_threshold="...), x.ZeroThreshold, 17)
	side := func(name string, offset int32, counts []uint64) {
		dst = append(append(append(dst, ", "...), name...), "={offset="...)
		dst = append(strconv.AppendInt(dst, int64(offset), 10), ", bucket_counts=["...)
		for i, n := range counts {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = strconv.AppendUint(dst, n, 10)
		}
		dst = append(dst, "]}"...)
	}
	side("positive", x.PositiveOffset, x.Positive)
	side("negative", x.NegativeOffset, x.Negative)
	dst = strconv.AppendUint(append(dst, ", count="...), x.Count, 10)
	dst = append(dst, ", sum="...)
	if x.HasSum {
		dst = appendFloat(dst, x.Sum, 17)
	} else {
		dst = append(dst, "unset"...)
	}
	return append(dst, " }"...)
}

// AppendPrometheus appends the text exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/), with the points' times if timed is set.
// Families that have no point are left out; those of one name that follow each other share a header. In names, what
// Prometheus does not take becomes _.
func AppendPrometheus(dst []byte, s *Set, timed bool) []byte {
	last := ""
	for _, t := range printed {
		for i := range s.Families {
			f := &s.Families[i]
			if f.Type != t || len(f.Points) == 0 {
				continue
			}
			name := PrometheusName(f.FullName(), true)
			if name != last {
				dst = appendHeader(dst, f, name)
			}
			dst = appendFamily(dst, s, f, name, timed)
			last = name
		}
	}
	return dst
}

// PrometheusName makes s a name that Prometheus takes: letters, digits and underscores, the first no digit, and
// colons in names of metrics (https://prometheus.io/docs/concepts/data_model/). Every other byte becomes an
// underscore. Prometheus refuses a whole page for one name that it does not take.
func PrometheusName(s string, colons bool) string {
	valid := func(i int) bool {
		c := s[i]
		return c == '_' || c == ':' && colons || 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
	}
	bad := 0
	for bad < len(s) && valid(bad) {
		bad++
	}
	if bad == len(s) && s != "" && (s[0] < '0' || s[0] > '9') {
		return s // fast path
	}
	b := []byte(s)
	for i := bad; i < len(b); i++ {
		if !valid(i) {
			b[i] = '_'
		}
	}
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return "_" + string(b)
	}
	return string(b)
}

func appendHeader(dst []byte, f *Family, name string) []byte {
	dst = append(append(dst, "# HELP "...), name...)
	if help := strings.TrimSpace(f.Help); help != "" {
		dst = appendEscaped(append(dst, ' '), help, false)
	}
	dst = append(append(append(dst, "\n# TYPE "...), name...), ' ')
	return append(append(dst, f.Type.String()...), '\n')
}

func appendFamily(dst []byte, s *Set, f *Family, name string, timed bool) []byte {
	w := sampler{dst, s.Labels, name, timed}
	for i := range f.Points {
		p := &f.Points[i]
		switch {
		case f.Type == TypeHistogram && p.Buckets != nil:
			w.histogram(p, f.Bounds, p.Buckets, true)
		case f.Type == TypeExponential && p.Exponential != nil:
			bounds, b := p.Exponential.Explicit()
			w.histogram(p, bounds, &b, p.Exponential.HasSum)
		case f.Type == TypeSummary && p.Quantiles != nil:
			w.summary(p, f.Ranks, p.Quantiles)
		default:
			w.sample(p, "", Label{}, p.Value)
		}
	}
	return w.dst
}

// sampler writes the lines of one family.
type sampler struct {
	dst    []byte
	static []Label
	name   string
	timed  bool
}

func (w *sampler) histogram(p *Point, bounds []float64, b *Buckets, sum bool) {
	for i, n := range b.Counts {
		le := "+Inf"
		if i < len(bounds) {
			le = string(AppendBound(nil, bounds[i]))
		}
		w.sample(p, "_bucket", Label{"le", le}, float64(n))
	}
	if sum {
		w.sample(p, "_sum", Label{}, b.Sum)
	}
	w.sample(p, "_count", Label{}, float64(b.Count))
}

func (w *sampler) summary(p *Point, ranks []float64, q *Quantiles) {
	for i, v := range q.Values {
		if q.Set && i < len(ranks) {
			w.sample(p, "", Label{"quantile", string(AppendBound(nil, ranks[i]))}, v)
		}
	}
	w.sample(p, "_sum", Label{}, q.Sum)
	w.sample(p, "_count", Label{}, float64(q.Count))
}

// sample writes one line; first, when it has a name, stands before the other labels.
func (w *sampler) sample(p *Point, suffix string, first Label, v float64) {
	dst := append(append(w.dst, w.name...), suffix...)
	open := byte('{')
	label := func(l Label) {
		dst = append(append(append(dst, open), PrometheusName(l.Name, false)...), `="`...)
		dst = append(appendEscaped(dst, l.Value, true), '"')
		open = ','
	}
	if first.Name != "" {
		label(first)
	}
	for _, l := range w.static {
		label(l)
	}
	for _, l := range p.Labels {
		label(l)
	}
	if open == ',' {
		dst = append(dst, '}')
	}
	dst = appendFloat(append(dst, ' '), v, 17)
	if w.timed {
		dst = strconv.AppendInt(append(dst, ' '), p.Time/int64(time.Millisecond), 10)
	}
	w.dst = append(dst, '\n')
}

func appendEscaped(dst []byte, s string, quotes bool) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			dst = append(dst, `\\`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '"' && quotes:
			dst = append(dst, `\"`...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendFloat writes v as %.<digits>g of C does, and what is no number as Prometheus does.
func appendFloat(dst []byte, v float64, digits int) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-Inf"...)
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	}
	return strconv.AppendFloat(dst, v, 'g', digits, 64)
}

// AppendBound appends a bound or rank as it stands in the labels le and quantile: always with a point or an
// exponent.
func AppendBound(dst []byte, v float64) []byte {
	at := len(dst)
	dst = appendFloat(dst, v, 6)
	if got, err := strconv.ParseFloat(string(dst[at:]), 64); err != nil || got != v || bytes.IndexByte(dst[at:], 'e') >= 0 {
		dst = appendFloat(dst[:at], v, 17)
	}
	if !math.IsInf(v, 0) && !math.IsNaN(v) && !bytes.ContainsAny(dst[at:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// Explicit turns an exponential histogram into bounds and cumulative counts, as other formats want it.
func (x *Exponential) Explicit() (bounds []float64, b Buckets) {
	base := math.Exp2(math.Exp2(-float64(x.Scale)))
	b = Buckets{Count: x.Count, Sum: x.Sum}
	sofar := uint64(0)
	bucket := func(bound float64, n uint64) {
		sofar += n
		if !math.IsInf(bound, 0) {
			bounds, b.Counts = append(bounds, bound), append(b.Counts, sofar)
		}
	}
	for i := len(x.Negative) - 1; i >= 0; i-- {
		bucket(-math.Pow(base, float64(x.NegativeOffset)+float64(i)), x.Negative[i])
	}
	if x.ZeroCount > 0 || x.ZeroThreshold > 0 || (len(x.Negative) > 0) == (len(x.Positive) > 0) {
		bucket(x.ZeroThreshold, x.ZeroCount)
	}
	for i, n := range x.Positive {
		bucket(math.Pow(base, float64(x.PositiveOffset)+float64(i)+1), n)
	}
	b.Counts = append(b.Counts, x.Count)
	return bounds, b
}
