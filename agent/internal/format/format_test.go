package format

import (
	"math"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

func value(t testing.TB, text string) event.Value {
	t.Helper()
	v, _, err := event.ParseJSON(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// chunk makes one record; group may be "" for none.
func chunk(t testing.TB, at event.Time, group, meta, body string) *event.Chunk {
	t.Helper()
	var data []byte
	marker := func(sec int64, attributes string) {
		data = event.AppendTime(append(data, 0x92, 0x92), event.Time{Sec: sec})
		data = append(append(data, value(t, `{"schema":"otlp"}`)...), value(t, attributes)...)
	}
	if group != "" {
		marker(-1, group)
	}
	data = event.AppendTime(append(data, 0x92, 0x92), at)
	data = append(append(data, value(t, meta)...), value(t, body)...)
	if group != "" {
		marker(-2, `{}`)
	}
	b, err := event.Parse("t", data)
	if err != nil || b.Len() != 1 {
		t.Fatal(b.Len(), err)
	}
	return event.NewChunk(1, "t", event.Logs, b.Bytes(), 1)
}

func TestDatesAsNumbersHave16Digits(t *testing.T) {
	f := func(sec int64, nsec uint32, want string) {
		t.Helper()
		if got := string(Double.AppendJSON(nil, event.Time{Sec: sec, Nsec: nsec})); got != want {
			t.Errorf("%d.%09d: got %s, want %s", sec, nsec, got, want)
		}
	}
	f(0, 0, "0.0")
	f(1, 500000000, "1.5")
	f(0, 10000, "1e-05")
	f(1700000000, 0, "1700000000.0")
	f(1700000000, 1, "1700000000.0")
	f(1700000000, 100000000, "1700000000.1")
	f(1700000000, 123456789, "1700000000.123457")
	f(1700000000, 999999999, "1700000001.0")
	f(86399, 999999999, "86399.999999999")
}

func TestAnObjectIsDateThenMetadataThenBody(t *testing.T) {
	check := func(dateKey, group, meta, body, want string) {
		t.Helper()
		r := Records{Format: JSON, Date: Epoch, DateKey: dateKey}
		got := r.AppendChunk([]byte("x"), chunk(t, event.Time{Sec: 5}, group, meta, body))
		if string(got) != "x["+want+"]" {
			t.Errorf("got  %s\nwant x[%s]", got, want)
		}
	}
	check("", "", `{}`, `{}`, `{}`)
	check("", "", `{}`, `{"a":1}`, `{"a":1}`)
	check("date", "", `{}`, `{}`, `{"date":5}`)
	check("date", "", `{}`, `{"a":1}`, `{"date":5,"a":1}`)
	check("d\"", "", `{"m":1}`, `{"a":1}`, `{"d\"":5,"__internal__":{"log_metadata":{"m":1}},"a":1}`)
	check("", `{"g":2}`, `{}`, `{"a":1}`, `{"__internal__":{"group_attributes":{"g":2},"log_metadata":{}},"a":1}`)
	check("date", `{"g":2}`, `{"m":1}`, `{}`, `{"date":5,"__internal__":{"group_attributes":{"g":2},"log_metadata":{"m":1}}}`)
	check("date", `{}`, `{}`, `{"a":1}`, `{"date":5,"a":1}`)
	check("date", "", `{"m":1}`, `{"date":1,"__internal__":2}`, `{"date":1,"__internal__":2}`)
}

func TestDatesAreWrittenInUTC(t *testing.T) {
	check := func(name, want string) {
		t.Helper()
		var r Records
		o := r.DateFormatOption()
		props := []option.Property{{Key: "json_date_format", Value: option.Value{Text: name}}}
		if err := option.Decode([]option.Option{o}, props, option.Pos{}); err != nil {
			t.Fatal(err)
		}
		if got := r.Date.AppendJSON(nil, event.Time{Sec: 1700000000, Nsec: 984375999}); string(got) != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	check("double", `1700000000.984376`)
	check("ISO8601", `"2023-11-14T22:13:20.984375Z"`)
	check("java_sql_timestamp", `"2023-11-14 22:13:20.984375"`)
	check("epoch", `1700000000`)
	check("epoch_ms", `1700000000984`)
	check("epoch_millis", `1700000000984`)
	check("epoch_milliseconds", `1700000000984`)
}

func TestSecondsAreCutExactly(t *testing.T) {
	check := func(at event.Time, decimals int, want string) {
		t.Helper()
		if got := AppendSeconds(nil, at, decimals); string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check(event.Time{Sec: 1700000000, Nsec: 5}, 9, "1700000000.000000005")
	check(event.Time{Sec: 0, Nsec: 999999999}, 6, "0.999999")
	check(event.Time{Sec: 12}, 9, "12.000000000")
}

func TestTextFormShowsEveryType(t *testing.T) {
	check := func(v event.Value, want string) {
		t.Helper()
		if got := AppendText(nil, v); string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check(value(t, `{"i":-1,"u":18446744073709551615,"f":2.5,"s":"a\"é\n","t":true,"n":null,"l":[1,"a",[]],"m":{"k":{}}}`),
		"{\"i\"=>-1, \"u\"=>18446744073709551615, \"f\"=>2.500000, \"s\"=>\"a\"é\n\", \"t\"=>true, \"n\"=>nil, \"l\"=>[1, \"a\", []], \"m\"=>{\"k\"=>{}}}")
	check(event.AppendBin(nil, "a\"\x00\xff"), `"a\"\x00\xff"`)
	check(event.Value{0xd4, 5, 0x41}, `(ext: 5)"A"`)
	check(event.AppendFloat(nil, math.NaN()), "nan")
	check(event.AppendFloat(nil, math.Inf(1)), "inf")
	check(event.AppendFloat(nil, math.Inf(-1)), "-inf")
}

func TestTextFormShowsTheGroupBeforeTheRecord(t *testing.T) {
	c := chunk(t, event.Time{Sec: 1700000000}, `{"resource":{}}`, `{"m":1}`, `{"a":1}`)
	want := `GROUP METADATA : 

{"schema"=>"otlp"}

GROUP ATTRIBUTES : 

{"resource"=>{}}

[3] t: [[1700000000.000000000, {"m"=>1}], {"a"=>1}]
`
	for r := range c.Records() {
		if got := AppendRecordText(nil, 3, "t", r); string(got) != want {
			t.Errorf("got %s", got)
		}
	}
}

func TestMessagePackIsTheStoredBytes(t *testing.T) {
	c := chunk(t, event.Time{Sec: 5}, `{"g":2}`, `{}`, `{"a":1}`)
	for _, f := range []Format{MsgPack, ""} {
		r := Records{Format: f, DateKey: "date"}
		if got := r.AppendChunk(nil, c); string(got) != string(c.Bytes()) {
			t.Errorf("%q: got % x", f, got)
		}
	}
}

func TestFormattingARecordDoesNotAllocate(t *testing.T) {
	c := chunk(t, event.Time{Sec: 1700000000, Nsec: 337183000}, "", `{"m":1}`, `{"log":"hello","n":1.5}`)
	for r := range c.Records() {
		for _, d := range []Date{Double, ISO8601, EpochMS} {
			f := Records{Format: JSONLines, Date: d, DateKey: "date"}
			buf := make([]byte, 0, 1024)
			if n := testing.AllocsPerRun(100, func() { buf = f.AppendObject(buf[:0], r) }); n != 0 {
				t.Errorf("date %d: %v allocations", d, n)
			}
		}
		buf := make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(100, func() { buf = AppendRecordText(buf[:0], 0, "t", r) }); n != 0 {
			t.Errorf("text: %v allocations", n)
		}
	}
}
