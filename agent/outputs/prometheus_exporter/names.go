package prometheus_exporter

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/metric"
)

// fit returns labels that Prometheus takes. Of those that come to one name the first stays.
func fit(labels []metric.Label) []metric.Label {
	good := func(l metric.Label) bool {
		return l.Name != "" && metric.PrometheusName(l.Name, false) == l.Name && utf8.ValidString(l.Value)
	}
	if !slices.ContainsFunc(labels, func(l metric.Label) bool { return !good(l) }) {
		return labels // fast path
	}
	var all []metric.Label
	for _, l := range labels {
		if l.Name == "" {
			continue
		}
		l = metric.L(metric.PrometheusName(l.Name, false), strings.ToValidUTF8(l.Value, "\ufffd"))
		if !slices.ContainsFunc(all, func(x metric.Label) bool { return x.Name == l.Name }) {
			all = append(all, l)
		}
	}
	return all
}
