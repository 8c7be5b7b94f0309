package prometheus_exporter

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/metric"
)

// Prometheus refuses a whole page for one name that it does not take. StatsD's have dots, and what clients send may
// hold anything.

// name makes a name that Prometheus takes: letters, digits and _, and in those of metrics colons, not beginning with
// a digit.
func name(s string, colons bool) string {
	wrong := func(i int, c byte) bool {
		return c != '_' && (c != ':' || !colons) && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9')
	}
	if s == "" {
		return "_"
	}
	for i := range len(s) {
		if wrong(i, s[i]) {
			b := []byte(s)
			if b[0] >= '0' && b[0] <= '9' {
				b = append([]byte{'_'}, b...)
			}
			for i, c := range b {
				if wrong(i, c) {
					b[i] = '_'
				}
			}
			return string(b)
		}
	}
	return s
}

// fit returns labels that Prometheus takes. Of those that come to one name the first stays.
func fit(labels []metric.Label) []metric.Label {
	good := func(l metric.Label) bool {
		return l.Name != "" && name(l.Name, false) == l.Name && utf8.ValidString(l.Value)
	}
	if !slices.ContainsFunc(labels, func(l metric.Label) bool { return !good(l) }) {
		return labels // fast path
	}
	var all []metric.Label
	for _, l := range labels {
		if l.Name == "" {
			continue
		}
		l = metric.L(name(l.Name, false), strings.ToValidUTF8(l.Value, "\ufffd"))
		if !slices.ContainsFunc(all, func(x metric.Label) bool { return x.Name == l.Name }) {
			all = append(all, l)
		}
	}
	return all
}
