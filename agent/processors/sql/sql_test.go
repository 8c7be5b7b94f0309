package sql

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
)

func TestRecordsAndKeysAreSelected(t *testing.T) {
	f := func(query, want string, lines ...string) {
		t.Helper()
		if got := filtertest.Run(t, Plugin, filtertest.Properties("query "+query), lines...); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", query, got, want)
		}
	}
	in := []string{`{"n":1,"msg":"one"}`, `{"msg":"two","n":2,"x":null}`, `{"n":"3"}`}
	f("SELECT n, msg AS text FROM STREAM WHERE n > 1;", "{\"text\":\"two\",\"n\":2}\n{\"n\":\"3\"}", in...)
	f("SELECT * FROM STREAM WHERE msg = 'one' OR x IS NULL", in[0]+"\n"+in[1], in...)
	f("SELECT x FROM STREAM WHERE msg <> 'two'", "{}\n{}", in...) // a key that is not selected may be compared
	f("SELECT * FROM STREAM", strings.Join(in, "\n"), in...)
	f("SELECT a FROM STREAM WHERE a['b'] = 'c'", `{"a":{"b":"c"}}`, `{"a":{"b":"c"},"d":1}`, `{"a":1}`)
}

func TestAFaultyQueryIsExplained(t *testing.T) {
	_, err := filtertest.Build(Plugin, filtertest.Properties("query SELECT FROM STREAM"))
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:7: syntax error at character 8") {
		t.Error(err)
	}
	if _, err = filtertest.Build(Plugin, nil); err == nil || !strings.Contains(err.Error(), "query") {
		t.Error(err)
	}
}

func TestUntouchedRecordsCostNothing(t *testing.T) {
	if n := filtertest.Allocs(t, Plugin, filtertest.Properties("query SELECT * FROM STREAM WHERE a = 1"), `{"a":1,"b":"text"}`); n > 0.1 {
		t.Errorf("%v allocations per record", n)
	}
	if n := filtertest.Allocs(t, Plugin, filtertest.Properties("query SELECT b AS c FROM STREAM WHERE a = 1"), `{"a":1,"b":"text"}`); n > 0.1 {
		t.Errorf("%v allocations per changed record", n)
	}
}

func BenchmarkSQL(b *testing.B) {
	filtertest.Bench(b, Plugin, "query SELECT msg, status AS code FROM STREAM WHERE status = 200 AND ok")
}
