package format

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/fluent/fluent-bit-go/event"
)

// The formats of OpenTelemetry logs: an ExportLogsServiceRequest as JSON
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
const (
	OTLPJSON       Format = "otlp_json"
	OTLPJSONPretty Format = "otlp_json_pretty" // the same, indented
)

func (r *Records) appendPrettyOTLP(dst []byte, c *event.Chunk) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, r.appendOTLP(nil, c), "", "  "); err != nil {
		panic("BUG: OTLP that is no JSON: " + err.Error())
	}
	return append(dst, out.Bytes()...)
}

// otlp returns what writes OpenTelemetry's JSON: there texts are UTF-8, whatever json.escape_unicode says.
func (r *Records) otlp() *Records {
	o := *r
	o.Style.RawUTF8 = true
	return &o
}

// appendOTLP writes the records; those that stand in the same group share a resource and a scope.
func (r *Records) appendOTLP(dst []byte, c *event.Chunk) []byte {
	r = r.otlp()
	dst = append(dst, `{"resourceLogs":[`...)
	var group event.Value
	n := 0
	for rec := range c.Records() {
		g := rec.Group().Attributes
		switch {
		case n > 0 && bytes.Equal(g, group):
			dst = append(dst, ',')
		case n > 0:
			dst = r.openScope(append(dst, `]}]},`...), g)
		default:
			dst = r.openScope(dst, g)
		}
		group = g
		n++
		dst = r.appendLogRecord(dst, rec)
	}
	if n > 0 {
		dst = append(dst, `]}]}`...)
	}
	return append(dst, `]}`...)
}

// openScope writes all that stands before the records of a group, whose attributes are those that the
// input opentelemetry makes: {"resource": {"attributes", "schema_url"}, "scope": {"name", "version",
// "attributes", "schema_url"}}.
func (r *Records) openScope(dst []byte, group event.Value) []byte {
	resource, scope := group.Get("resource"), group.Get("scope")
	dst = append(dst, `{"resource":{`...)
	if attributes := resource.Get("attributes"); attributes.Type() == event.TypeMap {
		dst = r.appendAttributes(dst, attributes)
	}
	dst = append(dst, '}')
	dst = r.appendText(dst, "schemaUrl", resource.Get("schema_url"))
	dst = append(dst, `,"scopeLogs":[{"scope":{`...)
	at := len(dst)
	dst = r.appendText(dst, "name", scope.Get("name"))
	dst = r.appendText(dst, "version", scope.Get("version"))
	if attributes := scope.Get("attributes"); attributes.Type() == event.TypeMap {
		dst = r.appendAttributes(append(dst, ','), attributes)
	}
	if len(dst) > at {
		dst = append(dst[:at], dst[at+1:]...) // without the first comma
	}
	dst = append(dst, '}')
	dst = r.appendText(dst, "schemaUrl", scope.Get("schema_url"))
	return append(dst, `,"logRecords":[`...)
}

