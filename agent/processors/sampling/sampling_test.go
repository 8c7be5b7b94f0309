package sampling

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

func settings(kind string, more ...option.Property) []option.Property {
	return append(filtertest.Properties("type "+kind), more...)
}

func nested(key string, pairs ...string) option.Property {
	v := option.Value{Kind: option.KindMap, Pos: option.Pos{File: "test.yaml", Line: 3, Col: 5}}
	for i := 0; i < len(pairs); i += 2 {
		v.Map = append(v.Map, option.Property{Key: pairs[i], Pos: v.Pos, Value: option.Value{Text: pairs[i+1], Pos: v.Pos}})
	}
	return option.Property{Key: key, Value: v, Pos: v.Pos}
}

// traces is a context with one resource, and one scope for every list of trace ids.
func traces(t *testing.T, scopes ...[]string) *event.Batch {
	t.Helper()
	var list []string
	for _, ids := range scopes {
		var spans []string
		for _, id := range ids {
			spans = append(spans, fmt.Sprintf(`{"trace_id":%q,"name":"x"}`, id))
		}
		list = append(list, `{"scope":null,"spans":[`+strings.Join(spans, ",")+`],"schema_url":null}`)
	}
	v, _, err := event.ParseJSON(nil, []byte(`{"resourceSpans":[{"resource":{},"scope_spans":[`+strings.Join(list, ",")+`]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return event.Payload("t", event.Traces, v)
}

// id is a trace id that stands at a place from 0 to 100.
func id(percent float64) string { return fmt.Sprintf("%016x%016x", uint64(percent*10_000), 0) }

func TestTracesAreKeptByTheirIds(t *testing.T) {
	f := func(percentage string, want int, scopes ...[]string) {
		t.Helper()
		p, err := filtertest.Build(Plugin, settings("probabilistic", nested("sampling_settings", "sampling_percentage", percentage)))
		if err != nil {
			t.Fatal(err)
		}
		b := traces(t, scopes...)
		if err := p.Filter(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		text := string(event.AppendJSON(nil, event.Value(b.Bytes()), event.JSONStyle{}))
		if n := strings.Count(text, "trace_id"); n != want || strings.Contains(text, `"spans":[]`) || (n == 0) != (b.Len() == 0) {
			t.Errorf("%s%%: %d spans, want %d: %s", percentage, n, want, text)
		}
	}
	f("50", 3, []string{id(10), id(60)}, []string{id(99)}, []string{id(49.9), id(0)})
	f("100", 2, []string{id(10), id(99.9)})
	f("0", 0, []string{id(0), id(99.9)})
	f("1", 2, []string{"", "no id"})
}

func TestBytesThatAreNoTracesAreLeftAlone(t *testing.T) {
	p, err := filtertest.Build(Plugin, settings("probabilistic"))
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"\xc1", "\x93\x01\x02\x03", "\x80"} {
		b := event.Payload("t", event.Traces, []byte(data))
		err := p.Filter(t.Context(), b)
		if (err != nil) != (data == "\xc1") || string(b.Bytes()) != data {
			t.Errorf("%q became %q: %v", data, b.Bytes(), err)
		}
	}
}

func TestWhatIsNotHereIsRefused(t *testing.T) {
	f := func(want string, props ...option.Property) {
		t.Helper()
		if _, err := filtertest.Build(Plugin, props); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("test.conf:1:6: the type tail is not in this build yet", settings("tail")...)
	f("unknown type 'head'", settings("head")...)
	f("type")
	f("sampling_settings has no 'percentage'", settings("probabilistic", nested("sampling_settings", "percentage", "5"))...)
	f("not between 0 and 100", settings("probabilistic", nested("sampling_settings", "sampling_percentage", "101"))...)
	f("type tail", settings("probabilistic", nested("conditions"))...)
}
