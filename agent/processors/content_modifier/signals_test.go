package content_modifier

import (
	"context"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
)

// signal sends contexts, written as JSON, through the processor.
func signal(t *testing.T, kind event.Kinds, lines string, contexts ...string) string {
	t.Helper()
	p, err := filtertest.Build(Plugin, filtertest.Properties(conf(lines)...))
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, c := range contexts {
		v, _, err := event.ParseJSON(nil, []byte(c))
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, v...)
	}
	b := event.Payload("t", kind, data)
	if err := p.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	var out []string
	for rest := b.Bytes(); len(rest) > 0; {
		v, after, err := event.CheckValue(rest)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(event.AppendJSON(nil, v, event.JSONStyle{})))
		rest = after
	}
	return strings.Join(out, "\n")
}

func TestSpansAreChanged(t *testing.T) {
	wrap := func(span string) string {
		return `{"resourceSpans":[{"resource":{"attributes":{"a":0}},"scope_spans":[{"scope":{},"spans":[` + span + `]}]}]}`
	}
	f := func(lines, span, want string) {
		t.Helper()
		if got := signal(t, event.Traces, lines, wrap(span), wrap(span)); got != wrap(want)+"\n"+wrap(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", lines, got, wrap(want))
		}
	}
	f("action upsert\nkey a\nvalue x", `{"name":"n","attributes":{"a":1,"b":2}}`, `{"name":"n","attributes":{"b":2,"a":"x"}}`)
	f("action insert\nkey a\nvalue x", `{"attributes":null}`, `{"attributes":{"a":"x"}}`)
	f("context span_attributes\naction delete\nkey a", `{"attributes":{"a":1}},{"attributes":{}}`, `{"attributes":{}},{"attributes":{}}`)
	f("context span_name\naction upsert\nvalue x", `{"name":"n","kind":1}`, `{"name":"x","kind":1}`)
	f("context span_kind\naction upsert\nvalue Server", `{"name":"n","kind":1}`, `{"name":"n","kind":2}`)
	f("context span_status\naction upsert\nvalue x", `{"status":{"code":2,"message":null}}`, `{"status":{"code":2,"message":"x"}}`)
}

func TestLabelsAreChanged(t *testing.T) {
	wrap := func(static, labels, values string) string {
		return `{"meta":{"cmetrics":{},"processing":{"static_labels":` + static + `}},"metrics":[{"meta":{"opts":{"name":"m","desc":"d"},"labels":` + labels + `},"values":[` + values + `]}]}`
	}
	f := func(lines, in, want string) {
		t.Helper()
		if got := signal(t, event.Metrics, lines, in); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", lines, got, want)
		}
	}
	base := wrap(`[["s","1"]]`, `["a","b"]`, `{"value":1.0,"labels":["x","y"]},{"value":2.0,"labels":["x",null]}`)
	f("action upsert\nkey a\nvalue new", base, wrap(`[["s","1"]]`, `["b","a"]`, `{"value":1.0,"labels":["y","new"]},{"value":2.0,"labels":[null,"new"]}`))
	f("action insert\nkey b\nvalue new", base, wrap(`[["s","1"]]`, `["a","b"]`, `{"value":1.0,"labels":["x","y"]},{"value":2.0,"labels":["x","new"]}`))
	f("action insert\nkey c\nvalue new", wrap(`[]`, `[]`, `{"value":1.0}`), wrap(`[]`, `["c"]`, `{"value":1.0,"labels":["new"]}`))
	f("action delete\nkey a", base, wrap(`[["s","1"]]`, `["b"]`, `{"value":1.0,"labels":["y"]},{"value":2.0,"labels":[null]}`))
	f("action rename\nkey b\nvalue z", base, wrap(`[["s","1"]]`, `["a","z"]`, `{"value":1.0,"labels":["x","y"]},{"value":2.0,"labels":["x",null]}`))
	f("action upsert\nkey s\nvalue new", base, strings.Replace(base, `["s","1"]`, `["s","new"]`, 1))
	f("action insert\nkey s\nvalue new", base, base)
	f("action delete\nkey s", base, strings.Replace(base, `[["s","1"]]`, `[]`, 1))
	f("action convert\nkey s\nconverted_type int", base, base)
	f("context description\naction upsert\nvalue new", base, strings.Replace(base, `"d"`, `"new"`, 1))
	f("context name\naction upsert\nvalue new", base, strings.Replace(base, `"m"`, `"new"`, 1))
	f("action delete\nkey none", base, base)
}

func TestSingleValuesTakeFewActions(t *testing.T) {
	f := func(lines, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf(lines)...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", lines, err, want)
		}
	}
	f("context span_name\naction delete", "test.conf:2:8: the action delete makes no sense in the context span_name; use upsert")
	f("context span_kind\naction hash", "makes no sense")
	f("context otel_scope_name\naction rename\nvalue x", "makes no sense")
	f("context span_kind\naction upsert\nvalue x", "test.conf:3:7: 'x' is no kind of span; use one of unspecified")
}

func FuzzPayload(f *testing.F) {
	for _, s := range []string{`{"metrics":[{"meta":{"labels":["a"]},"values":[{"labels":["x"]}]}],"meta":{"processing":{"static_labels":[["a","b"]]}}}`, `{"metrics":{},"meta":[]}`} {
		v, _, err := event.ParseJSON(nil, []byte(s))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, lines := range []string{"action upsert\nkey a\nvalue x", "action rename\nkey a\nvalue b", "action hash\nkey a"} {
			p, err := filtertest.Build(Plugin, filtertest.Properties(conf(lines)...))
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range []event.Kinds{event.Metrics, event.Traces} {
				b := event.Payload("t", kind, data)
				if p.Filter(context.Background(), b) != nil {
					continue
				}
				for rest := b.Bytes(); len(rest) > 0; {
					if _, rest, err = event.CheckValue(rest); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func TestTheOriginOfMetricsIsChanged(t *testing.T) {
	f := func(lines, external, want string) {
		t.Helper()
		wrap := func(external string) string { return `{"meta":{"external":` + external + `},"metrics":[]}` }
		if got := signal(t, event.Metrics, lines, wrap(external)); got != wrap(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", lines, got, wrap(want))
		}
	}
	f("context otel_resource_attributes\naction upsert\nkey a\nvalue x", `{"resource":{"metadata":{},"attributes":{}}}`, `{"resource":{"metadata":{},"attributes":{"a":"x"}}}`)
	f("context otel_scope_attributes\naction rename\nkey a\nvalue b", `{"scope":{"attributes":{"a":1}}}`, `{"scope":{"attributes":{"b":1}}}`)
	f("context otel_scope_name\naction upsert\nvalue unit", `{}`, `{"scope":{"metadata":{"name":"unit"}}}`)
	f("context otel_scope_version\naction upsert\nvalue 2", `{"scope":{"metadata":{"version":"1"}}}`, `{"scope":{"metadata":{"version":"2"}}}`)
}
