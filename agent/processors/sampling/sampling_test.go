package sampling

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

func props(kind string, more ...option.Property) []option.Property {
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
		p, err := filtertest.Build(Plugin, props("probabilistic", nested("sampling_settings", "sampling_percentage", percentage)))
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
	p, err := filtertest.Build(Plugin, props("probabilistic"))
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

func conditions(list ...option.Property) option.Property {
	v := option.Value{Kind: option.KindList, Pos: option.Pos{File: "test.yaml", Line: 9}}
	for _, p := range list {
		v.List = append(v.List, p.Value)
	}
	return option.Property{Key: "conditions", Value: v, Pos: v.Pos}
}

// one is a condition; a value with blanks in it is a list.
func one(pairs ...string) option.Property {
	p := nested("", pairs...)
	for i := range p.Value.Map {
		v := &p.Value.Map[i].Value
		if words := strings.Fields(v.Text); len(words) > 1 {
			*v = option.Value{Kind: option.KindList, Pos: v.Pos}
			for _, w := range words {
				v.List = append(v.List, option.Value{Text: w, Pos: v.Pos})
			}
		}
	}
	return p
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(want string, props ...option.Property) {
		t.Helper()
		if _, err := filtertest.Build(Plugin, props); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("test.conf:1:6: unknown type 'head'", props("head")...)
	f("type")
	f("unknown configuration property 'percentage'", props("probabilistic", nested("sampling_settings", "percentage", "5"))...)
	f("not between 0 and 100", props("probabilistic", nested("sampling_settings", "sampling_percentage", "101"))...)
	f("belong to the type tail", props("probabilistic", conditions())...)
	f("max_traces", props("tail", nested("sampling_settings", "max_traces", "0"))...)
	f("conditions are no list", props("tail", nested("conditions", "type", "latency"))...)
	f("no condition of type 'lag'", props("tail", conditions(one("type", "lag")))...)
	f("threshold_ms_low", props("tail", conditions(one("type", "latency")))...)
	f("status code", props("tail", conditions(one("type", "status_code", "status_codes", "OK GOOD")))...)
	f("key", props("tail", conditions(one("type", "string_attribute", "values", "a b")))...)
	f("9 is more than 1", props("tail", conditions(one("type", "span_count", "min_spans", "9", "max_spans", "1")))...)
	f("regular expression", props("tail", conditions(one("type", "string_attribute", "key", "k", "match_type", "regex", "values", "a( b")))...)
}

func TestConditionsOfTraces(t *testing.T) {
	v, _, err := event.ParseJSON(nil, []byte(`{"resourceSpans":[{"resource":{"attributes":{"service":"shop","n":7}},"scope_spans":[{"spans":[
		{"trace_id":"aa","status":{"code":2},"start_time_unix_nano":1000000000,"end_time_unix_nano":1250000000,"trace_state":"a=1,b=2","attributes":{"path":"/pay/now","f":2.5,"ok":true}},
		{"trace_id":"aa","status":{"code":1},"start_time_unix_nano":1000000000,"end_time_unix_nano":1900000000,"attributes":{}}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f := func(want bool, pairs ...string) {
		t.Helper()
		p, err := filtertest.Build(Plugin, props("tail", conditions(one(pairs...))))
		if err != nil {
			t.Fatal(err)
		}
		b := event.Payload("t", event.Traces, bytes.Clone(v))
		if err := p.Filter(t.Context(), b); err != nil { // without an origin it decides at once
			t.Fatal(err)
		}
		if got := b.Len() == 1 && bytes.Equal(b.Bytes(), v); got != want || !got && len(b.Bytes()) > 0 {
			t.Errorf("%v: %v, %s", pairs, got, event.AppendJSON(nil, b.Bytes(), event.JSONStyle{}))
		}
	}
	f(true, "type", "status_code", "status_codes", "error unset")
	f(false, "type", "status_code", "status_codes", "UNSET")
	f(true, "type", "latency", "threshold_ms_low", "250")
	f(false, "type", "latency", "threshold_ms_low", "249")
	f(true, "type", "latency", "threshold_ms_high", "900")
	f(false, "type", "latency", "threshold_ms_high", "901")
	f(true, "type", "string_attribute", "key", "service", "values", "web shop")
	f(false, "type", "string_attribute", "key", "service", "values", "web sho")
	f(true, "type", "string_attribute", "key", "path", "match_type", "regex", "values", "^/pay")
	f(true, "type", "string_attribute", "key", "path", "match_type", "exists")
	f(false, "type", "string_attribute", "key", "n", "match_type", "exists")
	f(true, "type", "numeric_attribute", "key", "n", "min_value", "7", "max_value", "7")
	f(true, "type", "numeric_attribute", "key", "f", "min_value", "2", "max_value", "3")
	f(false, "type", "numeric_attribute", "key", "f", "min_value", "3", "max_value", "4")
	f(true, "type", "boolean_attribute", "key", "ok", "value", "true")
	f(false, "type", "boolean_attribute", "key", "ok", "value", "false")
	f(true, "type", "span_count", "min_spans", "2", "max_spans", "2")
	f(false, "type", "span_count", "min_spans", "3", "max_spans", "9")
	f(true, "type", "trace_state", "values", "x=1 b=2")
	f(false, "type", "trace_state", "values", "b")
}

// way takes what goes on.
type way struct {
	mu  sync.Mutex
	got []string
	b   []*event.Batch
}

func (w *way) Continue(_ context.Context, b *event.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := string(event.AppendJSON(nil, b.Bytes(), event.JSONStyle{}))
	w.got = append(w.got, fmt.Sprintf("%s %d", b.Tag, strings.Count(text, "trace_id")))
	w.b = append(w.b, b)
}

func (w *way) Paused() bool { return false }

func (w *way) batch(i int) *event.Batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b[i]
}

func (f *tail) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.order)
}

// seen returns what has come so far.
func (w *way) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

// notes collects words from any goroutine.
type notes struct {
	mu   sync.Mutex
	text string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text += text
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text
}

func TestTracesWaitForTheirSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := filtertest.Build(Plugin, props("tail", nested("sampling_settings", "decision_wait", "10s", "max_traces", "3"),
			conditions(one("type", "span_count", "min_spans", "2", "max_spans", "9"))))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.(plugin.Background).Background(ctx) }()
		to := new(way)
		settled := new(notes)
		give := func(name string, ids ...string) {
			b := traces(t, ids)
			b.OnSettled(func(o event.Outcome) { settled.add(name + " " + o.String() + "; ") })
			if err := p.Filter(plugin.WithOrigin(ctx, to), b); err != nil || b.Len() != 0 {
				t.Errorf("%v, %d left", err, b.Len())
			}
			b.Settle(event.Filtered)
			b.Release()
		}
		give("first", "aa", "bb")
		time.Sleep(5 * time.Second)
		give("second", "aa", "cc")
		synctest.Wait()
		if len(to.seen()) > 0 || settled.String() != "" {
			t.Error("decided too early: ", to.seen(), settled)
		}
		time.Sleep(6 * time.Second) // aa and bb are due
		synctest.Wait()
		if !slices.Equal(to.seen(), []string{"t 2"}) || settled.String() != "" {
			t.Errorf("after the wait: %v, settled: %s", to.seen(), settled)
		}
		to.batch(0).Settle(event.Delivered)
		if settled.String() != "first delivered; " {
			t.Errorf("settled: %s", settled)
		}
		time.Sleep(6 * time.Second) // so is cc, which is dropped
		synctest.Wait()
		if settled.String() != "first delivered; second delivered; " || len(to.seen()) != 1 {
			t.Errorf("%v, settled: %s", to.seen(), settled)
		}
		give("crowd", "11", "22", "33", "44", "44", "55") // the first two make room
		synctest.Wait()
		if n := p.(*tail).waiting(); n != 3 {
			t.Errorf("%d traces wait, where 3 may", n)
		}
		if err := p.(plugin.Drainer).Drain(ctx); err != nil || p.(*tail).waiting() != 0 || !slices.Equal(to.seen(), []string{"t 2", "t 2"}) {
			t.Errorf("%v, %v", err, to.seen())
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func FuzzPayload(f *testing.F) {
	v, _, err := event.ParseJSON(nil, []byte(`{"resourceSpans":[{"resource":{},"scope_spans":[{"spans":[{"trace_id":"00ff","status":{"code":2},"trace_state":"a,b"}]}]},7]}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v)
	f.Add([]byte{0x81, 0xa1, 'x', 0x90, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range [][]option.Property{
			props("probabilistic", nested("sampling_settings", "sampling_percentage", "50")),
			props("tail", conditions(one("type", "status_code", "status_codes", "ERROR UNSET"), one("type", "trace_state", "values", "a b"), one("type", "latency", "threshold_ms_high", "1"))),
		} {
			s, err := filtertest.Build(Plugin, p)
			if err != nil {
				t.Fatal(err)
			}
			b := event.Payload("t", event.Traces, bytes.Clone(data))
			if err := s.Filter(t.Context(), b); err != nil {
				if !bytes.Equal(b.Bytes(), data) {
					t.Errorf("%q became %q after %v", data, b.Bytes(), err)
				}
				continue
			}
			for rest := b.Bytes(); len(rest) > 0; {
				if _, rest, err = event.CheckValue(rest); err != nil {
					t.Fatalf("%q became %q", data, b.Bytes())
				}
			}
		}
	})
}
