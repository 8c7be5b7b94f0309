package regex

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/parsing/parsertest"
	"github.com/fluent/fluent-bit-go/plugin"
)

const typed = "Regex ^(?<i>[^,]*),(?<f>[^,]*),(?<b>[^,]*),(?<h>[^,]*),(?<s>[^,]*)$\nTypes i:integer f:float b:bool h:hex s:string"

func TestNamedGroupsBecomeFields(t *testing.T) {
	f := func(section, line, want string) {
		t.Helper()
		if got := parsertest.Parse(t, parsertest.Must(t, Plugin, section), line); got != want {
			t.Errorf("%q on %q:\n got %s\nwant %s", section, line, got, want)
		}
	}
	f(`Regex ^lazy (?<first>.+?)(?:,|;)(?<rest>.*)$`, "lazy a,b;c", `{"first":"a","rest":"b;c"}`)
	f(`Regex ^ahead (?<price>\d+)(?= EUR)(?! EURO)`, "ahead 12 EUR", `{"price":"12"}`)
	f(`Regex ^ahead (?<price>\d+)(?= EUR)(?! EURO)`, "ahead 12 EURO", "no")
	f(`Regex ^behind .*(?<=\$)(?<price>\d+)(?<!0)$`, "behind cost $35", `{"price":"35"}`)
	f(`Regex ^twice (?<word>\w+) \k<word>$`, "twice hey hey", `{"word":"hey"}`)
	f(`Regex ^twice (?<word>\w+) \k<word>$`, "twice hey you", "no")
	f(`Regex /^NOCASE (?<v>[a-c]+)$/i`, "nocase AbC", `{"v":"AbC"}`)
	f(`Regex ^(?<hex>\h+) (?<alpha>[[:alpha:]]+) (?<not>[^\s\d]+)\p{Space}(?<u>\p{Alpha}+)$`, "0fA9 word a-b été", `{"hex":"0fA9","alpha":"word","not":"a-b","u":"été"}`)
	f(`Regex ^atomic (?<a>(?>x+))(?<b>y*+)(?<c>z?)$`, "atomic xxyyz", `{"a":"xx","b":"yy","c":"z"}`)
	f(`Regex /^extended (?<a> \d+ ) - (?<b> \w+ ) $/x`, "extended12-abc", `{"a":"12","b":"abc"}`)
	f(`Regex (?<a>x)|(?<b>y)`, "zy", `{"b":"y"}`)
	f("Regex (?<a>x)|(?<b>y)\nSkip_Empty_Values off", "zy", `{"a":"","b":"y"}`)
	f(`Regex ^(?<v>\d+)$|^(?<v>\w+)!$`, "ab!", `{"v":"ab"}`)
	f(`Regex ^(?<v>\d+)$|^(?<v>\w+)!$`, "12", `{"v":"12"}`)
	f(`Regex nothing(?<a>x)?`, "nothing", "no")

	f("Regex ^(?<a>[^,]*),(?<b>[^,]*)$", ",", `{}`)
	f("Regex ^(?<a>[^,]*),(?<b>[^,]*)$\nSkip_Empty_Values off", "x,", `{"a":"x","b":""}`)
	f("Regex ^(?<a>[^,]*),(?<b>[^,]*)$\nSkip_Empty_Values off", ",", `{"a":"","b":""}`)

	f(typed, "12,1.5,true,ff,12", `{"i":12,"f":1.5,"b":true,"h":255,"s":"12"}`)
	f(typed, "-7,1e3,false,0x10,", `{"i":-7,"f":1000.0,"b":false,"h":16}`)
	f(typed, " 8,abc,TRUE,zz,x", `{"i":8,"f":0.0,"b":true,"h":0,"s":"x"}`)
	f(typed, "99999999999999999999,.5,yes,7fffffffffffffff,y", `{"i":9223372036854775807,"f":0.5,"b":"yes","h":9223372036854775807,"s":"y"}`)
	f(typed, "x,,,,", `{"i":0}`)
}

func TestTheTimeComesFromItsGroup(t *testing.T) {
	f := func(section, line, want string) {
		t.Helper()
		if got := parsertest.Parse(t, parsertest.Must(t, Plugin, section), line); got != want {
			t.Errorf("%q on %q:\n got %s\nwant %s", section, line, got, want)
		}
	}
	const moved = "Regex ^M (?<t>.*)$\nTime_Key t\nTime_Offset -0530\nTime_Format %Y-%m-%d %H:%M:%S"
	f(moved, "M 2024-03-05 10:11:12", `2024-03-05T15:41:12Z {}`)
	f(moved+"\nTime_Keep on", "M 2024-03-05 10:11:12", `2024-03-05T15:41:12Z {"t":"2024-03-05 10:11:12"}`)
	f(moved+"\nTime_Keep on", "M yesterday", `{}`)
	f("Regex ^(?<time>\\S+) (?<m>.*)$\nTime_Format %s", "12 x", `1970-01-01T00:00:12Z {"m":"x"}`)
	f("Regex ^(?<time>\\S+) (?<m>.*)$", "12 x", `{"time":"12","m":"x"}`)
	f("Regex ^(?<t>\\S+) (?<m>.*)$\nTime_Key t\nTime_Format %Y-%m-%dT%H\nTime_Zone Asia/Tokyo", "2024-03-05T10 x", `2024-03-05T01:00:00Z {"m":"x"}`)
	f("Regex ^(?<m>.*)$\nDecode_Field_As json m", `{"a":1}`, `{"m":{"a":1}}`)
}

