package parsing

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestTypesReadNumbersAsCDoes(t *testing.T) {
	f := func(k kind, text, want string) {
		t.Helper()
		out, _ := appendCast(nil, k, []byte(text))
		if got := string(event.AppendJSON(nil, out, event.JSONStyle{})); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	f(kindInteger, "12", "12")
	f(kindInteger, " 8", "8")
	f(kindInteger, "-7x", "-7")
	f(kindInteger, "+7", "7")
	f(kindInteger, "x", "0")
	f(kindInteger, "", "0")
	f(kindInteger, "99999999999999999999", "9223372036854775807")
	f(kindInteger, "-99999999999999999999", "-9223372036854775808")
	f(kindInteger, "9223372036854775807", "9223372036854775807")
	f(kindInteger, "-9223372036854775808", "-9223372036854775808")
	f(kindHex, "ff", "255")
	f(kindHex, "0x10", "16")
	f(kindHex, "0xg", "0")
	f(kindHex, "zz", "0")
	f(kindHex, "7fffffffffffffff", "9223372036854775807")
	f(kindHex, "ffffffffffffffffff", "18446744073709551615")
	f(kindFloat, "1.5", "1.5")
	f(kindFloat, "1e3", "1000.0")
	f(kindFloat, ".5", "0.5")
	f(kindFloat, "-2.5ms", "-2.5")
	f(kindFloat, "5.", "5.0")
	f(kindFloat, "1e", "1.0")
	f(kindFloat, ".", "0.0")
	f(kindFloat, "abc", "0.0")
	f(kindFloat, "0x1f", "31.0")
	f(kindFloat, "-0X1g", "-1.0")
	f(kindFloat, "0xg", "0.0")
	f(kindFloat, "nan", `"NaN"`)
	f(kindFloat, "-inf", `"-Infinity"`)
	f(kindFloat, "1e999", `"Infinity"`)
	f(kindBool, "TRUE", "true")
	f(kindBool, "trueish", "true")
	f(kindBool, "false", "false")
	f(kindBool, "yes", `"yes"`)
	f(kindText, "12", `"12"`)
}

func TestEscapesAreUndone(t *testing.T) {
	f := func(undo func(dst, s []byte) []byte, in, want string) {
		t.Helper()
		if got := string(undo(nil, []byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f(appendEscaped, `a\tb\n\\n \"q\" \u00fc \`, "a\tb\n\\n \"q\" u00fc \\")
	f(appendEscaped, `\`, `\`)
	f(appendEscaped, ``, "")
	f(AppendUnescaped, `a\tb\n\\n \"q\" \' \/ \`, "a\tb\n\\n \"q\" ' / \\")
	f(AppendUnescaped, `\u00fc \x41 \101 \U0001F600 \ud83d\ude00`, "ü A A 😀 😀")
	f(AppendUnescaped, `\ud83d \ud83dx \ude00 \uD83D\n`, "\uFFFD \uFFFDx \uFFFD \uFFFD\n")
	f(AppendUnescaped, `\u \x \U \uzz \UFFFFFFFF`, "u x U uzz \uFFFD")
	f(AppendUnescaped, "raw \xff stays", "raw \xff stays")
	f(appendMySQL, `'it\'s\n'`, "it's\n")
	f(appendMySQL, `"\Z\0\%\\"`, "\x1a\x00\\%\\")
	f(appendMySQL, `plain \n`, `plain \n`)
	f(appendMySQL, `'`, `'`)
	f(appendMySQL, `'a"`, `'a"`)
}

func TestTheHeaderGrowsWithTheRecord(t *testing.T) {
	r := rules(t)
	for _, n := range []int{0, 1, 15, 16, 17, 300, math.MaxUint16, math.MaxUint16 + 1} {
		b := r.Begin([]byte("x"))
		for range n {
			b.AddTrue([]byte("k"))
		}
		out, _ := b.End()
		v, rest, err := event.CheckValue(out[1:])
		if err != nil || len(rest) != 0 || v.Len() != n || out[0] != 'x' {
			t.Fatalf("%d pairs: %v, %d left, %d found", n, err, len(rest), v.Len())
		}
	}
}

func rules(t testing.TB, lines ...string) *Rules {
	t.Helper()
	r, err := build(lines...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func build(lines ...string) (*Rules, error) {
	var s Settings
	var props []option.Property
	for i, line := range lines {
		key, val, _ := strings.Cut(line, " ")
		pos := option.Pos{File: "p.conf", Line: i + 1, Col: 5}
		props = append(props, option.Property{Key: strings.ToLower(key), Value: option.Value{Text: val, Pos: pos}, Pos: pos})
	}
	if err := option.Decode(append(s.Options("regex"), s.TypesOption()), props, option.Pos{File: "p.conf"}); err != nil {
		return nil, err
	}
	return s.New(plugin.Env{Properties: props})
}

func TestBadSettingsAreRefusedWhereTheyStand(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		_, err := build(lines...)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", lines, err, want)
		}
	}
	f("p.conf:1:5: unknown configuration property 'time_fromat'; did you mean 'time_format'?", "Time_Fromat %s")
	f("p.conf:1:5: time_format: '%Y.%f' has the unknown conversion %f; a fraction of a second is %L", "Time_Format %Y.%f")
	f("p.conf:1:5: time_offset: 'CET' is no offset from UTC; write +hhmm, -hh:mm or Z", "Time_Offset CET")
	f("p.conf:1:5: time_keep: 'maybe' is not a boolean (on, off, true, false, yes, no)", "Time_Keep maybe")
	f("p.conf:1:5: types: 'a:int' has the unknown type 'int'; there are integer, float, bool, hex and string", "Types a:int")
	f("p.conf:1:5: types: 'a' has 'a', which is not of the form key:type", "Types a")
	f("p.conf:1:5: decode_field_as: 'jsn log' has the unknown decoder 'jsn'; did you mean 'json'?", "Decode_Field_As jsn log")
	f("p.conf:1:5: decode_field: 'json' is not of the form: decoder field [try_next|do_next]", "Decode_Field json")
	f("p.conf:1:5: decode_field: 'json a next' has the unknown action 'next'; there are try_next and do_next", "Decode_Field json a next")
	f("p.conf:1:5: Time_Zone has no effect without Time_Format; add Time_Format, or leave Time_Zone out", "Time_Zone UTC")
	f("p.conf:2:5: Time_Zone and Time_Offset exclude each other; leave one of them out", "Time_Format %H", "Time_Zone UTC", "Time_Offset +0100")
	f("p.conf:2:5: Time_Zone and Time_System_Timezone exclude each other; leave one of them out", "Time_Format %H", "Time_Zone local", "Time_System_Timezone on")
	if _, err := build("Time_Format %H", "Time_Zone Mars/Base"); err == nil || !strings.Contains(err.Error(), "write a name such as Europe/Berlin") {
		t.Error(err)
	}
}

func TestTypesAreAListOfPairs(t *testing.T) {
	f := func(list string, want ...typed) {
		t.Helper()
		if got, err := parseTypes(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
	f("")
	f("a:integer  b:FLOAT", typed{"a", kindInteger}, typed{"b", kindFloat})
	f("a:integer,b:hex", typed{"a", kindInteger}, typed{"b", kindHex})
}

func TestZonesComeFromTheSettings(t *testing.T) {
	f := func(want int64, lines ...string) {
		t.Helper()
		r := rules(t, append(lines, "Time_Format %Y-%m-%d %H:%M:%S")...)
		b := r.Begin(nil)
		if taken, bad := b.Time([]byte("time"), []byte("2024-07-15 12:00:00")); !taken || bad {
			t.Fatal(taken, bad)
		}
		if _, at := b.End(); at.Sec != want {
			t.Errorf("%q: %d, want %d", lines, at.Sec, want)
		}
	}
	const noon = 1721044800
	f(noon)
	f(noon-2*3600, "Time_Offset +0200")
	f(noon-2*3600, "Time_Zone Europe/Berlin")
	f(noon, "Time_Zone UTC")
}

func FuzzDecoders(f *testing.F) {
	f.Add([]byte(`{"a":"\ud83d\ude00\101"}`))
	f.Add([]byte(`'it\'s \Z'`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, k := range []backend{backendJSON, backendEscaped, backendUTF8, backendMySQL} {
			out, isMap, ok := appendDecoded(nil, k, text)
			if !ok && len(out) > 0 {
				t.Fatalf("%s failed and left %d bytes", k, len(out))
			}
			if !isMap && len(out) > len(text)+len(text)/2+2 {
				t.Fatalf("%s grew %d bytes to %d", k, len(text), len(out))
			}
			if ok && isMap {
				if v, rest, err := event.CheckValue(out); err != nil || len(rest) > 0 || v.Type() != event.TypeMap {
					t.Fatalf("%s: %q is not one map", k, text)
				}
			}
		}
		for _, k := range kinds {
			out, _ := appendCast(nil, k, text)
			if _, rest, err := event.CheckValue(out); err != nil || len(rest) > 0 {
				t.Fatalf("cast %d of %q", k, text)
			}
		}
	})
}
