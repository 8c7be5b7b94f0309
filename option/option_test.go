package option

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// parses returns a check of one parser: want is the value as %v prints it, or "error".
func parses[T any](t *testing.T, parse func(string) (T, error)) func(input, want string) {
	return func(input, want string) {
		t.Helper()
		v, err := parse(input)
		got := fmt.Sprint(v)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q is %s, want %s", input, got, want)
		}
	}
}

func TestSizesAreDecimal(t *testing.T) {
	f := parses(t, ParseSize)
	f("512", "512")
	f(" 64 k ", "64000")
	f("1K", "1000")
	f("1.5M", "1500000")
	f("512KB", "512000")
	f("2gb", "2000000000")
	f("7b", "7")
	f("-1", "-1")
	f("False", "0")
	f("", "error")
	f("K", "error")
	f("1KiB", "error")
	f("1T", "error")
	f("1KK", "error")
	f("nan", "error")
	f("inf", "error")
	f("0x10", "error")
	f("9e18", "9000000000000000000")
	f("1e19", "error")
	f("-1e19", "error")
	f("10000000000G", "error")
}

func TestTimesAreSecondsOrHaveAUnit(t *testing.T) {
	f := parses(t, ParseDuration)
	f("5", "5s")
	f("0.2", "200ms")
	f("5s", "5s")
	f("5 S", "5s")
	f("10M", "10m0s")
	f("2h", "2h0m0s")
	f("1D", "24h0m0s")
	f("-1", "-1s")
	f("", "error")
	f("s", "error")
	f("100ms", "error")
	f("soon", "error")
	f("inf", "error")
	f("infinity", "error")
	f("1e300", "error")
	f("nan", "error")
}

func TestNumbersAreDecimal(t *testing.T) {
	i := parses(t, ParseInt)
	i("42", "42")
	i(" -7 ", "-7")
	i("1.5", "error")
	i("99999999999999999999", "error")
	i("0x10", "error")
	i("", "error")
	f := parses(t, ParseFloat)
	f("0.5", "0.5")
	f(" 1e3 ", "1000")
	f("-2", "-2")
	f("NaN", "error")
	f("inf", "error")
	f("0x1p4", "error")
	f("1_000", "error")
	f("1e999", "error")
	f("", "error")
}

func TestSwitchesKnowSixWords(t *testing.T) {
	f := parses(t, ParseBool)
	for _, s := range []string{"on", "True", " YES "} {
		f(s, "true")
	}
	for _, s := range []string{"off", "False", "no"} {
		f(s, "false")
	}
	for _, s := range []string{"1", "0", "enabled", "perhaps", ""} {
		f(s, "error")
	}
}

func TestWordsRespectQuotesAndKeepTheRest(t *testing.T) {
	f := func(input string, n int, want ...string) {
		t.Helper()
		got, err := ParseWords(input, n)
		if err != nil {
			got = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v; want %q", input, got, err, want)
		}
	}
	f(`key value`, 2, "key", "value")
	f(`  key   "two words"  `, 2, "key", "two words")
	f(`Name "a b"; c`, 1, "Name", `"a b"; c`)
	f("a\tb  c d ", 2, "a", "b", "c d")
	f(`"say \"hi\"" x`, 0, `say "hi"`, "x")
	f(`"open x`, 0, "open x")
	f(`"" x`, 0, "", "x")
	f("a b c", 0, "a", "b", "c")
	f("a", 2)
	f("  ", 0)
	f("", 1)
}

