package sql

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

func body(t testing.TB, json string) event.Value {
	t.Helper()
	v, _, err := event.ParseJSON(nil, []byte(json))
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return v
}

func parsed(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func asJSON(v event.Value) string { return string(event.AppendJSON(nil, v, event.JSONStyle{})) }

var at = event.Time{Sec: 1700000000, Nsec: 500_000_000}

func TestFaultsNameTheirPlaceAndTheCure(t *testing.T) {
	f := func(query string, character int, want string) {
		t.Helper()
		_, err := Parse(query)
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%s: got %v", query, err)
			return
		}
		if e.Offset+1 != character || !strings.Contains(e.Error(), want) || !strings.Contains(e.Error(), "syntax error") {
			t.Errorf("%s: got %v, want character %d and %q", query, e, character, want)
		}
	}
	f("SELECT FROM WHERE;", 8, "double quotes")
	f("", 1, "expected a statement and found the end of the query")
	f("DELETE FROM x", 1, "CREATE STREAM name AS")
	f("SELECT a FROM x;", 15, "FROM TAG:'match'")
	f("SELECT a FROM TAG:x;", 19, "single quotes")
	f("SELECT a FROM TAG:'x", 19, "does not end")
	f("SELECT a ä FROM", 10, "'ä' cannot stand here")
	f("SELECT ä", 8, "double quotes")
	f("SELECT a-b FROM TAG:'x'", 9, "cannot stand here")
	f("SELECT SUMM(a) FROM TAG:'x'", 8, "did you mean 'SUM'")
	f("SELECT x(a) FROM TAG:'x'", 8, "the functions are")
	f("SELECT a, COUNT(*) FROM TAG:'x'", 8, "GROUP BY")
	f("SELECT *, COUNT(*) FROM TAG:'x'", 8, "many values")
	f("SELECT a FROM TAG:'x' WHERE a = 1 WINDOW TUMBLING (1 SECOND)", 35, "in this order")
	f("SELECT a FROM TAG:'x' WHERE a = b", 33, "compared with a constant")
	f("SELECT a FROM TAG:'x' WHERE (a = 1", 35, "close the parenthesis")
	f("SELECT a FROM TAG:'x' WHERE @record.size()", 30, "@record.contains(key)")
	f("SELECT COUNT(*) FROM TAG:'x' WINDOW TUMBLING (0 SECOND)", 47, "from 1")
	f("SELECT COUNT(*) FROM TAG:'x' WINDOW TUMBLING (5 DAY)", 49, "SECOND, MINUTE or HOUR")
	f("SELECT COUNT(*) FROM TAG:'x' WINDOW HOPPING (2 SECOND, ADVANCE BY 3 SECOND)", 37, "leaves records out")
	f("SELECT COUNT(*) FROM TAG:'x' WINDOW HOPPING (24 HOUR, ADVANCE BY 1 SECOND)", 37, "advance by more")
	f("CREATE STREAM s WITH (tga='x') AS SELECT a FROM TAG:'x'", 23, "did you mean 'tag'")
	f("CREATE STREAM s WITH (tag=x) AS SELECT a FROM TAG:'x'", 27, "single quotes")
	f("CREATE STREAM s WITH (routable='no way') AS SELECT a FROM TAG:'x'", 32, "on or off")
	f("CREATE STREAM s WITH (storage.type='disk') AS SELECT a FROM TAG:'x'", 36, "filesystem or memrb")
	f("CREATE SNAPSHOT s AS SELECT * FROM TAG:'x'", 22, "LIMIT n")
	f("CREATE SNAPSHOT s AS SELECT a FROM TAG:'x' LIMIT 5", 22, "SELECT *")
	f("FLUSH SNAPSHOT s AS SELECT * FROM TAG:'x' GROUP BY a", 21, "no windows")
	f("SELECT a FROM TAG:'x' LIMIT 0", 29, "from 1")
	f("SELECT a FROM TAG:'x' "+"WHERE "+strings.Repeat("(", 1000), 229, "nested")
	f("SELECT * AS a FROM TAG:'x'", 10, "one by one")
}

