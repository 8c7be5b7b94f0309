package content_modifier

import (
	"context"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
)

func conf(lines string) []string { return strings.Split(lines, "\n") }

func TestActionsOnTheBody(t *testing.T) {
	f := func(lines, in, want string) {
		t.Helper()
		got := filtertest.Run(t, Plugin, filtertest.Properties(conf(lines)...), strings.Split(in, "\n")...)
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", lines, got, want)
		}
	}
	f("action insert\nkey a\nvalue new", `{"b":1}`+"\n"+`{"a":1}`, `{"b":1,"a":"new"}`+"\n"+`{"a":1}`)
	f("action upsert\nkey a\nvalue new", `{"a":1,"b":2}`+"\n"+`{}`, `{"b":2,"a":"new"}`+"\n"+`{"a":"new"}`)
	f("action delete\nkey a", `{"a":1,"b":2}`+"\n"+`{"b":2}`, `{"b":2}`+"\n"+`{"b":2}`)
	f("action rename\nkey a\nvalue z", `{"a":1,"b":2}`, `{"z":1,"b":2}`)
	f("action rename\nkey a\nvalue a", `{"a":1,"b":2}`, `{"a":1,"b":2}`)
	f("action hash\nkey s", `{"s":"s","b":2}`+"\n"+`{"s":""}`, `{"s":"043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89","b":2}`+"\n"+`{"s":""}`)
	f("action hash\nkey s", `{"s":1.5}`, `{"s":"9f29a130438b81170b92a42650f9a94291ecad60bd47af2a3886e75f7f728725"}`)
	f("action extract\nkey url\npattern ^(?<scheme>\\w+)://(?<host>[^/:]+)(?::(?<port>\\d+))?", `{"host":"old","url":"http://h.example/x"}`+"\n"+`{"url":7}`+"\n"+`{"url":"x"}`,
		`{"url":"http://h.example/x","scheme":"http","host":"h.example"}`+"\n"+`{"url":7}`+"\n"+`{"url":"x"}`)
	f("action insert\ncontext record\nkey a\nvalue new", `{}`, `{"a":"new"}`)
}

func TestConversions(t *testing.T) {
	f := func(to, in, want string) {
		t.Helper()
		got := filtertest.Run(t, Plugin, filtertest.Properties("action convert", "key v", "converted_type "+to), `{"v":`+in+`,"w":0}`)
		moved := `{"w":0,"v":` + want + `}`
		if rest, stays := strings.CutPrefix(want, "stays "); stays {
			moved = `{"v":` + rest + `,"w":0}`
		}
		if got != moved {
			t.Errorf("%s to %s: got %s, want %s", in, to, got, moved)
		}
	}
	f("int", `"42"`, `42`)
	f("int", `" -7"`, `-7`)
	f("int", `"+7"`, `7`)
	f("int", `""`, `0`)
	f("int", `"7 apples"`, `stays "7 apples"`)
	f("int", `"4.7"`, `stays "4.7"`)
	f("int", `"none"`, `stays "none"`)
	f("int", `"99999999999999999999"`, `stays "99999999999999999999"`)
	f("int", `2.5`, `3`)
	f("int", `1e300`, `stays 1e+300`)
	f("int", `null`, `0`)
	f("int", `true`, `1`)
	f("int", `-3`, `-3`)
	f("double", `"1.5e1x"`, `15.0`)
	f("double", `""`, `0.0`)
	f("double", `"none"`, `stays "none"`)
	f("double", `3`, `3.0`)
	f("double", `null`, `0.0`)
	f("double", `false`, `0.0`)
	f("double", `0.5`, `0.5`)
	f("string", `5`, `"5"`)
	f("string", `-5`, `"-5"`)
	f("string", `1.5`, `"1.5"`)
	f("string", `null`, `"null"`)
	f("string", `true`, `"true"`)
	f("string", `"x"`, `"x"`)
	f("string", `[1]`, `stays [1]`)
	f("boolean", `"TRUE"`, `true`)
	f("boolean", `"no"`, `false`)
	f("boolean", `2`, `true`)
	f("boolean", `0`, `false`)
	f("boolean", `0.5`, `true`)
	f("boolean", `null`, `false`)
	f("boolean", `true`, `true`)
	f("boolean", `{}`, `stays {}`)
}

