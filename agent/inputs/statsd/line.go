package statsd

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

// kind is what a line tells.
type kind string

const (
	counter kind = "counter"
	gauge   kind = "gauge"
	timer   kind = "timer"
	set     kind = "set"
)

// line is BUCKET:VALUE|TYPE[|@RATE][|#KEY:VALUE,…], the format of https://github.com/statsd/statsd with
// DogStatsD's tags.
type line struct {
	bucket, value string
	kind          kind
	number        float64 // of the value; not for sets
	rate          float64
	tags          string
}

func parseLine(s string) (l line, err error) {
	bucket, rest, ok := strings.Cut(s, ":")
	if !ok || bucket == "" {
		return l, errors.New("has no bucket, which is what stands before a colon")
	}
	value, rest, ok := strings.Cut(rest, "|")
	if !ok {
		return l, errors.New("has no type, which is what stands behind a |")
	}
	l = line{bucket: bucket, value: value, rate: 1}
	letters, rest, _ := strings.Cut(rest, "|")
	switch letters {
	case "g":
		l.kind = gauge
	case "s":
		l.kind = set
	case "ms":
		l.kind = timer
	default:
		l.kind = counter // c, and whatever else there may be
	}
	for part := range strings.SplitSeq(rest, "|") {
		if r, ok := strings.CutPrefix(part, "@"); ok {
			if rate, err := strconv.ParseFloat(r, 64); err == nil && rate > 0 && !math.IsInf(rate, 0) {
				l.rate = rate
			}
		}
		if t, ok := strings.CutPrefix(part, "#"); ok {
			l.tags = t
		}
	}
	if l.number, err = strconv.ParseFloat(value, 64); err != nil && l.kind != set {
		return l, errors.New("has a value that is no number")
	}
	return l, nil
}

// incremental tells whether a gauge is moved, not set.
func (l *line) incremental() bool {
	return strings.HasPrefix(l.value, "+") || strings.HasPrefix(l.value, "-")
}

// appendRecord appends the line as a record's body.
func (l *line) appendRecord(dst []byte) []byte {
	n := 4
	if l.kind == set {
		n = 3
	}
	dst = event.AppendMap(dst, n)
	dst = event.AppendStr(event.AppendStr(dst, "type"), string(l.kind))
	dst = event.AppendStr(event.AppendStr(dst, "bucket"), l.bucket)
	dst = event.AppendStr(dst, "value")
	if l.kind == set {
		return event.AppendStr(dst, l.value)
	}
	dst = event.AppendFloat(dst, l.number)
	if l.kind != gauge {
		return event.AppendFloat(event.AppendStr(dst, "sample_rate"), l.rate)
	}
	moved := int64(0)
	if l.incremental() {
		moved = 1
	}
	return event.AppendInt(event.AppendStr(dst, "incremental"), moved)
}

// addTo adds the line to the metrics of a packet. What a counter tells is what came since the last time, and
// of one packet it adds up.
func (l *line) addTo(s *metric.Set, now int64) {
	f := metric.Family{Name: l.bucket, Help: "-"}
	p := metric.Point{Time: now, Value: l.number}
	switch l.kind {
	case counter:
		f.Type, f.Aggregation = metric.TypeCounter, metric.Delta
		p.Value /= l.rate
	case set:
		f.Type = metric.TypeUntyped
	default:
		f.Type = metric.TypeGauge
	}
	if l.kind == gauge && l.incremental() {
		p.Labels = append(p.Labels, metric.L("incremental", "true"))
	}
	for tag := range strings.SplitSeq(l.tags, ",") {
		name, value, _ := strings.Cut(tag, ":")
		if _, twice := p.Label(name); name != "" && !twice && len(p.Labels) < maxTags {
			p.Labels = append(p.Labels, metric.L(name, value))
		}
	}
	if same := find(s, &f, &p); same != nil {
		if l.kind == counter {
			p.Value += same.Value
		}
		*same = p
		return
	}
	f.Points = []metric.Point{p}
	s.Add(f)
}

const maxTags = 128

// find returns the point of the same series.
func find(s *metric.Set, f *metric.Family, p *metric.Point) *metric.Point {
	for i := range s.Families {
		g := &s.Families[i]
		if g.Name != f.Name || g.Type != f.Type {
			continue
		}
		for j := range g.Points {
			if sameLabels(g.Points[j].Labels, p.Labels) {
				return &g.Points[j]
			}
		}
	}
	return nil
}

func sameLabels(a, b []metric.Label) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
