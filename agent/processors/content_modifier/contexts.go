package content_modifier

import (
	"strings"

	"github.com/fluent/fluent-bit-go/event"
)

// contextName is what `context` may say.
type contextName string

// part tells where a context lies in a signal.
type part struct {
	name  contextName
	kind  event.Kinds
	meta  bool     // logs: it is in the metadata of records
	group bool     // logs: it is in the attributes of groups
	path  []string // the way to its map, in these or in what metrics say about their origin
	key   string   // the one key of that map that the context is
}

var parts = []part{
	{name: "body", kind: event.Logs},
	{name: "message", kind: event.Logs},
	{name: "record", kind: event.Logs},
	{name: "attributes", kind: event.Logs, meta: true},
	{name: "metadata", kind: event.Logs, meta: true},
	{name: "otel_log_attributes", kind: event.Logs, meta: true, path: []string{"otlp", "attributes"}},
	{name: "otel_resource_attributes", kind: event.Logs, group: true, path: []string{"resource", "attributes"}},
	{name: "otel_scope_attributes", kind: event.Logs, group: true, path: []string{"scope", "attributes"}},
	{name: "otel_scope_name", kind: event.Logs, group: true, path: []string{"scope"}, key: "name"},
	{name: "otel_scope_version", kind: event.Logs, group: true, path: []string{"scope"}, key: "version"},
	{name: "labels", kind: event.Metrics},
	{name: "attributes", kind: event.Metrics},
	{name: "name", kind: event.Metrics, key: "name"},
	{name: "description", kind: event.Metrics, key: "desc"},
	{name: "otel_resource_attributes", kind: event.Metrics, path: []string{"resource", "attributes"}},
	{name: "otel_scope_attributes", kind: event.Metrics, path: []string{"scope", "attributes"}},
	{name: "otel_scope_name", kind: event.Metrics, path: []string{"scope", "metadata"}, key: "name"},
	{name: "otel_scope_version", kind: event.Metrics, path: []string{"scope", "metadata"}, key: "version"},
	{name: "span_attributes", kind: event.Traces},
	{name: "span_name", kind: event.Traces, key: "name"},
	{name: "span_kind", kind: event.Traces, key: "kind"},
	{name: "span_status", kind: event.Traces, key: "message"},
}

var contextNames = func() (names []contextName) {
	seen := map[contextName]bool{}
	for _, p := range parts {
		if !seen[p.name] {
			names = append(names, p.name)
		}
		seen[p.name] = true
	}
	return names
}()

// in returns where the context lies in a signal; an empty one is the signal's first.
func (n contextName) in(kind event.Kinds) (part, bool) {
	for _, p := range parts {
		if p.kind == kind && (n == "" || strings.EqualFold(string(p.name), string(n))) {
			return p, true
		}
	}
	return part{}, false
}

// single returns the part that is one value of a map, or none.
func single(n contextName) part {
	for _, p := range parts {
		if p.name == n && p.key != "" {
			return p
		}
	}
	return part{}
}
