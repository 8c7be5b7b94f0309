package parser

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// jsonParser reads objects; a number under "at" is the time.
type jsonParser struct{}

var errNotObject = errors.New("no object")

func (jsonParser) Parse(dst, line []byte) (body []byte, t event.Time, err error) {
	at := len(dst)
	out, _, err := event.ParseJSON(dst, line)
	if err != nil || event.Value(out[at:]).Type() != event.TypeMap {
		return dst, t, errNotObject
	}
	if n, ok := event.Value(out[at:]).Get("at").Int(); ok {
		t.Sec = n
	}
	return out, t, nil
}

// wordParser reads texts without blanks.
type wordParser struct{}

func (wordParser) Parse(dst, line []byte) (body []byte, t event.Time, err error) {
	if bytes.ContainsAny(line, " {") {
		return dst, t, errNotObject
	}
	return event.AppendStr(event.AppendStr(event.AppendMap(dst, 1), "word"), line), t, nil
}

var spec = filtertest.With(Plugin, func(env *plugin.Env) {
	env.Parser = func(name string) (plugin.Parser, bool) {
		p, ok := map[string]plugin.Parser{"js": jsonParser{}, "word": wordParser{}}[name]
		return p, ok
	}
})

func run(t *testing.T, conf, in, want string) {
	t.Helper()
	got := filtertest.Run(t, spec, filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
	}
}

func TestTheFirstParserThatReadsTheTextIsUsed(t *testing.T) {
	run(t, "key_name log\nparser js\nparser word",
		`{"log":"{\"a\":1}","k":1}`+"\n"+`{"log":"one","k":2}`+"\n"+`{"log":"two words","k":3}`+"\n"+`{"log":7}`+"\n"+`{"k":1}`,
		`{"a":1}`+"\n"+`{"word":"one"}`+"\n"+`{"log":"two words","k":3}`+"\n"+`{"log":7}`+"\n"+`{"k":1}`)
}

func TestOtherKeysStayWhenAskedFor(t *testing.T) {
	const in = `{"x":1,"log":"one","y":2}`
	run(t, "key_name log\nparser word", in, `{"word":"one"}`)
	run(t, "key_name log\nparser word\nreserve_data on", in, `{"word":"one","x":1,"y":2}`)
	run(t, "key_name log\nparser word\npreserve_key on", in, `{"word":"one","log":"one"}`)
	run(t, "key_name log\nparser word\nreserve_data on\npreserve_key on", in, `{"word":"one","x":1,"log":"one","y":2}`)
	const twice = `{"log":"first","log":"one"}`
	run(t, "key_name log\nparser word\nreserve_data on", twice, `{"word":"one","log":"first"}`)
	run(t, "key_name log\nparser word\npreserve_key on", twice, `{"word":"one","log":"one"}`)
}

func TestTheKeyMayBeInsideOfAMap(t *testing.T) {
	const in = `{"x":1,"in":{"log":"one","n":2}}`
	run(t, "key_name $in['log']\nparser word\nunescape_key on", in, `{"word":"one"}`)
	run(t, "key_name $in['log']\nparser word\nreserve_data on", in, `{"word":"one","x":1,"in":{"log":"one","n":2}}`)
	run(t, "key_name $log\nparser word\nreserve_data on", `{"log":"one","y":2}`, `{"word":"one","log":"one","y":2}`)
	run(t, "key_name $in['log']\nparser word\npreserve_key on", in, `{"word":"one","in":{"log":"one","n":2}}`)
}

func TestAParsedTimeReplacesThatOfTheRecord(t *testing.T) {
	f, err := filtertest.Build(spec, filtertest.Properties("key_name log", "parser js"))
	if err != nil {
		t.Fatal(err)
	}
	b := event.New("t")
	for _, text := range []string{`{"at":5}`, `{"b":1}`, `no`} {
		meta := event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "m"), text)
		b.Append(event.Time{Sec: 9, Nsec: 1}, meta, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "log"), text))
	}
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	var times []int64
	for r := range b.Records() {
		times = append(times, r.Time().Sec)
		if r.Meta().Get("m").Str() == nil {
			t.Errorf("the metadata of %s is lost", r.Body())
		}
	}
	if len(times) != 3 || times[0] != 5 || times[1] != 9 || times[2] != 9 {
		t.Errorf("times are %v", times)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(spec, filtertest.Properties(strings.Split(conf, "\n")...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("key_name log\nparser jss\nparser word", "test.conf:2:8: parser: there is no parser 'jss'; define it in a parsers file")
	f("key_name log", "has no parser")
	f("parser js", "'key_name' is missing")
	f("key_name $a[\nparser js", "brackets hold")
}

func TestNoRecordCostsAnAllocation(t *testing.T) {
	f := func(line string, conf ...string) {
		t.Helper()
		props := filtertest.Properties(append(conf, "key_name log", "parser js", "parser word")...)
		if n := filtertest.Allocs(t, spec, props, line); n > 0.1 {
			t.Errorf("%s: %v allocations per record", line, n)
		}
	}
	f(`{"msg":"one","b":{"c":1}}`)
	f(`{"log":"two words","b":{"c":1}}`)
	f(`{"log":"{\"at\":5,\"a\":[1]}","b":{"c":1}}`, "reserve_data on")
}

func BenchmarkReserve(b *testing.B) {
	filtertest.Bench(b, spec, "key_name msg", "parser js", "reserve_data on")
}

func BenchmarkParsed(b *testing.B) {
	filtertest.Bench(b, spec, "key_name method", "parser word", "reserve_data on")
}