// grouped is a group, by its attributes, with one record.
func grouped(t *testing.T, attributes string) *event.Batch {
	t.Helper()
	var data []byte
	for _, r := range [][2]string{{"\xff", attributes}, {"\x07", `{"a":1}`}, {"\xfe", "{}"}} {
		body, _, err := event.ParseJSON(nil, []byte(r[1]))
		if err != nil {
			t.Fatal(err)
		}
		data = append(append(append(append(data, 0x92, 0x92), r[0]...), 0x80), body...)
	}
	b, err := event.Parse("t", data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGroupsCarryTheOpenTelemetryContexts(t *testing.T) {
	f := func(lines, attributes, want string) {
		t.Helper()
		p, err := filtertest.Build(Plugin, filtertest.Properties(conf(lines)...))
		if err != nil {
			t.Fatal(err)
		}
		b := grouped(t, attributes)
		if err := p.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for r := range b.Records() {
			if got := string(event.AppendJSON(nil, r.Group().Attributes, event.JSONStyle{})); got != want {
				t.Errorf("%s:\ngot  %s\nwant %s", lines, got, want)
			}
			if got := string(event.AppendJSON(nil, r.Body(), event.JSONStyle{})); got != `{"a":1}` {
				t.Errorf("the record became %s", got)
			}
		}
	}
	f("context otel_resource_attributes\naction upsert\nkey service.name\nvalue shop", `{"resource":{"attributes":{}},"scope":{}}`, `{"resource":{"attributes":{"service.name":"shop"}},"scope":{}}`)
	f("context otel_resource_attributes\naction upsert\nkey a\nvalue b", `{}`, `{"resource":{"attributes":{"a":"b"}}}`)
	f("context otel_scope_attributes\naction delete\nkey a", `{"scope":{"attributes":{"a":1,"b":2},"name":"n"}}`, `{"scope":{"attributes":{"b":2},"name":"n"}}`)
	f("context otel_scope_name\naction upsert\nvalue unit", `{"resource":{},"scope":{}}`, `{"resource":{},"scope":{"name":"unit"}}`)
	f("context otel_scope_version\naction delete", `{"scope":{"name":"n","version":"1"}}`, `{"scope":{"name":"n"}}`)
	f("context otel_scope_version\naction delete", `{"scope":{"name":"n"}}`, `{"scope":{"name":"n"}}`)
}

func TestMetadataIsAContext(t *testing.T) {
	f := func(lines, meta, want string) {
		t.Helper()
		p, err := filtertest.Build(Plugin, filtertest.Properties(conf(lines)...))
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := event.ParseJSON([]byte{0x92, 0x92, 0x07}, []byte(meta))
		if err != nil {
			t.Fatal(err)
		}
		b, err := event.Parse("t", append(data, 0x80))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for r := range b.Records() {
			if got := string(event.AppendJSON(nil, r.Meta(), event.JSONStyle{})); got != want || r.Body().Len() != 0 {
				t.Errorf("%s:\ngot  %s\nwant %s", lines, got, want)
			}
		}
	}
	f("context metadata\naction upsert\nkey place\nvalue here", `{}`, `{"place":"here"}`)
	f("context attributes\naction delete\nkey a", `{"a":1,"b":2}`, `{"b":2}`)
	f("context otel_log_attributes\naction upsert\nkey a\nvalue x", `{"otlp":{"severity_number":9,"attributes":{"a":1,"b":2}}}`, `{"otlp":{"severity_number":9,"attributes":{"b":2,"a":"x"}}}`)
	f("context otel_log_attributes\naction insert\nkey a\nvalue x", `{"n":1}`, `{"n":1,"otlp":{"attributes":{"a":"x"}}}`)
	f("context otel_log_attributes\naction insert\nkey a\nvalue x", `{"otlp":"no map"}`, `{"otlp":"no map"}`)
	f("context otel_log_attributes\naction delete\nkey a", `{}`, `{}`)
}

func TestFaultyOptionsAreExplained(t *testing.T) {
	f := func(lines, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf(lines)...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", lines, err, want)
		}
	}
	f("key a", "the property 'action' is missing")
	f("action drop\nkey a", "test.conf:1:8: action: 'drop' is none of 'insert'")
	f("action insert\nvalue a", "test.conf:1:8: the action insert needs 'key'; name")
	f("action insert\nkey a", "the action insert needs 'value'")
	f("action convert\nkey a", "needs 'converted_type'; use one of")
	f("action convert\nkey a\nconverted_type bool", "'bool' is none of 'string'")
	f("action extract\nkey a", "needs 'pattern'")
	f("action extract\nkey a\npattern (", "test.conf:3:9: pattern: regular expression")
	f("action extract\nkey a\npattern (b)", "no named groups")
	f("action delete\nkey a\ncontext here", "is none of 'body'")
	f("action delete\nkey", "the key is empty")
	f("action upsert\ncontext otel_scope_name\nvalue x\nkey label", "test.conf:4:5: the context otel_scope_name has no key 'label'")
}

func TestAForeignContextIsReportedOnce(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties("context span_name", "action upsert", "value x"))
	if err != nil {
		t.Fatal(err)
	}
	b := filtertest.Batch(t, `{}`)
	if err := f.Filter(context.Background(), b); err == nil || !strings.Contains(err.Error(), "span_name is no part of this signal") {
		t.Errorf("got %v", err)
	}
	if err := f.Filter(context.Background(), b); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestNothingIsAllocatedPerRecord(t *testing.T) {
	f := func(lines string) {
		t.Helper()
		if n := filtertest.Allocs(t, Plugin, filtertest.Properties(conf(lines)...), `{"a":"x","b":2}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", lines, n)
		}
	}
	f("action delete\nkey none")
	f("action upsert\nkey a\nvalue new")
	f("action hash\nkey a")
	f("action convert\nkey b\nconverted_type string")
}

func BenchmarkUpsert(b *testing.B) {
	filtertest.Bench(b, Plugin, "action upsert", "key cluster", "value eu-1")
}
func BenchmarkHash(b *testing.B)      { filtertest.Bench(b, Plugin, "action hash", "key host") }
func BenchmarkUntouched(b *testing.B) { filtertest.Bench(b, Plugin, "action delete", "key none") }
func BenchmarkExtract(b *testing.B) {
	filtertest.Bench(b, Plugin, "action extract", "key path", `pattern ^/api/(?<version>v\d+)/`)
}
