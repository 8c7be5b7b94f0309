package json

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing/parsertest"
)

const iso = "Time_Key ts\nTime_Format %Y-%m-%dT%H:%M:%S.%L%z\n"

func TestJSONLinesBecomeRecords(t *testing.T) {
	f := func(section, line, want string) {
		t.Helper()
		if got := parsertest.Parse(t, parsertest.Must(t, Plugin, section), line); got != want {
			t.Errorf("%q on %q:\n got %s\nwant %s", section, line, got, want)
		}
	}
	f("", `{"z":{"y":{"x":[{"w":1},{"v":[[]]}]}},"a":{},"m":[],"b":null}`, `{"z":{"y":{"x":[{"w":1},{"v":[[]]}]}},"a":{},"m":[],"b":null}`)
	f("", `[1,2,3]`, "no")
	f("", `"just a string"`, "no")
	f("", `42`, "no")
	f("", ``, "no")
	f("", `{"a":`, "no")
	f("", `{"trailing":1} rest`, `{"trailing":1}`)
	f("", `{"a":1} words, {"b":2}`, `{"a":1}`)
	f("", `{"a":1} {"cut":`, `{"a":1}`)
	f("", `{"a":1} "quoted" words`, "no")
	f("", `{"a":1}1st`, "no")
	f("", `{"a":1e400}`, "no")
	f("", `{"a":1}{"b":2}`, "no")
	f("", `{"a":1} [2]`, "no")
	f("", `{"a":1} 2`, "no")
	f("", "  {\"spaces\":1}  \n", `{"spaces":1}`)
	f("", `{}`, `{}`)

	f(iso, `{"ts":"2024-01-02T03:04:05.678Z","m":"utc"}`, `2024-01-02T03:04:05.678Z {"m":"utc"}`)
	f(iso, `{"ts":"2024-01-02T03:04:05.123456789+02:00","m":"east"}`, `2024-01-02T01:04:05.123456789Z {"m":"east"}`)
	f(iso, `{"m":"short","ts":"2024-12-31T23:59:60.0Z"}`, `2025-01-01T00:00:00Z {"m":"short"}`)
	f(iso, `{"ts":"2024-01-02T03:04:05.678Z"}`, `2024-01-02T03:04:05.678Z {}`)
	f(iso, `{"ts":"2024-01-02T03:04:05.678","m":1}`, `{"ts":"2024-01-02T03:04:05.678","m":1}`)
	f(iso, `{"ts":1700000000,"m":1}`, `{"ts":1700000000,"m":1}`)
	f(iso, `{"m":1}`, `{"m":1}`)
	f(iso+"Time_Strict off", `{"ts":"2024-01-02T03:04:05","m":1}`, `2024-01-02T03:04:05Z {"m":1}`)
	f("Time_Key ts\nTime_Format %s.%L\nTime_Keep on", `{"m":2,"ts":"1.000"}`, `1970-01-01T00:00:01Z {"m":2,"ts":"1.000"}`)
	f("Time_Format %s", `{"time":"12","m":2}`, `1970-01-01T00:00:12Z {"m":2}`)
	f("Time_Key ts", `{"ts":"12"}`, `{"ts":"12"}`)
	f("Time_Key ts\nTime_Format", `{"ts":"12"}`, `{"ts":"12"}`)
}

func TestAMapThatShrinksBelow16PairsIsStillOne(t *testing.T) {
	p := parsertest.Must(t, Plugin, "Time_Format %s")
	for n := range 40 {
		line := `{"time":"7"` + strings.Repeat(`,"k":1`, n) + `}`
		body, at, err := p.Parse(nil, []byte(line))
		if err != nil || at.Sec != 7 {
			t.Fatal(n, at, err)
		}
		parsertest.Show(t, body, at)
		line = `{` + strings.Repeat(`"k":1,`, n) + `"time":"7"}`
		body, at, _ = p.Parse(nil, []byte(line))
		if want := strings.Repeat("\xa1k\x01", n); !strings.HasSuffix(string(body), want) {
			t.Errorf("%d pairs: % x", n, body)
		}
		parsertest.Show(t, body, at)
	}
}

