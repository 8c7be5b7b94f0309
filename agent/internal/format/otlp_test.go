package format

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func TestRecordsBecomeOTLPLogs(t *testing.T) {
	check := func(c *event.Chunk, want string) {
		t.Helper()
		r := Records{Format: OTLPJSON}
		got := r.AppendChunk(nil, c)
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		r.Format = OTLPJSONPretty
		pretty := r.AppendChunk([]byte("x"), c)
		var compact bytes.Buffer
		if err := json.Compact(&compact, pretty[1:]); err != nil || compact.String() != want || !bytes.Contains(pretty, []byte("\n  \"resourceLogs\"")) {
			t.Errorf("pretty: %s, %v", pretty, err)
		}
	}
	at := event.Time{Sec: 1700000000, Nsec: 500000000}
	check(event.NewChunk(1, "t", event.Logs, nil, 0), `{"resourceLogs":[]}`)
	check(chunk(t, at, "", `{}`, `{"log":"hello"}`),
		`{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":"1700000000500000000","body":{"stringValue":"hello"}}]}]}]}`)
	check(chunk(t, at, `{"resource":{"attributes":{"service.name":"shop"},"schema_url":"u"},"scope":{"name":"lib","version":"1","attributes":{"k":true}}}`,
		`{"otlp":{"observed_timestamp":7,"severity_number":9,"severity_text":"INFO","attributes":{"n":7},"trace_flags":1,"trace_id":"ab","span_id":"cd"}}`,
		`{"a":[1.5,-1,18446744073709551615,null,{"b":"c"}]}`),
		`{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"schemaUrl":"u","scopeLogs":[{"scope":{"name":"lib","version":"1","attributes":[{"key":"k","value":{"boolValue":true}}]},"logRecords":[`+
			`{"timeUnixNano":"1700000000500000000","observedTimeUnixNano":"7","severityNumber":9,"severityText":"INFO",`+
			`"attributes":[{"key":"n","value":{"intValue":"7"}}],"traceId":"ab","spanId":"cd","flags":1,`+
			`"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"doubleValue":1.5},{"intValue":"-1"},{"stringValue":"18446744073709551615"},{},{"kvlistValue":{"values":[{"key":"b","value":{"stringValue":"c"}}]}}]}}}]}}}]}]}]}`)
	check(chunk(t, at, `{"resource":{"attributes":{}},"scope":{"attributes":{}}}`, `{"otlp":{"timestamp":1700000000500000001}}`, `{"message":"h\u00e9"}`),
		`{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"scope":{"attributes":[]},"logRecords":[{"timeUnixNano":"1700000000500000001","body":{"stringValue":"hé"}}]}]}]}`)

	first, second := chunk(t, at, `{"resource":{"attributes":{"r":1}}}`, `{}`, `{"log":1}`), chunk(t, at, "", `{}`, `{"log":2}`)
	both := append(append(bytes.Clone(first.Bytes()), first.Bytes()...), second.Bytes()...)
	one := `{"timeUnixNano":"1700000000500000000","body":{"intValue":"1"}}`
	check(event.NewChunk(1, "t", event.Logs, both, 3),
		`{"resourceLogs":[{"resource":{"attributes":[{"key":"r","value":{"intValue":"1"}}]},"scopeLogs":[{"scope":{},"logRecords":[`+one+`,`+one+`]}]},`+
			`{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":"1700000000500000000","body":{"intValue":"2"}}]}]}]}`)
}

func TestOTLPTakesWhatJSONLacks(t *testing.T) {
	body := event.AppendMap(nil, 3)
	body = event.AppendBin(event.AppendBin(body, "k"), "\x00\x01")
	body = append(event.AppendInt(body, 5), 0xd4, 1, 0xff)
	body = append(event.AppendStr(body, "n"), 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)
	b := event.New("t")
	b.Append(event.Time{}, nil, body)
	r := Records{Format: OTLPJSON}
	got := r.AppendChunk(nil, event.NewChunk(1, "t", event.Logs, b.Bytes(), 1))
	want := `"body":{"kvlistValue":{"values":[{"key":"k","value":{"bytesValue":"AAE="}},{"key":"5","value":{"bytesValue":"/w=="}},{"key":"n","value":{"doubleValue":"NaN"}}]}}`
	if !bytes.Contains(got, []byte(want)) || !json.Valid(got) {
		t.Errorf("got %s", got)
	}
}
