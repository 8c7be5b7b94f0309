package stdout

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// build configures the output from key and value pairs.
func build(pairs ...string) (*output, error) {
	var props []option.Property
	for i := 0; i < len(pairs); i += 2 {
		pos := option.Pos{File: "t.conf", Line: i/2 + 1, Col: 1}
		props = append(props, option.Property{Key: pairs[i], Pos: pos, Value: option.Value{Text: pairs[i+1], Pos: pos}})
	}
	c := Plugin.Config()
	if err := option.Decode(c.Options(), props, option.Pos{File: "t.conf"}); err != nil {
		return nil, err
	}
	o, err := c.New(plugin.Env{})
	if err != nil {
		return nil, err
	}
	return o.(*output), nil
}

func record(t *testing.T, b *event.Batch, at event.Time, meta, body string) {
	t.Helper()
	m, _, err := event.ParseJSON(nil, []byte(meta))
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := event.ParseJSON(nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	b.Append(at, m, v)
}

func sample(t *testing.T) *event.Chunk {
	b := event.New("a.b")
	record(t, b, event.Time{Sec: 1700000000, Nsec: 125000000}, `{}`, `{"i":1,"f":2.5,"s":"x","t":true,"n":null,"l":[1,"a"],"m":{"k":{}}}`)
	record(t, b, event.Time{Sec: 1700000001}, `{"k":2}`, `{"e":""}`)
	return event.NewChunk(1, "a.b", event.Logs, b.Bytes(), b.Len())
}

// writes counts the calls of Write.
type writes struct {
	bytes.Buffer
	n int
}

func (w *writes) Write(p []byte) (int, error) { w.n++; return w.Buffer.Write(p) }

func TestEachFormatPrintsTheChunkWithOneWrite(t *testing.T) {
	check := func(want string, pairs ...string) {
		t.Helper()
		o, err := build(pairs...)
		if err != nil {
			t.Fatal(err)
		}
		w := new(writes)
		o.w = w
		if err := outputtest.Flush(t, o, sample(t)); err != nil {
			t.Fatal(err)
		}
		if got := w.String(); got != want || w.n != 1 {
			t.Errorf("%v\ngot  %s\nwant %s\n%d writes", pairs, got, want, w.n)
		}
	}
	text := `[0] a.b: [[1700000000.125000000, {}], {"i"=>1, "f"=>2.500000, "s"=>"x", "t"=>true, "n"=>nil, "l"=>[1, "a"], "m"=>{"k"=>{}}}]
[1] a.b: [[1700000001.000000000, {"k"=>2}], {"e"=>""}]
`
	first := `{"date":1700000000.125,"i":1,"f":2.5,"s":"x","t":true,"n":null,"l":[1,"a"],"m":{"k":{}}}`
	second := `{"date":1700000001.0,"__internal__":{"log_metadata":{"k":2}},"e":""}`
	check(text)
	check(text, "format", "msgpack")
	check("["+first+","+second+"]\n", "format", "json")
	check(first+second+"\n", "format", "JSON_stream")
	check(first+"\n"+second+"\n", "format", "json_lines")
	check(strings.ReplaceAll(strings.ReplaceAll(first+"\n"+second+"\n", `"date":1700000000.125,`, ""), `"date":1700000001.0,`, ""),
		"format", "json_lines", "json_date_key", "false")
}

func TestUnknownSettingsAreRefusedWithTheirPlace(t *testing.T) {
	check := func(key, value, want string) {
		t.Helper()
		_, err := build(key, value)
		if err == nil || !strings.HasPrefix(err.Error(), "t.conf:1:1: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: got %v, want …%s…", key, value, err, want)
		}
	}
	check("json_date_format", "sundial", "is no date format")
	check("json_date_format", "epoch_mss", "did you mean 'epoch_ms'?")
	check("format", "json_line", "did you mean 'json_lines'?")
	check("colour", "red", "unknown configuration property 'colour'")
}

func TestMetricsPrintALinePerPoint(t *testing.T) {
	o, err := build("format", "json")
	if err != nil {
		t.Fatal(err)
	}
	w := new(writes)
	o.w = w
	set := func(v float64) metric.Set {
		return metric.Set{Labels: []metric.Label{metric.L("host", "h")}, Families: []metric.Family{{
			Namespace: "room", Name: "celsius", Type: metric.TypeGauge, Points: []metric.Point{{Time: 1700000000e9, Value: v}},
		}}}
	}
	if err := o.Flush(t.Context(), outputtest.Metrics("m", set(1), set(2.5))); err != nil {
		t.Fatal(err)
	}
	const line = `2023-11-14T22:13:20.000000000Z room_celsius{host="h"} = `
	if got, want := w.String(), line+"1\n"+line+"2.5\n"; got != want || w.n != 1 {
		t.Errorf("got %s, want %s, %d writes", got, want, w.n)
	}
	w.Reset()
	first := set(3)
	bad := append(metric.Append(nil, &first), 0xc1)
	err = o.Flush(t.Context(), event.NewChunk(1, "m", event.Metrics, bad, 1))
	if got := w.String(); got != line+"3\n" || !plugin.Dropped(err) {
		t.Errorf("got %s, %v", got, err)
	}
}