func TestTheProcessorsQueriesAreSimpler(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		if _, err := ParseSelect(query); err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", query, err, want)
		}
	}
	f("SELECT a, b AS c FROM STREAM;", "")
	f("select * from stream where a['b'] = 1", "")
	f("SELECT a FROM STREAM:x WHERE a;", "")
	f("SELECT a FROM STREAM x", "")
	f("SELECT COUNT(*) FROM STREAM", "keys as they are")
	f("SELECT a['b'] FROM STREAM", "first level")
	f("SELECT a FROM TAG:'x'", "FROM STREAM")
	f("SELECT a FROM STREAM WINDOW TUMBLING (1 SECOND)", "WHERE")
}

func TestConditions(t *testing.T) {
	rec := body(t, `{"n":8,"f":1.5,"neg":-3,"who":"bob","t":"12","part":"12abc","nul":null,"yes":true,"no":false,"zero":0,"arr":[1],"deep":{"x":{"y":"z"}},"time":5,"big":18446744073709551615,"a-b":1}`)
	f := func(where string, want bool) {
		t.Helper()
		q := parsed(t, "SELECT * FROM TAG:'x' WHERE "+where+";")
		if got := NewRow(q).Read("x", at, rec); got != want {
			t.Errorf("%s: got %v", where, got)
		}
	}
	f("n = 8", true)
	f("n > 8", false)
	f("n >= 8 AND n <= 8", true)
	f("n <> 7", true)
	f("n != 8", false)
	f("n = 8.0", true)
	f("f < 2", true)
	f("neg < -2", true)
	f("who = 'bob'", true)
	f("who > 'bo' AND who < 'bp'", true)
	f("who = 'it''s'", false)
	f("who > 3", false)
	f("t = 12 and t > 11.5", true)
	f("part = 12", false)
	f("n = '8'", false)
	f("gone = 1 OR gone <> 1", true)
	f("gone = 1", false)
	f("gone < 1 OR gone >= 1", false)
	f("nul IS NULL", true)
	f("gone IS NULL", false)
	f("gone IS NOT NULL", true)
	f("n IS NOT NULL", true)
	f("nul", false)
	f("yes", true)
	f("no", false)
	f("zero", false)
	f("arr", true)
	f("deep", true)
	f("who", true)
	f("yes = true AND no = FALSE", true)
	f("deep['x']['y'] = 'z'", true)
	f("deep['x']['q'] = 'z'", false)
	f("@record.contains(nul)", true)
	f("@record.contains(gone)", false)
	f("@record.contains(deep['x']['y']) = true", true)
	f("NOT @record.contains(gone)", true)
	f("@record.time() > 1700000000.4 AND @record.time() < 1700000001", true)
	f("NOT n > 5 AND n > 7", false)
	f("NOT (n > 5 AND n > 10)", true)
	f("n = 1 AND n = 2 OR n = 8", true)
	f("n = 8 OR n = 1 AND n = 2", true)
	f("time = 5", true)
	f("true", true)
	f("0", false)
	f("big > 9223372036854775807", true)
	f(`"a-b" = 1`, true)
	f("\tn\n=\r\n8", true)
}

func TestSelectedColumns(t *testing.T) {
	rec := body(t, `{"n":1,"who":"bob","deep":{"x":"y"},"n2":null}`)
	now := time.Unix(1700000060, 0)
	f := func(columns, want string) {
		t.Helper()
		q := parsed(t, "SELECT "+columns+" FROM TAG:'x';")
		row := NewRow(q)
		row.Read("in.x", at, rec)
		out, ok := row.AppendResult(nil, now)
		got := "-"
		if ok {
			got = asJSON(out)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", columns, got, want)
		}
	}
	f("n, who AS name, deep['x']", `{"n":1,"name":"bob","deep['x']":"y"}`)
	f("who, n", `{"who":"bob","n":1}`)
	f("deep['x'] AS dx, gone, deep['q']", `{"dx":"y"}`)
	f("gone", "-")
	f("*, n AS m", `{"n":1,"who":"bob","deep":{"x":"y"},"n2":null,"m":1}`)
	f("RECORD_TAG(), RECORD_TIME() AS t", `{"RECORD_TAG()":"in.x","t":1700000000.5}`)
	f("unix_timestamp()", `{"UNIX_TIMESTAMP()":1700000060}`)
	f("NOW() AS now", `{"now":"`+now.Local().Format(time.DateTime)+`"}`)
	f("n2", `{"n2":null}`)
}