func TestDecodersWorkOnTexts(t *testing.T) {
	f := func(section, line, want string) {
		t.Helper()
		if got := parsertest.Parse(t, parsertest.Must(t, Plugin, section), line); got != want {
			t.Errorf("%q on %q:\n got %s\nwant %s", section, line, got, want)
		}
	}
	const dock = "Decode_Field_As escaped_utf8 text do_next\nDecode_Field_As json text\nDecode_Field json inner"
	f(dock, `{"text":"{\"a\":1,\"b\":\"c\"}","n":1}`, `{"text":{"a":1,"b":"c"},"n":1}`)
	f(dock, `{"text":"plain \\u00fc words","n":2}`, `{"text":"plain ü words","n":2}`)
	f(dock, `{"inner":"{\"x\":[1,2]}","n":3}`, `{"inner":"{\"x\":[1,2]}","n":3,"x":[1,2]}`)
	f(dock, `{"inner":"not json","n":4}`, `{"inner":"not json","n":4}`)
	f(dock, `{"inner":{"x":1},"text":7}`, `{"inner":{"x":1},"text":7}`)
	f("Decode_Field json a\nDecode_Field json b", `{"a":"{\"x\":1}","b":"{\"y\":2}"}`, `{"a":"{\"x\":1}","b":"{\"y\":2}","x":1,"y":2}`)
	// a failure ends the chain, unless the rule says try_next
	f("Decode_Field_As json a\nDecode_Field_As escaped a", `{"a":"x\\ty"}`, `{"a":"x\\ty"}`)
	f("Decode_Field_As json a try_next\nDecode_Field_As escaped a", `{"a":"x\\ty"}`, `{"a":"x\ty"}`)
	// a success ends it, unless the rule says do_next
	f("Decode_Field_As escaped a try_next\nDecode_Field_As json a", `{"a":"{\\\"b\\\":1}"}`, `{"a":"{\"b\":1}"}`)
	f("Decode_Field_As escaped a do_next\nDecode_Field_As json a", `{"a":"{\\\"b\\\":1}"}`, `{"a":{"b":1}}`)
	f("Decode_Field_As mysql_quoted a", `{"a":"'it\\'s \\0 \\% \\b \\Z'"}`, "{\"a\":\"it's \\u0000 \\\\% \\\\b \\u001a\"}")
	f("Decode_Field_As mysql_quoted a", `{"a":"'open"}`, `{"a":"'open"}`)
	f("Decode_Field_As json log\nTime_Format %s\nDecode_Field json more", `{"log":"{\"a\":1}","more":"{\"time\":\"9\"}"}`,
		`1970-01-01T00:00:09Z {"log":{"a":1},"more":"{\"time\":\"9\"}"}`)
}

func TestOneParserServesManyGoroutines(t *testing.T) {
	p := parsertest.Must(t, Plugin, "Time_Format %s.%L\nDecode_Field_As json log\nDecode_Field json log")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				line := fmt.Sprintf(`{"time":"%d.%d","log":"{\"n\":%d}"}`, g, 1+i%9, i)
				want := fmt.Sprintf(`1970-01-01T00:00:0%d.%dZ {"log":{"n":%d}}`, g, 1+i%9, i)
				if got := parsertest.Parse(t, p, line); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestJSONParsingDoesNotAllocate(t *testing.T) {
	parsertest.Allocs(t, parsertest.Must(t, Plugin, iso), `{"ts":"2024-01-02T03:04:05.678Z","m":"utc","n":1}`)
	parsertest.Allocs(t, parsertest.Must(t, Plugin, "Decode_Field_As json log\nDecode_Field json log"), `{"log":"{\"a\":[1,2,\"x\"]}","m":"utc","n":1}`)
}

func TestTheLogTellsWhatHasNoEffectAndWhatDoesNotFit(t *testing.T) {
	var text bytes.Buffer
	p, err := parsertest.BuildLogging(Plugin, "Types a:integer\nRegex x\nDecode_Field escaped a\nTime_Format %s", slog.New(slog.NewTextHandler(&text, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 12 {
		parsertest.Parse(t, p, `{"time":"noon"}`)
	}
	for want, times := range map[string]int{
		"'types' has no effect": 1, "'regex' has no effect": 1, "Decode_Field on 'a' has no effect": 1, "does not fit Time_Format": 2,
	} {
		if n := strings.Count(text.String(), want); n != times {
			t.Errorf("%q is there %d times:\n%s", want, n, &text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"time":"1.5","log":"{\"a\":1}","e":"a\\u00fc\\n"}`)
	f.Add(`{"time":"1.5"} {`)
	p := parsertest.Must(f, Plugin, "Time_Format %s.%L\nDecode_Field json log\nDecode_Field_As escaped_utf8 e do_next\n"+
		"Decode_Field_As mysql_quoted e do_next\nDecode_Field_As escaped e do_next\nDecode_Field_As json e")
	f.Fuzz(func(t *testing.T, line string) { parsertest.Parse(t, p, line) })
}

func BenchmarkJSONWithTime(b *testing.B) {
	parsertest.Bench(b, parsertest.Must(b, Plugin, iso),
		`{"ts":"2024-01-02T03:04:05.678901234Z","level":"info","caller":"server/http.go:231","msg":"request served","method":"GET","path":"/api/v1/items?page=3","status":200,"duration_ms":12.75,"remote":"10.1.2.3:51234"}`)
}

func TestHostileLinesDoNoHarm(t *testing.T) {
	parsertest.Hostile(t, parsertest.Must(t, Plugin, iso+"Decode_Field json a\nDecode_Field_As escaped_utf8 k"),
		`{"ts":"2024-01-02T03:04:05.678Z","a":"{\"b\":1}"}`, `2024-01-02T03:04:05.678Z {"a":"{\"b\":1}","b":1}`)
}
