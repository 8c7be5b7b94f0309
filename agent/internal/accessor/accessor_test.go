package accessor

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func parseBody(t testing.TB, json string) event.Value {
	t.Helper()
	v, _, err := event.ParseJSON(nil, []byte(json))
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return v
}

const sample = `{"a":{"b":{"c":"deep"},"x.y":1},"l":["one","two",{"k":3}],"s":"text","t":true,"n":-5,"f":1.5,"z":null,"d":1,"d":2,"it's":"q","k8s/app":"w","@ts":"now","TAGS":"no"}`

func TestTextIsFilledFromTheRecord(t *testing.T) {
	f := func(text, want string, complete bool) {
		t.Helper()
		a, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		src := Source{Tag: "in.x.y", Body: parseBody(t, sample), Text: []byte("hello"), Captures: []int{0, 5, 1, 3, -1, -1}}
		got, all := a.AppendText(nil, src)
		if string(got) != want || all != complete {
			t.Errorf("%s: got %s %v, want %s %v", text, got, all, want, complete)
		}
	}
	f("$a['b']['c']", "deep", true)
	f("$l[1].none$missing", "two.none", false)
	f("$TAG[1].$TAG[2].$TAG", "x.y.in.x.y", true)
	f("$TAG[9]", "", false)
	f("<$s,$n $f>", "<text,-5 1.500000>", true)
	f("$t$z", "truenull", true)
	f("$s.b", "text.b", true)
	f("$d", "2", true)
	f("$a['b']", `{"c":"deep"}`, true)
	f("$l", "", false)
	f("$l[2]['k']", "3", true)
	f("$1-$0-$2-$3", "el-hello--", false)
	f("$['it''s']", "q", true)
	f("$a['x.y']", "1", true)
	f("$k8s/app $@ts", "w now", true)
	f("plain", "plain", true)
	f("$s['sub']", "", false)
	f("http://$s:80/", "http://text:80/", true)
}

func TestFaultyAccessorsAreExplained(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := CompileKey(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	f("$", "no key")
	f("$a[b]", "single quotes")
	f("$a['b", "no closing")
	f("$[0]", "begin with a key")
	f("$TAG[x]", "number of a part")
	f("$a.b", "should name one key")
	f("$TAG", "should name one key")
	f("$a['b']x", "should name one key")
}

func TestKeysWithoutDollarAreTakenLiterally(t *testing.T) {
	body := parseBody(t, `{"a.b":1,"a":{"b":2},"m[0":3}`)
	f := func(text, want string) {
		t.Helper()
		a, err := CompileKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := AppendValue(nil, a.Get(body)); string(got) != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	f("a.b", "1")
	f("a['b']", "2")
	f("$a['b']", "2")
	f("m[0", "3")
}

func TestReadingDoesNotAllocate(t *testing.T) {
	a, _ := Compile("x $a['b']['c'] $l[1] $n $f $TAG[1]")
	src := Source{Tag: "in.x", Body: parseBody(t, sample)}
	room := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() { a.AppendText(room, src); a.Get(src.Body) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNestedValuesAreSetAndDeleted(t *testing.T) {
	f := func(body, text, val, want string) {
		t.Helper()
		a, err := CompileKey(text)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		var done bool
		if val == "" {
			out, done = a.AppendDelete([]byte("x"), parseBody(t, body))
		} else {
			v := event.Value(event.AppendStr(nil, val))
			out, done = a.AppendSet([]byte("x"), parseBody(t, body), v)
		}
		got := "-"
		if done {
			if _, rest, err := event.CheckValue(out[1:]); err != nil || len(rest) > 0 {
				t.Fatalf("broken value: %v", err)
			}
			got = string(event.AppendJSON(nil, event.Value(out[1:]), event.JSONStyle{}))
		} else if string(out) != "x" {
			t.Errorf("%s on %s: dst was changed", text, body)
		}
		if got != want {
			t.Errorf("%s on %s: got %s, want %s", text, body, got, want)
		}
	}
	f(`{"a":{"b":1,"c":2}}`, "$a['b']", "v", `{"a":{"b":"v","c":2}}`)
	f(`{"a":{"c":2}}`, "$a['b']", "v", `{"a":{"c":2,"b":"v"}}`)
	f(`{"a":1}`, "$a['b']", "v", `-`)
	f(`{"x":1}`, "$a['b']", "v", `-`)
	f(`{"x":1}`, "a", "v", `{"x":1,"a":"v"}`)
	f(`{"l":[1,{"k":2}]}`, "$l[1]['k']", "v", `{"l":[1,{"k":"v"}]}`)
	f(`{"l":[1]}`, "$l[1]", "v", `-`)
	f(`{"a":{"b":1,"c":2}}`, "$a['b']", "", `{"a":{"c":2}}`)
	f(`{"l":[1,2,3]}`, "$l[1]", "", `{"l":[1,3]}`)
	f(`{"a":1}`, "$b", "", `-`)
	f(`{"a":1,"b":2,"a":3}`, "a", "", `{"b":2}`)
}

func FuzzCompile(f *testing.F) {
	f.Add("a $x['y'][0] $TAG[1] $2 z")
	f.Add("$['it''s']")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Compile(text)
		if err != nil {
			return
		}
		body := parseBody(t, sample)
		a.AppendText(nil, Source{Tag: "a.b", Body: body})
		if out, done := a.AppendSet(nil, body, event.Value{0xc0}); done {
			if _, _, err := event.CheckValue(out); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendText(b *testing.B) {
	a, _ := Compile("$TAG[1].$a['b']['c'].$s")
	src := Source{Tag: "in.x", Body: parseBody(b, sample)}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = a.AppendText(dst[:0], src)
	}
}