func TestListsComeFromCommasAndFromYAML(t *testing.T) {
	f := func(v Value, want ...string) {
		t.Helper()
		var got []string
		if err := Decode([]Option{CSV("list", &got).Default("x")}, []Property{{Key: "LIST", Value: v}}, Pos{}); err != nil {
			t.Error(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %q, want %q", v, got, want)
		}
	}
	f(Value{Text: "a, b ,,c"}, "a", "b", "c")
	f(Value{Kind: KindList, List: []Value{{Text: "a, b"}, {Text: "c", Kind: KindInt}}}, "a", "b", "c")

	var words []string
	v := Value{Kind: KindList, List: []Value{{Text: "a b"}, {Text: "c"}}}
	if err := Decode([]Option{Words("w", 2, &words)}, []Property{{Key: "w", Value: v}}, Pos{}); err != nil || !reflect.DeepEqual(words, []string{"a b", "c"}) {
		t.Errorf("%q, %v", words, err)
	}
	for _, bad := range []Value{{Kind: KindMap}, {Kind: KindList, List: []Value{{Kind: KindList}}}} {
		if err := Decode([]Option{CSV("list", new([]string))}, []Property{{Key: "list", Value: bad}}, Pos{}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// settings holds one variable per constructor.
type settings struct {
	text    string
	texts   []string
	number  int
	share   float64
	on      bool
	size    int64
	wait    time.Duration
	mode    string
	rules   []string
	rest    []Property
	headers [][]string
	nested  []Value
	every   time.Duration
	port    int
}

func (s *settings) options() []Option {
	opts := []Option{
		String("text", &s.text).Help("A text.").Alias("string").Required(),
		Strings("texts", &s.texts).Help("Texts."),
		Int("number", &s.number).Default("3"),
		Float("share", &s.share).Default("0.5").Help("A | share."),
		Switch("on", &s.on).Default("true").Help("A switch."),
		Size("size", &s.size).Default("2M"),
		Duration("wait", &s.wait).Default("10s"),
		Enum("mode", &s.mode, "Fast", "Slow").Default("fast").Help("How."),
		Var("password", "string", new(int), ParseInt).Secret().Help("A secret."),
		WordLists("header", 1, &s.headers).Help("Headers."),
		Nested("tree", "nested map", func(v Value) error { s.nested = append(s.nested, v); return nil }),
		Port("port", &s.port),
		Rest("label_", &s.rest).Help("Labels."),
	}
	opts = append(opts, Interval(&s.every, 5)...)
	return append(opts, Ordered("string", func(key string, v Value) error {
		s.rules = append(s.rules, strings.ToLower(key)+" "+v.Text)
		return nil
	}, "add", "remove")...)
}

func prop(key, text string) Property {
	return Property{Key: key, Value: Value{Text: text, Pos: Pos{"f", 1, 9}}, Pos: Pos{"f", 1, 1}}
}

func TestDecodingFillsTheBoundVariables(t *testing.T) {
	var s settings
	list := Value{Kind: KindList, List: []Value{{Text: "c"}, {Text: "d"}}}
	err := Decode(s.options(), []Property{
		prop("STRING", "x"), prop("texts", "a"), prop("texts", "b"), {Key: "texts", Value: list},
		prop("Add", "1"), prop("remove", "2"), prop("add", "3"), {Key: "add", Value: list},
		prop("mode", "SLOW"), prop("label_a", "b"), prop("header", "A b c"), prop("number", "1"), prop("number", "2"),
		{Key: "tree", Value: list}, prop("interval_sec", "1"), prop("interval_nsec", "500000000"), prop("port", "80"),
	}, Pos{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("text", s.text, "x")
	check("texts", s.texts, []string{"a", "b", "c", "d"})
	check("number", s.number, 2)
	check("share", s.share, 0.5)
	check("on", s.on, true)
	check("size", s.size, int64(2e6))
	check("wait", s.wait, 10*time.Second)
	check("mode", s.mode, "Slow")
	check("rules", s.rules, []string{"add 1", "remove 2", "add 3", "add c", "add d"})
	check("rest", s.rest[0].Key, "label_a")
	check("headers", s.headers, [][]string{{"A", "b c"}})
	check("nested", s.nested, []Value{list})
	check("every", s.every, 1500*time.Millisecond)
	check("port", s.port, 80)
}

func TestAllFaultsAreReportedWithPlaceAndCure(t *testing.T) {
	var s settings
	err := Decode(s.options(), []Property{
		prop("numbr", "1"), prop("number", "x"), prop("mode", "slwo"), prop("password", "hunter2"),
		{Key: "size", Value: Value{Kind: KindMap, Text: "{1 key}", Pos: Pos{"f", 2, 3}}}, prop("port", "0"),
	}, Pos{"f", 1, 1})
	want := `f:1:1: unknown configuration property 'numbr'; did you mean 'number'?
f:1:9: number: 'x' is not a whole number
f:1:9: mode: 'slwo' is none of 'Fast', 'Slow'; did you mean 'Slow'?
f:1:9: password: '…' is not a whole number
f:2:3: size: '{1 key}' takes one value, not a list or a map
f:1:9: port: '0' is not between 1 and 65535
f:1:1: the property 'text' is missing; set it: A text.`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestOptionsOfOneValueAreNotedWhenSetAgain(t *testing.T) {
	var s settings
	props := []Property{
		prop("number", "1"), prop("texts", "a"), prop("texts", "b"), prop("Number", "2"),
		{Key: "text", Value: Value{Kind: KindList, List: make([]Value, 2)}, Pos: Pos{"f", 3, 1}},
		{Key: "tree", Value: Value{Kind: KindList, List: make([]Value, 2)}}, prop("unknown", ""), prop("unknown", ""),
	}
	want := "f:1:1: 'number' is set again, after f:1:1; remove one of them\nf:3:1: 'text' takes one value, not 2; remove all but one"
	if err := CheckOnce(s.options(), props); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestUnknownPropertiesAreParted(t *testing.T) {
	var s settings
	known, faults := Known(s.options(), []Property{prop("Number", "1"), prop("numbr", "2"), prop("label_x", "3"), prop("tree", "4")})
	if len(known) != 3 || known[1].Key != "label_x" {
		t.Errorf("known are %+v", known)
	}
	if want := "f:1:1: unknown configuration property 'numbr'; did you mean 'number'?"; len(faults) != 1 || faults[0].Error() != want {
		t.Errorf("%v, want %s", faults, want)
	}
}

func TestNarrowedParsersNameTheirLimit(t *testing.T) {
	f := func(parse func(string) (int, error), input, want string) {
		t.Helper()
		_, err := parse(input)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%q: %s, want %s", input, got, want)
		}
	}
	f(Between(ParseInt, 1, 3), "1", "<nil>")
	f(Between(ParseInt, 1, 3), "4", "is not between 1 and 3")
	f(AtLeast(ParseInt, 1), "1", "<nil>")
	f(AtLeast(ParseInt, 1), "0", "is less than 1")
	f(Above(ParseInt, 0), "0", "is not more than 0")
	f(Above(ParseInt, 0), "x", "is not a whole number")
}

func TestSuggestionsAreNearAndNeverFar(t *testing.T) {
	f := func(word, want string) {
		t.Helper()
		if got := Suggest(word, []string{"flush", "grace", "log_level", "tag"}); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	f("flsuh", "did you mean 'flush'?")
	f("Loglevel", "did you mean 'log_level'?")
	f("tga", "did you mean 'tag'?")
	f("colour", "")
	f("", "")
	f(strings.Repeat("x", 1000), "")
}

func TestPositionsPrintWhatIsKnown(t *testing.T) {
	f := func(p Pos, want string) {
		t.Helper()
		if got := (&Error{Pos: p, Msg: "m"}).Error(); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
	f(Pos{"a.conf", 3, 7}, "a.conf:3:7: m")
	f(Pos{"a.conf", 3, 0}, "a.conf:3: m")
	f(Pos{File: "command line"}, "command line: m")
	f(Pos{}, "m")
	if e := (*Error)(nil); !errors.As(error(Errorf(Pos{}, "x %d", 1)), &e) || e.Msg != "x 1" {
		t.Error("Errorf makes no Error")
	}
}

func TestSecretsAreMasked(t *testing.T) {
	var s settings
	if got := Shown(s.options(), prop("PassWord", "hunter2")) + Shown(s.options(), prop("text", "t")) + Shown(nil, prop("x", "y")); got != "…ty" {
		t.Errorf("shown: %q", got)
	}
}

func TestASecretIsHiddenAsAWholeWhenAnotherIsItsBeginning(t *testing.T) {
	var one, two string
	opts := []Option{String("one", &one).Secret(), String("two", &two).Secret()}
	m := Masker(opts, []Property{{Key: "one", Value: Value{Text: "pass"}}, {Key: "two", Value: Value{Text: "pass1234"}}})
	if got := m.Replace("user:pass1234 and pass"); got != "user:… and …" {
		t.Error(got)
	}
}

func TestHelpListsEveryOption(t *testing.T) {
	var s settings
	var b strings.Builder
	if err := WriteHelp(&b, s.options()[:10]); err != nil {
		t.Fatal(err)
	}
	want := `text                A text. Also string.
                    > type: string, required
texts               Texts.
                    > type: string, may be repeated
number              > default: 3, type: integer
share               A | share.
                    > default: 0.5, type: double
on                  A switch.
                    > default: true, type: boolean
size                > default: 2M, type: size
wait                > default: 10s, type: time
mode                How. One of Fast, Slow.
                    > default: fast, type: string
password            A secret.
                    > type: string
header              Headers.
                    > type: space delimited strings (minimum 1), may be repeated
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestSchemaIsFluentBits(t *testing.T) {
	var s settings
	opts := s.options()
	got, err := json.Marshal(Schema([]Option{opts[0], opts[7], opts[10], opts[12], CSV("c", &s.texts)}))
	want := `[{"name":"text","description":"A text. Also string.","default":null,"type":"string"},` +
		`{"name":"mode","description":"How. One of Fast, Slow.","default":"fast","type":"string"},` +
		`{"name":"tree","description":"","default":null,"type":"variant"},` +
		`{"name":"label_","description":"Labels.","default":null,"type":"prefixed string"},` +
		`{"name":"c","description":"","default":null,"type":"multiple comma delimited strings"}]`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if empty, _ := json.Marshal(Schema(nil)); string(empty) != "[]" {
		t.Errorf("no options: %s", empty)
	}
}

func TestTableEscapesWhatMarkdownReads(t *testing.T) {
	var s settings
	opts := s.options()
	got := Markdown([]Option{opts[0], opts[3], opts[12], String("x", &s.text).Default("`|")})
	want := "| Key | Description | Default | Type |\n| :-- | :-- | :-- | :-- |\n" +
		"| `text` | A text. Also string. Required. |  | string |\n" +
		"| `share` | A \\| share. | `0.5` | double |\n" +
		"| `label_*` | Labels. |  | prefixed string |\n" +
		"| `x` |  | `` `\\| `` | string |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func FuzzParsers(f *testing.F) {
	for _, s := range []string{"", "1.5M", "10M", "on", "a, b", `"a \" b" c`, "1e308", "-0", "é"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if d, err := ParseDuration(s); err == nil {
			if x, err := ParseFloat(strings.TrimSpace(s)); err == nil && (x < 0) != (d < 0) && d != 0 {
				t.Errorf("%q: %v and %v", s, x, d)
			}
		}
		if x, err := ParseSize(s); err == nil {
			if y, err := ParseInt(s); err == nil && int64(y) != x && x < 1<<53 && x > -1<<53 {
				t.Errorf("%q: %d and %d", s, x, y)
			}
		}
		for _, item := range ParseCSV(s) {
			if item == "" || strings.Contains(item, ",") {
				t.Errorf("%q: item %q", s, item)
			}
		}
		n = n & 7
		if words, err := ParseWords(s, n); err == nil && (len(words) < n || n > 0 && len(words) > n+1) {
			t.Errorf("%q: %d words for %d", s, len(words), n)
		}
		var set settings
		err := Decode(set.options(), []Property{prop("text", s), prop(s, s), prop("header", s), prop("mode", s)}, Pos{})
		if err != nil && err.Error() == "" {
			t.Error("an empty error")
		}
	})
}

func TestListsThatMayBeRepeatedAddUp(t *testing.T) {
	var got []string
	at := func(text string) Value { return Value{Text: text} }
	opts := []Option{CSVs("p", &got)}
	props := []Property{{Key: "p", Value: at("a, b")}, {Key: "P", Value: Value{Kind: KindList, List: []Value{at("c"), at("d,e")}}}}
	if err := errors.Join(Decode(opts, props, Pos{}), CheckOnce(opts, props)); err != nil || !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Error(got, err)
	}
}

func TestMaskerHidesSecretsThatBeginAlikeOrAreQuoted(t *testing.T) {
	opts := []Option{String("token", new(string)).Secret(), String("key", new(string)).Secret()}
	props := []Property{{Key: "token", Value: Value{Text: "open"}}, {Key: "key", Value: Value{Text: `open"sesame\n`}}}
	f := func(text, want string) {
		t.Helper()
		if got := Masker(opts, props).Replace(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	f(`to open"sesame\n`, "to …")
	f("err="+strconv.Quote(`no open"sesame\n here`), `err="no … here"`)
	f("open the door", "… the door")
}

func TestConfiguredValuesReplaceTheDefaultOfAnOptionThatRepeats(t *testing.T) {
	f := func(want string, props ...Property) {
		t.Helper()
		var list []string
		opts := []Option{Strings("word", &list).Default("usual")}
		if err := Decode(opts, props, Pos{}); err != nil || strings.Join(list, " ") != want {
			t.Errorf("%q, %v, want %q", list, err, want)
		}
		if err := Decode(Declared(Declare(opts)), props, Pos{}); err != nil {
			t.Error(err)
		}
	}
	f("usual")
	f("a b", Property{Key: "word", Value: Value{Text: "a"}}, Property{Key: "WORD", Value: Value{Text: "b"}})
}

func TestMaskerHidesTheLinesOfASecret(t *testing.T) {
	opts := []Option{String("key", new(string)).Secret()}
	m := Masker(opts, []Property{{Key: "key", Value: Value{Text: "-----BEGIN-----\nMIIEvQIB\r\n-----END-----\n"}}})
	if got := m.Replace("read MIIEvQIB"); got != "read …" {
		t.Errorf("a line by itself: %s", got)
	}
	if got := m.Replace("read -----BEGIN-----\nMIIEvQIB\r\n-----END-----\n"); got != "read …" {
		t.Errorf("all of it: %q", got)
	}
}