func TestAStreamGoesOnBehindTheLastGroup(t *testing.T) {
	p := parsertest.Must(t, Plugin, "Regex ^(?<t>\\S+) (?<msg>.*)$\nTime_Key t\nTime_Format %Y-%m-%dT%H:%M:%S").(plugin.StreamParser)
	rest := []byte("2024-02-29T23:59:59 leap\nnothing\n2024-03-01T00:00:00 after\n")
	var got []string
	for {
		body, at, used, err := p.ParseFirst(nil, rest)
		if err != nil {
			break
		}
		got = append(got, parsertest.Show(t, body, at))
		rest = rest[used:]
	}
	want := `2024-02-29T23:59:59Z {"msg":"leap"} 2024-03-01T00:00:00Z {"msg":"after"}`
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	if string(rest) != "\n" {
		t.Errorf("%q is left", rest)
	}
}

func TestBadExpressionsAreRefusedWhereTheyStand(t *testing.T) {
	f := func(section, want string) {
		t.Helper()
		_, err := parsertest.Build(Plugin, section)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", section, err, want)
		}
	}
	f("Time_Key t", "parsers.conf:1: the property 'regex' is missing")
	f("Time_Key t\nRegex (?<a>x", "parsers.conf:2:1: regex: '(?<a>x' is a faulty regular expression: ")
	f("Regex", "has no named group")
	f("Regex (a)(b)", "has no named group")
	f("Regex (?<a>x)\nRegexp x", "parsers.conf:2:1: unknown configuration property 'regexp'; did you mean 'regex'?")
}

func TestAStreamAlwaysGoesOn(t *testing.T) {
	p := parsertest.Must(t, Plugin, "Regex (?<a>x*)").(plugin.StreamParser)
	f := func(buf string, want int) {
		t.Helper()
		if _, _, used, err := p.ParseFirst(nil, []byte(buf)); used != want || err != nil {
			t.Errorf("%q: took %d, %v; want %d", buf, used, err, want)
		}
	}
	f("yy\nz", 3)
	f("yy", 2)
	f("xxy", 2)
}

func TestParsingAllocatesNoMoreThanTheSearch(t *testing.T) {
	line := "12,1.5,true,ff,a text"
	p := parsertest.Must(t, Plugin, typed)
	re, index, text := p.(*parser).re, make([]int, 0, 64), []byte(line)
	search := testing.AllocsPerRun(200, func() { re.Find(index, text) })
	parsertest.AllocsAbove(t, p, line, search)
}

func FuzzParse(f *testing.F) {
	f.Add("12,1.5,true,ff,12")
	f.Add("\xff,\x00,,,\n,,,,")
	p := parsertest.Must(f, Plugin, typed+"\nDecode_Field_As json s")
	f.Fuzz(func(t *testing.T, line string) {
		parsertest.Parse(t, p, line)
		if _, _, used, err := p.(plugin.StreamParser).ParseFirst(nil, []byte(line)); err == nil && (used <= 0 || used > len(line)) {
			t.Fatalf("%q: %d bytes used", line, used)
		}
	})
}

func BenchmarkRegexTyped(b *testing.B) {
	parsertest.Bench(b, parsertest.Must(b, Plugin, typed), "12,1.5,true,ff,a text")
}

func TestHostileLinesDoNoHarm(t *testing.T) {
	f := func(longest int, pattern string) {
		t.Helper()
		p := parsertest.Must(t, Plugin, "Regex "+pattern+"\nTime_Format %Y-%m-%dT%H:%M:%S\nTypes a:integer\nDecode_Field_As escaped b")
		parsertest.HostileUpTo(t, longest, p, `2024-01-02T03:04:05 7 x\ty`, `2024-01-02T03:04:05Z {"a":7,"b":"x\ty"}`)
	}
	f(parsertest.Huge, `^(?<time>[^ ]+) (?<a>[^ ]*) (?<b>.*)$`)        // as a sequence
	f(1<<14, `(?<time>\S+) (?<a>\d+)? ?(?:(?<b>[^ ]+) ?)*$`)           // the same, with more to try
	f(1<<14, `^(?<time>\S+?) (?<a>[0-9]{1,3}) (?<b>(?:[^ ]|  ){1,9})`) // by package regexp
	f(1<<14, `^(?<time>\S+) (?=\d)(?<a>\d+) (?<b>.*)(?<!z)$`)          // by regexp2
}