func TestKeptKeysStayInTheRecordsOrder(t *testing.T) {
	f := func(columns, want string) {
		t.Helper()
		q, err := ParseSelect("SELECT " + columns + " FROM STREAM;")
		if err != nil {
			t.Fatal(err)
		}
		row := NewRow(q)
		row.Read("x", at, body(t, `{"msg":"a","n":1,"x":2}`))
		got := "whole"
		if out, whole := row.AppendKept(nil); !whole {
			got = asJSON(out)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", columns, got, want)
		}
	}
	f("n, msg AS text", `{"text":"a","n":1}`)
	f("gone", `{}`)
	f("*", "whole")
	f("n, x, msg", "whole")
	f("*, msg AS m", `{"m":"a","n":1,"x":2}`)
}

func results(t testing.TB, query string, numbers bool, records ...string) string {
	t.Helper()
	q := parsed(t, query)
	var parts [2]*Groups
	for i := range parts {
		parts[i] = NewGroups(q, numbers)
	}
	row := NewRow(q)
	for i, r := range records {
		tm := event.Time{Sec: at.Sec + int64(i)}
		if row.Read("x", tm, body(t, r)) {
			parts[2*i/len(records)].Add(row)
		}
	}
	all := NewGroups(q, numbers)
	all.Merge(parts[0])
	all.Merge(parts[1])
	var lines []string
	all.Results(time.Unix(1700000060, 0), func(v event.Value) { lines = append(lines, asJSON(v)) })
	return strings.Join(lines, "\n")
}

func TestAggregates(t *testing.T) {
	f := func(query, want string, numbers bool, records ...string) {
		t.Helper()
		if got := results(t, query, numbers, records...); got != want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", query, got, want)
		}
	}
	all := []string{`{"n":3,"who":"bob","t":"12"}`, `{"n":7,"who":"eve"}`, `{"n":8,"who":"bob"}`, `{"n":1.5,"who":"bob"}`, `{"z":1}`}
	f("SELECT COUNT(*), SUM(n), AVG(n), MIN(n), MAX(n), COUNT(n) FROM TAG:'x'", `{"COUNT(*)":5,"SUM(n)":19.5,"AVG(n)":4.875,"MIN(n)":1.5,"MAX(n)":8.0,"COUNT(n)":4}`, true, all...)
	f("SELECT who, COUNT(*), SUM(n) AS s FROM TAG:'x' GROUP BY who", `{"who":"bob","COUNT(*)":3,"s":12.5}`+"\n"+`{"who":"eve","COUNT(*)":1,"s":7}`, true, all...)
	f("SELECT COUNT(*) FROM TAG:'x' GROUP BY who LIMIT 1", `{"COUNT(*)":3}`, true, all...)
	f("SELECT SUM(t), MAX(t) FROM TAG:'x'", `{"SUM(t)":12,"MAX(t)":12}`, true, all...)
	f("SELECT SUM(t), MAX(t), AVG(t) FROM TAG:'x'", `{"SUM(t)":0,"MAX(t)":null,"AVG(t)":null}`, false, all...)
	f("SELECT k, COUNT(*) FROM TAG:'x' GROUP BY k", "{\"k\":1,\"COUNT(*)\":3}\n{\"k\":true,\"COUNT(*)\":1}\n{\"k\":\"x\",\"COUNT(*)\":1}", true, `{"k":1}`, `{"k":1.0}`, `{"k":"1"}`, `{"k":true}`, `{"k":"x"}`)
	f("SELECT d['e'], COUNT(*), RECORD_TAG() FROM TAG:'x' GROUP BY d['e']", `{"d['e']":"q","COUNT(*)":1,"RECORD_TAG()":"x"}`, true, `{"d":{"e":"q"}}`, `{"d":1}`)
	f("SELECT SUM(n) FROM TAG:'x'", `{"SUM(n)":9.223372036854776e+18}`, true, `{"n":9223372036854775807}`, `{"n":1}`)
	f("SELECT MIN(n), MAX(n) FROM TAG:'x' WHERE n < 0", `{"MIN(n)":-5,"MAX(n)":-1}`, true, `{"n":-5}`, `{"n":-1}`, `{"n":2}`)
	f("SELECT AVG(d['x']) FROM TAG:'x'", `{"AVG(d['x'])":2.0}`, true, `{"d":{"x":1}}`, `{"d":{"x":3}}`)
	f("SELECT COUNT(*) FROM TAG:'x' WHERE n > 100", "", true, all...)
}

