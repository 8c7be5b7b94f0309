package type_converter

import (
	"context"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

func run(t *testing.T, conf, in, want string) {
	t.Helper()
	got := filtertest.Run(t, Plugin, filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
	}
}

func TestRulesForTextsRunFirst(t *testing.T) {
	run(t, "Int_key i i_str string\nStr_key s s_int int\nStr_key s s_float float\nFloat_key f f_str string\nFloat_key f f_int int\nUint_key u u_str string\nStr_key x x_int int",
		`{"i":-5,"s":"42","f":3.75,"u":7}`+"\n"+`{"s":"4.5e1","x":"word","i":"str"}`+"\n"+`{"y":1}`,
		`{"i":-5,"s":"42","f":3.75,"u":7,"s_int":42,"s_float":42.0,"i_str":"-5","u_str":"7","f_str":"3.75","f_int":3}`+"\n"+
			`{"s":"4.5e1","x":"word","i":"str","s_int":4,"s_float":45.0,"x_int":"word","i_str":"str"}`+"\n"+`{"y":1}`)
}

func TestANewKeyReplacesAnOldOne(t *testing.T) {
	run(t, "str_key a a int", `{"a":"1","b":2}`, `{"b":2,"a":1}`)
	run(t, "str_key $m['a'] b int", `{"b":0,"m":{"a":"7"}}`, `{"m":{"a":"7"},"b":7}`)
}

func TestValuesAreConverted(t *testing.T) {
	f := func(key, value, typ, want string) {
		t.Helper()
		run(t, "str_key s i int\n"+key+" v w "+typ, `{"v":`+value+`,"s":"1"}`, `{"v":`+value+`,"s":"1","i":1,"w":`+want+`}`)
	}
	f("str_key", `" -12ab"`, "int", "-12")
	f("str_key", `"9223372036854775808"`, "int", `"9223372036854775808"`)
	f("str_key", `"18446744073709551615"`, "uint", "18446744073709551615")
	f("str_key", `"+5"`, "uint", "5")
	f("str_key", `"-5"`, "uint", `"-5"`)
	f("str_key", `""`, "INT", `""`)
	f("str_key", `"0x1F"`, "hex", "31")
	f("str_key", `"ff "`, "hex", "255")
	f("str_key", `"xyz"`, "hex", `"xyz"`)
	f("str_key", `"-.5e-1x"`, "float", "-0.05")
	f("str_key", `"1e"`, "float", "1.0")
	f("str_key", `"1e 5"`, "float", "1.0")
	f("str_key", `"word"`, "float", "0.0")
	f("str_key", `"-Infinity"`, "float", `"-Infinity"`)
	f("str_key", `"nan"`, "float", `"nan"`)
	f("str_key", `"1e999"`, "float", `"1e999"`)
	f("str_key", `"True"`, "bool", "true")
	f("str_key", `"false"`, "bool", "false")
	f("str_key", `"yes"`, "bool", `"yes"`)
	f("str_key", `"a"`, "string", `"a"`)
	f("int_key", `-7`, "float", "-7.0")
	f("int_key", `-7`, "uint", "-7")
	f("int_key", `0`, "bool", "false")
	f("int_key", `2.5`, "string", "2.5")
	f("uint_key", `18446744073709551615`, "string", `"18446744073709551615"`)
	f("uint_key", `18446744073709551615`, "int", `18446744073709551615`)
	f("uint_key", `-1`, "string", "-1")
	f("float_key", `1700000000.25`, "string", `"1700000000.25"`)
	f("float_key", `45.0`, "string", `"45.0"`)
	f("float_key", `1e-05`, "string", `"1e-05"`)
	f("float_key", `1e+300`, "string", `"1e+300"`)
	f("float_key", `-3.9`, "int", "-3")
	f("float_key", `-3.9`, "uint", "-3.9")
	f("float_key", `1e+30`, "int", "1e+30")
	f("float_key", `0.5`, "bool", "true")
}

func TestABatchWithNothingToConvertStays(t *testing.T) {
	const in = `{"v":true}` + "\n" + `{"v":{"a":1}}` + "\n" + `{"v":"word"}` + "\n" + `{"v":7}`
	run(t, "str_key v w int\nstr_key v x string\nint_key v y int", in, in)
	run(t, "str_key v w int", in+"\n"+`{"v":"7"}`, `{"v":true,"w":true}`+"\n"+`{"v":{"a":1},"w":{"a":1}}`+"\n"+`{"v":"word","w":"word"}`+"\n"+`{"v":7,"w":7}`+"\n"+`{"v":"7","w":7}`)
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("str_key a b", "test.conf:1:9: str_key: 'a b' is not SRC DST TYPE; put double quotes")
	f("str_key a b int c", "is not SRC DST TYPE")
	f("int_key a b number", "unknown type 'number'; use one of int, uint, float, string, hex, bool")
	f("int_key $a[ b int", "brackets hold")
	_, err := filtertest.Build(Plugin, nil)
	if err == nil || !strings.Contains(err.Error(), "has no rule") {
		t.Error(err)
	}
}

func TestRecordsCostNoAllocation(t *testing.T) {
	for _, line := range []string{`{"a":1}`, `{"s":"4.5e1","f":2.5}`} {
		props := filtertest.Properties("str_key s s_int int", "str_key s s_float float", "float_key f f_str string")
		if n := filtertest.Allocs(t, Plugin, props, line); n > 0.1 {
			t.Errorf("%s: %v allocations per record", line, n)
		}
	}
}

func FuzzConvertText(f *testing.F) {
	for _, s := range []string{"", "-12", "4.5e1", "0x1f", "true", "1e", ".", "-", " 7"} {
		f.Add(s)
	}
	filter, err := filtertest.Build(Plugin, filtertest.Properties("str_key s i int", "str_key s u uint", "str_key s f float", "str_key s h hex", "str_key s b bool"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) { checkText(t, filter, s) })
}

// checkText converts a text and looks whether the record is still whole.
func checkText(t *testing.T, filter plugin.Filter, s string) {
	b := event.New("t")
	b.Append(event.Time{Sec: 1}, nil, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "s"), s))
	if err := filter.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	again, err := event.Parse("t", b.Bytes())
	if err != nil || again.Len() != 1 {
		t.Fatalf("%q: %v", s, err)
	}
	for r := range again.Records() {
		if n := len(r.Fields()); n != 6 && n != 1 { // nothing of "nan" is converted
			t.Errorf("%q became %d keys", s, n)
		}
	}
}
