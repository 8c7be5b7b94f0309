package ltsv

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing/parsertest"
)

const typed = "Time_Key time\nTime_Format %Y-%m-%dT%H:%M:%S\nTypes status:integer took:float"

func TestLTSVLinesBecomeRecords(t *testing.T) {
	f := func(section, line, want string) {
		t.Helper()
		if got := parsertest.Parse(t, parsertest.Must(t, Plugin, section), line); got != want {
			t.Errorf("%q on %q:\n got %s\nwant %s", section, line, got, want)
		}
	}
	f(typed, "time:2024-05-06T07:08:09\thost:h1\tstatus:200\ttook:0.25", `2024-05-06T07:08:09Z {"host":"h1","status":200,"took":0.25}`)
	f(typed, "time:2024-05-06T07:08:10\tempty:\tnote:a:b c", `2024-05-06T07:08:10Z {"empty":"","note":"a:b c"}`)
	f(typed, "time:now\thost:h1", "no")
	f(typed, "time:\thost:h1", `{"time":"","host":"h1"}`)
	f(typed+"\nTime_Keep on", "time:2024-05-06T07:08:10\ta:b", `2024-05-06T07:08:10Z {"time":"2024-05-06T07:08:10","a":"b"}`)
	f("", "a:1\tb", `{"a":"1"}`)
	f("", "a:1\r\nb:2", `{"a":"1"}`)
	f("", "no pair", "no")
	f("", "", "no")
	f("", ":nameless\ta:1", `{"a":"1"}`)
	f("Decode_Field_As json a", "a:{\"x\":1}", `{"a":{"x":1}}`)
	f("", strings.Repeat("k:v\t", 20), `{"k":"v"}`)
}

func TestLTSVParsingDoesNotAllocate(t *testing.T) {
	parsertest.Allocs(t, parsertest.Must(t, Plugin, typed), "time:2024-05-06T07:08:09\thost:h1\tstatus:200\ttook:0.25")
}

func FuzzParse(f *testing.F) {
	f.Add("time:2024-05-06T07:08:09\thost:h1\tstatus:0x1f\ttook:1e9\tok:true")
	p := parsertest.Must(f, Plugin, typed+" ok:bool h:hex")
	f.Fuzz(func(t *testing.T, line string) { parsertest.Parse(t, p, line) })
}

func BenchmarkLTSV(b *testing.B) {
	parsertest.Bench(b, parsertest.Must(b, Plugin, typed),
		"time:2024-05-06T07:08:09\thost:192.0.2.7\tuser:-\treq:GET /items HTTP/1.1\tstatus:200\tsize:5316\treferer:-\tua:curl/8.5\ttook:0.25")
}

func TestHostileLinesDoNoHarm(t *testing.T) {
	parsertest.Hostile(t, parsertest.Must(t, Plugin, "Time_Format %s\nTypes a:integer"), "time:12\ta:3", `1970-01-01T00:00:12Z {"a":3}`)
}