// appendText writes ,"name":"text" unless the text is empty or none.
func (r *Records) appendText(dst []byte, name string, v event.Value) []byte {
	if len(v.Str()) == 0 {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return event.AppendJSONString(dst, v.Str(), r.Style)
}

// appendLogRecord writes one record. What the metadata keeps under "otlp" goes back to its fields, the exact
// time among it; the body is the record's map, or the value of a map that holds nothing but "log" or "message".
func (r *Records) appendLogRecord(dst []byte, rec *event.Record) []byte {
	otlp, t := rec.Meta().Get("otlp"), rec.Time()
	nanos, ok := otlp.Get("timestamp").Uint()
	if !ok {
		nanos = uint64(max(0, t.Sec*1e9+int64(t.Nsec)))
	}
	dst = append(strconv.AppendUint(append(dst, `{"timeUnixNano":"`...), nanos, 10), '"')
	if n, ok := otlp.Get("observed_timestamp").Uint(); ok && n > 0 {
		dst = append(strconv.AppendUint(append(dst, `,"observedTimeUnixNano":"`...), n, 10), '"')
	}
	if n, ok := otlp.Get("severity_number").Uint(); ok && n > 0 {
		dst = strconv.AppendUint(append(dst, `,"severityNumber":`...), n, 10)
	}
	dst = r.appendText(dst, "severityText", otlp.Get("severity_text"))
	if attributes := otlp.Get("attributes"); attributes.Len() > 0 {
		dst = r.appendAttributes(append(dst, ','), attributes)
	}
	dst = r.appendID(dst, "traceId", otlp.Get("trace_id"))
	dst = r.appendID(dst, "spanId", otlp.Get("span_id"))
	if n, ok := otlp.Get("trace_flags").Uint(); ok && n > 0 {
		dst = strconv.AppendUint(append(dst, `,"flags":`...), n, 10)
	}
	body := rec.Body()
	if body.Len() == 1 {
		for _, key := range []string{"log", "message"} {
			if text := body.Get(key); text != nil {
				body = text
				break
			}
		}
	}
	return append(r.appendAny(append(dst, `,"body":`...), body), '}')
}

// appendID writes ,"name":"hex" of an id, which is binary or hexadecimal text.
func (r *Records) appendID(dst []byte, name string, v event.Value) []byte {
	if id := v.Bin(); len(id) > 0 {
		dst = append(append(append(dst, `,"`...), name...), `":"`...)
		return append(hex.AppendEncode(dst, id), '"')
	}
	return r.appendText(dst, name, v)
}

// appendAttributes writes "attributes":[{"key":…,"value":…}, …].
func (r *Records) appendAttributes(dst []byte, v event.Value) []byte {
	return r.appendKeyValues(append(dst, `"attributes":`...), v)
}

func (r *Records) appendKeyValues(dst []byte, v event.Value) []byte {
	dst = append(dst, '[')
	n := 0
	for key, val := range v.Pairs() {
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"key":`...)
		if key.Type() == event.TypeStr || key.Type() == event.TypeBin {
			dst = event.AppendJSON(dst, key, r.Style)
		} else {
			dst = event.AppendJSONString(dst, event.AppendJSON(nil, key, r.Style), r.Style)
		}
		dst = append(r.appendAny(append(dst, `,"value":`...), val), '}')
	}
	return append(dst, ']')
}

// appendAny writes an AnyValue. Whole numbers are texts there; one beyond int64 is a stringValue.
func (r *Records) appendAny(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeStr:
		return append(event.AppendJSON(append(dst, `{"stringValue":`...), v, r.Style), '}')
	case event.TypeBool:
		return append(event.AppendJSON(append(dst, `{"boolValue":`...), v, r.Style), '}')
	case event.TypeFloat32, event.TypeFloat64:
		return append(event.AppendJSON(append(dst, `{"doubleValue":`...), v, event.JSONStyle{}), '}')
	case event.TypeInt, event.TypeUint:
		kind := `{"intValue":"`
		if _, ok := v.Int(); !ok {
			kind = `{"stringValue":"`
		}
		return append(event.AppendJSON(append(dst, kind...), v, r.Style), `"}`...)
	case event.TypeBin:
		return append(base64.StdEncoding.AppendEncode(append(dst, `{"bytesValue":"`...), v.Bin()), `"}`...)
	case event.TypeExt:
		_, data, _ := v.Ext()
		return append(base64.StdEncoding.AppendEncode(append(dst, `{"bytesValue":"`...), data), `"}`...)
	case event.TypeMap:
		return append(r.appendKeyValues(append(dst, `{"kvlistValue":{"values":`...), v), `}}`...)
	case event.TypeArray:
		dst = append(dst, `{"arrayValue":{"values":[`...)
		n := 0
		for e := range v.Elems() {
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			dst = r.appendAny(dst, e)
		}
		return append(dst, `]}}`...)
	}
	return append(dst, `{}`...)
}