func TestForecastFollowsTheLine(t *testing.T) {
	got := results(t, "SELECT TIMESERIES_FORECAST(n, 10) AS f FROM TAG:'x'", true, `{"n":1}`, `{"n":3}`, `{"n":5}`, `{"n":7}`)
	if got != `{"f":27.0}` {
		t.Error(got)
	}
	if got := results(t, "SELECT TIMESERIES_FORECAST(n, 10) AS f FROM TAG:'x'", true, `{"n":4}`); got != `{"f":4.0}` {
		t.Error(got)
	}
}

func TestTooManyGroupsAreCounted(t *testing.T) {
	q := parsed(t, "SELECT COUNT(*) FROM TAG:'x' GROUP BY n")
	g, row := NewGroups(q, true), NewRow(q)
	for i := range maxGroups + 10 {
		row.Read("x", at, append(event.Value{0x81, 0xa1, 'n'}, event.AppendInt(nil, int64(i))...))
		g.Add(row)
	}
	if g.Len() != maxGroups || g.Overflow() != 10 {
		t.Error(g.Len(), g.Overflow())
	}
}

func TestLargeWholeNumbersAreGroupsOfTheirOwn(t *testing.T) {
	q := parsed(t, "SELECT n, COUNT(*) FROM TAG:'x' GROUP BY n")
	g, row := NewGroups(q, true), NewRow(q)
	for _, n := range []int64{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64} {
		row.Read("x", at, append(event.Value{0x81, 0xa1, 'n'}, event.AppendInt(nil, n)...))
		g.Add(row)
	}
	if len(g.order) != 2 {
		t.Error(len(g.order))
	}
}

func TestReadingARecordDoesNotAllocate(t *testing.T) {
	q := parsed(t, "SELECT who, COUNT(*), SUM(n) FROM TAG:'x' WHERE n > 5 AND who <> 'eve' AND t = 12 GROUP BY who")
	g, row, rec := NewGroups(q, true), NewRow(q), body(t, `{"n":8,"who":"bob","t":"12","more":{"x":[1,2,3]}}`)
	g.scratch = make([]byte, 0, 100)
	step := func() {
		if row.Read("x", at, rec) {
			g.Add(row)
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("CREATE STREAM s WITH (tag='x') AS SELECT a['b'] AS c, COUNT(*) FROM TAG:'x' WINDOW HOPPING (2 SECOND, ADVANCE BY 1 SECOND) WHERE NOT (a = 1.5 OR b IS NOT NULL) GROUP BY a['b'] LIMIT 3;", []byte{0x81, 0xa1, 'a', 1})
	f.Add(`SELECT * FROM STREAM:'x' WHERE @record.contains("q""r")`, []byte{0x80})
	f.Fuzz(func(t *testing.T, text string, rec []byte) {
		q, err := Parse(text)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Offset > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		v, _, err := event.CheckValue(rec)
		if err != nil || v.Type() != event.TypeMap {
			return
		}
		row, g := NewRow(q), NewGroups(q, true)
		if row.Read("t", at, v) && q.Aggregates() {
			g.Add(row)
		}
		check := func(out event.Value) {
			if _, rest, err := event.CheckValue(out); err != nil || len(rest) > 0 {
				t.Fatalf("%q: broken result: %v", text, err)
			}
		}
		if q.Aggregates() {
			g.Results(time.Unix(0, 0), check)
		} else if out, ok := row.AppendResult(nil, time.Unix(0, 0)); ok {
			check(out)
		}
	})
}

func BenchmarkWhere(b *testing.B) {
	q := parsed(b, "SELECT n FROM TAG:'x' WHERE n > 5 AND who <> 'eve'")
	row, rec := NewRow(q), body(b, `{"who":"bob","more":{"x":[1,2,3]},"msg":"a line of text that nobody looks at","n":8}`)
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		row.Read("x", at, rec)
	}
}
