package condition

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// at gives each value of a test its own line.
func at(line int) option.Pos { return option.Pos{File: "c.yaml", Line: line, Col: 3} }

func text(s string) option.Value  { return option.Value{Text: s, Pos: at(9)} }
func whole(s string) option.Value { return option.Value{Kind: option.KindInt, Text: s, Pos: at(9)} }
func float(s string) option.Value { return option.Value{Kind: option.KindFloat, Text: s, Pos: at(9)} }
func list(vs ...option.Value) option.Value {
	return option.Value{Kind: option.KindList, List: vs, Pos: at(8)}
}
func dict(pairs ...any) option.Value {
	v := option.Value{Kind: option.KindMap, Pos: at(2)}
	for i := 0; i < len(pairs); i += 2 {
		v.Map = append(v.Map, option.Property{Key: pairs[i].(string), Value: pairs[i+1].(option.Value), Pos: at(4)})
	}
	return v
}

func rules(op string, rs ...option.Value) option.Value {
	return dict("op", text(op), "rules", list(rs...))
}

func record(tb testing.TB, meta, body string) *event.Record {
	tb.Helper()
	value := func(s string) event.Value {
		v, _, err := event.ParseJSON(nil, []byte(s))
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
	b := event.New("t")
	b.Append(event.Time{Sec: 1}, value(meta), value(body))
	for r := range b.Records() {
		return r
	}
	return nil
}

const body = `{"code":500,"f":1.5,"s":"text","n":"12 apples","req":{"path":"/api/x"},"t":true,"neg":-3}`

func TestOneRuleCompares(t *testing.T) {
	rec := record(t, `{"place":"here"}`, body)
	f := func(field, op string, value option.Value, want bool) {
		t.Helper()
		c, err := Parse(rules("and", dict("field", text(field), "op", text(op), "value", value)))
		if err != nil {
			t.Errorf("%s %s: %v", field, op, err)
			return
		}
		if got := c.Holds(rec); got != want {
			t.Errorf("%s %s %s: %v", field, op, value.Text, got)
		}
	}
	f("$s", "eq", text("text"), true)
	f("$s", "neq", text("text"), false)
	f("$missing", "neq", text("x"), true)
	f("$missing", "eq", text(""), true)
	f("$code", "eq", text("500"), true)
	f("$code", "eq", whole("500"), true)
	f("$code", "eq", float("500.0"), true)
	f("$f", "eq", float("1.5"), true)
	f("$f", "eq", text("1.500000"), true)
	f("$t", "eq", option.Value{Kind: option.KindBool, Text: "true"}, true)
	f("$code", "gte", float("500.0"), true)
	f("$code", "gte", whole("500"), true)
	f("$code", "gte", text("500"), true)
	f("$code", "gt", whole("500"), false)
	f("$code", "lt", whole("501"), true)
	f("$neg", "lte", whole("-3"), true)
	f("$n", "gt", whole("11"), true)
	f("$s", "lt", whole("1"), true)
	f("$missing", "lt", whole("1"), true)
	f("$req['path']", "regex", text("^/api"), true)
	f("$req['path']", "not_regex", text("^/api"), false)
	f("$missing", "not_regex", text("x"), true)
	f("$s", "in", list(text("a"), text("text")), true)
	f("$s", "not_in", list(text("a"), text("text")), false)
	f("$code", "in", list(whole("500")), true)
}

func TestRulesAreJoined(t *testing.T) {
	yes := dict("field", text("$s"), "op", text("eq"), "value", text("text"))
	no := dict("field", text("$s"), "op", text("eq"), "value", text("other"))
	f := func(op string, want bool, rs ...option.Value) {
		t.Helper()
		c, err := Parse(rules(op, rs...))
		if err != nil {
			t.Fatal(err)
		}
		if c.Holds(record(t, "{}", body)) != want {
			t.Errorf("%s", op)
		}
	}
	f("and", true, yes, yes)
	f("and", false, yes, no)
	f("or", true, no, yes)
	f("OR", false, no, no)
}

func TestContextsAreOtherPartsOfTheRecord(t *testing.T) {
	b, err := event.Parse("t", grouped(t))
	if err != nil {
		t.Fatal(err)
	}
	f := func(context, field, value string) {
		t.Helper()
		c, err := Parse(rules("and", dict("context", text(context), "field", text(field), "op", text("eq"), "value", text(value))))
		if err != nil {
			t.Fatal(err)
		}
		for r := range b.Records() {
			if !c.Holds(r) {
				t.Errorf("%s %s is not %s", context, field, value)
			}
		}
	}
	f("metadata", "$m", "1")
	f("record", "$a", "2")
	f("group_metadata", "$schema", "otlp")
	f("group_attributes", "$scope['name']", "lib")
	f("otel_resource_attributes", "$host", "box")
	f("otel_scope_attributes", "$sa", "5")
	f("otel_scope_metadata", "$version", "v1")
	f("otel_scope_name", "", "lib")
	f("otel_scope_version", "", "v1")
}

// grouped is one record inside of a group.
func grouped(t *testing.T) []byte {
	var out []byte
	add := func(sec int64, meta, body string) {
		m, _, err := event.ParseJSON(nil, []byte(meta))
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := event.ParseJSON(nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		out = append(event.AppendInt(append(out, 0x92, 0x92), sec), m...)
		out = append(out, b...)
	}
	add(-1, `{"schema":"otlp"}`, `{"resource":{"attributes":{"host":"box"}},"scope":{"name":"lib","version":"v1","attributes":{"sa":5}}}`)
	add(7, `{"m":1}`, `{"a":2}`)
	add(-2, `{}`, `{}`)
	return out
}

func TestFaultsHaveTheirPlace(t *testing.T) {
	f := func(v option.Value, want string) {
		t.Helper()
		_, err := Parse(v)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(text("x"), "c.yaml:9:3: a condition is a map; write")
	f(rules("xor", dict("field", text("$a"), "op", text("eq"), "value", text("b"))), "c.yaml:9:3: op: 'xor'")
	f(rules("and"), "c.yaml:2:3: the condition has no rules")
	f(dict("op", text("and"), "rule", list()), "c.yaml:4:3: a condition has no 'rule'; did you mean 'rules'?")
	f(rules("and", dict("field", text("$a"), "op", text("is"), "value", text("b"))), "unknown op 'is'; use one of eq")
	f(rules("and", dict("field", text("$a"), "op", text("eq"))), "a rule needs field, op and value")
	f(rules("and", dict("field", text("$a"), "op", text("in"), "value", text("b"))), "in wants a list")
	f(rules("and", dict("field", text("$a"), "op", text("eq"), "value", list())), "eq wants a value")
	f(rules("and", dict("field", text("$a"), "op", text("gt"), "value", text("b"))), "c.yaml:9:3: gt compares numbers and 'b' is none")
	f(rules("and", dict("field", text("$a"), "op", text("regex"), "value", text("("))), "c.yaml:9:3: value: regular expression")
	f(rules("and", dict("field", text("$a["), "op", text("eq"), "value", text("b"))), "field: record accessor")
	f(rules("and", dict("field", text("$a"), "op", text("eq"), "value", text("b"), "context", text("here"))), "unknown context 'here'; use one of body")
	f(rules("and", dict("fields", text("$a"), "op", text("eq"), "value", text("b"))), "did you mean 'field'?")
	f(rules("and", text("x")), "a rule is a map")
}

func TestTextsAndNumbersAreComparedWithoutAllocation(t *testing.T) {
	c, err := Parse(rules("and",
		dict("field", text("$s"), "op", text("eq"), "value", text("text")),
		dict("field", text("$s"), "op", text("regex"), "value", text("^te")),
		dict("field", text("$n"), "op", text("gte"), "value", whole("12"))))
	if err != nil {
		t.Fatal(err)
	}
	rec := record(t, "{}", body)
	if n := testing.AllocsPerRun(100, func() { c.Holds(rec) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
