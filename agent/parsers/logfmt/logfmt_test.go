package logfmt

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing/parsertest"
)

func TestLogfmtLinesBecomeRecords(t *testing.T) {
	f := func(section, line, want string) {
		t.Helper()
		if got := parsertest.Parse(t, parsertest.Must(t, Plugin, section), line); got != want {
			t.Errorf("%q on %q:\n got %s\nwant %s", section, line, got, want)
		}
	}
	const types = "Types n:integer ratio:float ok:bool"
	f(types, `level=info msg="two words" n=12 ratio=0.5 ok=true`, `{"level":"info","msg":"two words","n":12,"ratio":0.5,"ok":true}`)
	f(types, `msg="quote \" and \\ and \n" path=/a/b?c=d`, `{"msg":"quote \\\" and \\\\ and \\n","path":"/a/b?c","d":""}`)
	f(types, `bare n=x empty= tail=end`, `{"bare":"","n":0,"empty":"","tail":"end"}`)
	f("", `msg="quote \" and \\ and \n and \u00fc" k=v`, `{"msg":"quote \" and \\ and \n and ü","k":"v"}`)
	f("", `bare empty= quoted="" tail`, `{"bare":true,"empty":true,"quoted":"","tail":true}`)
	f("", `a="open`, `{"a":"open"}`)
	f("", `a="open\`, `{"a":"open\\"}`)
	f("", `a=`, `{"a":true}`)
	f("", `a="`, `{"a":""}`)
	f("", "a=1\nb=2", `{"a":"1"}`)
	f("", "a=1\r\nb=2", `{"a":"1"}`)
	f("", "", "no")
	f("", `= = "`, "no")
	f("LogFmt_No_Bare_Keys on", "a=1 b", "no")
	f("LogFmt_No_Bare_Keys on", "a=1 b=", `{"a":"1","b":true}`)
	f("Time_Format %s", "time=12 a=1", `1970-01-01T00:00:12Z {"a":"1"}`)
	f("Time_Format %s", "time=noon a=1", "no")
	f("Time_Format %s\nTime_Keep on", `a=1 time="12"`, `1970-01-01T00:00:12Z {"a":"1","time":"12"}`)
}

func TestLongRunsOfEscapesTakeLinearTime(t *testing.T) {
	p := parsertest.Must(t, Plugin, "")
	line := []byte(`a="` + strings.Repeat(`\\`, 1<<21))
	if _, _, err := p.Parse(nil, line); err != nil { // or it does not end before the test's deadline
		t.Fatal(err)
	}
}

func TestLogfmtParsingDoesNotAllocate(t *testing.T) {
	parsertest.Allocs(t, parsertest.Must(t, Plugin, "Time_Format %s.%L"), `time=12.5 level=info msg="two \"words\"" n=12 ok`)
}

func FuzzParse(f *testing.F) {
	f.Add(`time=12 level=info msg="two \"words\" \u00fc" n=12 ok x="`)
	p := parsertest.Must(f, Plugin, "Time_Format %s")
	q := parsertest.Must(f, Plugin, "Types n:integer x:hex ok:bool r:float")
	f.Fuzz(func(t *testing.T, line string) {
		parsertest.Parse(t, p, line)
		parsertest.Parse(t, q, line)
	})
}

func BenchmarkLogfmt(b *testing.B) {
	parsertest.Bench(b, parsertest.Must(b, Plugin, "Time_Key ts\nTime_Format %Y-%m-%dT%H:%M:%S.%L%z"),
		`ts=2024-01-02T03:04:05.678Z level=info caller=server/http.go:231 msg="request served" method=GET path=/api/v1/items status=200 duration=12.75ms`)
}

func TestHostileLinesDoNoHarm(t *testing.T) {
	parsertest.Hostile(t, parsertest.Must(t, Plugin, "Time_Format %s"), `time=12 a="\n"`, `1970-01-01T00:00:12Z {"a":"\n"}`)
	parsertest.HostileUpTo(t, 5000, parsertest.Must(t, Plugin, "Types a:float"), `a=2`, `{"a":2.0}`)
}
