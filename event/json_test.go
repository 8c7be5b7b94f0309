package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// fromJSON is a value written as JSON in a test.
func fromJSON(t testing.TB, text string) Value {
	t.Helper()
	v, used, err := ParseJSON(nil, []byte(text))
	if err != nil || used != len(text) {
		t.Fatalf("ParseJSON(%s): used %d, %v", text, used, err)
	}
	return v
}

func TestJSONIsWrittenAsFluentBitDoes(t *testing.T) {
	check := func(in, want string) {
		t.Helper()
		if got := AppendJSON(nil, fromJSON(t, in), JSONStyle{}); string(got) != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
	same := func(in string) { t.Helper(); check(in, in) }
	same(`{"n":[0,-1,255,256,65536,4294967295,4294967296]}`)
	same(`{"n":[9223372036854775807,-9223372036854775808,9007199254740993]}`)
	same(`{"u":18446744073709551615}`)
	check(`{"f":[0.1,2.50,1.0,-0.5,3.14159265358979,100.0]}`, `{"f":[0.1,2.5,1.0,-0.5,3.14159265358979,100.0]}`)
	check(`{"e":[1e3,1E-7,1.5e300,1e20]}`, `{"e":[1000.0,1e-07,1.5e+300,1e+20]}`)
	same(`{"z":[-0.0,0.0]}`)
	same(`[1700000000.984375,12.0,4102444800.5,1234567890123456.0,9.95,0.0001,1e-05]`)
	check(`[18446744073709551616,123456789012345680000.0,9223372036854775808.5]`, `[1.8446744073709552e+19,1.2345678901234568e+20,9.223372036854776e+18]`)
	check(`[1e18,-1e18]`, `[1000000000000000000.0,-1000000000000000000.0]`)
	check(`[-9223372036854775809,-0]`, `[-9223372036854775808.0,0]`)

	check(`{"s":"tab\there \"q\" back\\slash a\/b \b\f\n\r"}`, `{"s":"tab\there \"q\" back\\slash a/b \b\f\n\r"}`)
	same(`{"s":"\u0001\u001f\u007f"}`)
	check(`{"s":"é ü ß € 日本 😀"}`, `{"s":"\u00e9 \u00fc \u00df \u20ac \u65e5\u672c \ud83d\ude00"}`)
	same(`{"s":"\u00e9 \u20ac \ud83d\ude00"}`)
	check(`{"ключ":1}`, `{"\u043a\u043b\u044e\u0447":1}`)
	check("{\"s\":\"<&>' \u2028\"}", `{"s":"<&>' \u2028"}`)

	same(`{}`)
	same(`[[],{},"",null,true,false]`)
	same(`{"":"empty key"}`)
	check(`{"a":1,"b":2,"a":3}`, `{"b":2,"a":3}`)
	check(`{"a":1,"a":2,"a":3}`, `{"a":3}`)
	check(`{"in":{"x":1,"x":2}}`, `{"in":{"x":2}}`)
	check(" \t\r\n{ \"a\" : [ 1 , 2 ] }", `{"a":[1,2]}`)
	same(strings.Repeat(`{"d":`, 20) + "1" + strings.Repeat("}", 20))
}

func TestFloatsReadBackAndAreAsShortAsCanBe(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200000 {
		f := math.Float64frombits(rnd.Uint64())
		switch rnd.IntN(4) {
		case 0:
			f = float64(rnd.IntN(2e9)-1e9) / powersOfTen[rnd.IntN(9)]
		case 1:
			f = math.Nextafter(float64(rnd.IntN(1e6))/powersOfTen[rnd.IntN(7)], rnd.Float64()*1e6)
		case 2:
			f = rnd.NormFloat64()
		}
		got := string(AppendJSONFloat(nil, f, JSONStyle{}))
		if math.IsNaN(f) || math.IsInf(f, 0) || f == math.Trunc(f) {
			continue
		}
		format := byte('f')
		if a := math.Abs(f); a < 1e-4 || a >= 1<<63 {
			format = 'e'
		}
		if want := strconv.FormatFloat(f, format, -1, 64); got != want {
			t.Fatalf("%b: got %s, want %s", f, got, want)
		}
	}
}

func TestRawStyleKeepsCharacters(t *testing.T) {
	v := AppendStr(nil, "é ü € 日本 😀 \"q\" \\ / \u2028 \x7f \xff\xc3")
	want := `"é ü € 日本 😀 \"q\" \\ / ` + "\u2028" + ` \u007f ` + "\ufffd\ufffd\""
	if got := AppendJSON(nil, v, JSONStyle{RawUTF8: true}); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestInvalidBytesBecomePrivateCharacters(t *testing.T) {
	check := func(in, want string) {
		t.Helper()
		if got := AppendJSON(nil, AppendStr(nil, in), JSONStyle{}); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	check("bad \xff\xfe byte", "\"bad \ue0ff\ue0fe byte\"")
	check("cut \xe2\x82 here", "\"cut \ue0e2\ue082 here\"")
	check("latin \xe9t\xe9", "\"latin \ue0e9t\"") // what begins a character is left out
	check("ends \xe2\x82", "\"ends \ue082\"")     // where the text is too short for it
	check("\xff, \xfe, \xfd, \xf8, \xf0", "\"\ue0ff, \ue0fe, \ue0fd, , \"")
	check("\x82\xc3", "\"\ue082\"")
	check("surrogate \xed\xa0\x80 here", "\"surrogate \ue0ed\ue0a0\ue080 here\"")
}

func TestWhatJSONLacksStaysValid(t *testing.T) {
	check := func(v Value, s JSONStyle, want string) {
		t.Helper()
		got := AppendJSON(nil, v, s)
		if string(got) != want {
			t.Errorf("% x: got %s, want %s", []byte(v), got, want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
	check(nil, JSONStyle{}, `null`)
	check(AppendBin(nil, "a\"\x00"), JSONStyle{}, `"a\"\u0000"`)
	check(msgp.AppendExt(nil, 5, []byte{1, 0xfe}), JSONStyle{}, `"\\x01\\xfe"`)
	check(AppendFloat(nil, math.NaN()), JSONStyle{}, `"NaN"`)
	check(AppendFloat(nil, math.Inf(1)), JSONStyle{}, `"Infinity"`)
	check(AppendFloat(nil, math.Inf(-1)), JSONStyle{}, `"-Infinity"`)
	check(AppendFloat(nil, math.Inf(-1)), JSONStyle{NaNAsNull: true}, `null`)
	check(msgp.AppendFloat32(nil, 0.1), JSONStyle{}, `0.1`)
	check(msgp.AppendFloat32(nil, 16777216), JSONStyle{}, `16777216.0`)
	odd := AppendMap(nil, 6)
	odd = append(AppendInt(odd, -1), 1)
	odd = append(AppendNil(odd), 2)
	odd = append(AppendBool(odd, true), 3)
	odd = append(append(odd, fromJSON(t, `["x"]`)...), 4)
	odd = append(AppendBin(odd, "bin"), 5)
	odd = append(AppendFloat(odd, math.NaN()), 6)
	check(odd, JSONStyle{}, `{"-1":1,"null":2,"true":3,"[\"x\"]":4,"bin":5,"NaN":6}`)
}

func TestLargeMapsPrintTheLastPairOfAKey(t *testing.T) {
	for _, n := range []int{20, 127, 128, 129, 5000} {
		var in, want strings.Builder
		in.WriteByte('{')
		want.WriteByte('{')
		for i := range n {
			key := `"key-` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "-" + strings.Repeat("y", i/26%9) + `":`
			key = strings.Replace(key, "-", "-"+string(rune('0'+i%10))+string(rune('0'+i/10%10))+string(rune('0'+i/100%10))+string(rune('0'+i/1000)), 1)
			in.WriteString(key + "1,")
			want.WriteString(key + "1,")
		}
		in.WriteString(`"z":0,"dup":1,"z":2}`)
		want.WriteString(`"dup":1,"z":2}`)
		if got := AppendJSON(nil, fromJSON(t, in.String()), JSONStyle{}); string(got) != want.String() {
			t.Errorf("%d keys: got %.200s…", n, got)
		}
	}
}

func TestKeysThatComeTwiceAtEachLevelDoNotDoubleTheTime(t *testing.T) {
	const depth = 100
	v := fromJSON(t, strings.Repeat(`{"b":`, depth)+"1"+strings.Repeat(`,"a":1,"a":2}`, depth))
	want := strings.Repeat(`{"b":`, depth) + "1" + strings.Repeat(`,"a":2}`, depth)
	if got := string(AppendJSON([]byte("x"), v, JSONStyle{})); got != "x"+want {
		t.Errorf("got %s", got)
	}
}

// TestKeysWhoseBitsMeetAreNotSearchedForWithoutEnd has keys that differ in their middles only, and a nested map
// that each search among them has to pass.
func TestKeysWhoseBitsMeetAreNotSearchedForWithoutEnd(t *testing.T) {
	v := AppendInt(nil, 1)
	want := "1"
	for range 20 {
		inner := v
		v = AppendMap(nil, manyKeys)
		var text strings.Builder
		for i := range manyKeys {
			key := fmt.Sprintf("beginning-%03d-end-of-it", i)
			v = AppendStr(v, key)
			if i == 0 {
				v = append(v, inner...)
				fmt.Fprintf(&text, `{"%s":%s`, key, want)
				continue
			}
			v = AppendInt(v, int64(i))
			fmt.Fprintf(&text, `,"%s":%d`, key, i)
		}
		want = text.String() + "}"
	}
	if got := string(AppendJSON(nil, v, JSONStyle{})); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	keys := keySearch{left: searchable * len(v)}
	_, _ = appendJSON(nil, v, JSONStyle{keys: &keys})
	if !keys.over || -keys.left > len(v) {
		t.Errorf("%d bytes were searched although %d was the limit", searchable*len(v)-keys.left, searchable*len(v))
	}
}

func TestKeysThatAreMapsDoNotDoubleTheLength(t *testing.T) {
	const depth = 100
	v := append(bytes.Repeat([]byte{0x81}, depth), bytes.Repeat([]byte{1}, depth+1)...) // {{{…1:1…}:1}:1}
	for _, v := range [][]byte{v, v[:depth]} {
		got := AppendJSON(nil, v, JSONStyle{})
		if !json.Valid(got) || len(got) > 10*len(v) {
			t.Errorf("%d bytes became %d: %s", len(v), len(got), got)
		}
	}
}

func TestJSONIsParsed(t *testing.T) {
	check := func(in string, want []byte, used int) {
		t.Helper()
		out, n, err := ParseJSON([]byte("dst"), []byte(in))
		if err != nil || n != used || !bytes.Equal(out, append([]byte("dst"), want...)) {
			t.Errorf("%.60q: got % .40x, used %d, %v; want % .40x, used %d", in, out, n, err, want, used)
		}
	}
	check(`1`, []byte{1}, 1)
	check(` -1 `, []byte{0xff}, 3)
	check(`nullx`, []byte{0xc0}, 4)
	check(`{"a":1}{"b":2}`, []byte{0x81, 0xa1, 'a', 1}, 7)
	check(`"\u00e9\ud83d\ude00\n"`, AppendStr(nil, "é😀\n"), 22)
	check(`"\ud83d"`, AppendStr(nil, "\ufffd"), 8)
	check(`"\ud83dx"`, AppendStr(nil, "\ufffdx"), 9)
	check(`"\ud83d\n"`, AppendStr(nil, "\ufffd\n"), 10)
	check(`"\ud83d\u0041"`, AppendStr(nil, "\ufffdA"), 14)
	check(`"\ude00\ud83d\ude00"`, AppendStr(nil, "\ufffd😀"), 20)
	check("\"raw\ttab \xff\"", AppendStr(nil, "raw\ttab \xff"), 11)
	check(`0.1`, AppendFloat(nil, 0.1), 3)
	check(`-12345678901234567890`, AppendFloat(nil, -12345678901234567890), 21)
	check(`9.007199254740993`, AppendFloat(nil, 9.007199254740993), 17)
	check(`0.00000000000000000000000000000000000001`, AppendFloat(nil, 1e-38), 40)
	for _, n := range []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 70000} {
		text := strings.Repeat("x", n)
		check(`"`+text+`"`, AppendStr(nil, text), n+2)
		check(`"`+text+`\n"`, AppendStr(nil, text+"\n"), n+4)
		array := AppendArray(nil, n+1)
		array = append(array, bytes.Repeat([]byte{7}, n+1)...)
		check(`[7`+strings.Repeat(",7", n)+`]`, array, 2*n+3)
	}
}

func TestFaultyJSONIsToldFromUnfinished(t *testing.T) {
	check := func(in string, want error, used int) {
		t.Helper()
		out, n, err := ParseJSON([]byte("dst"), []byte(in))
		if err != want || string(out) != "dst" {
			t.Errorf("%.60q: got %q, %v; want %v", in, out, err, want)
		}
		if err != ErrShortJSON && n != used {
			t.Errorf("%.60q: fault at %d, want %d", in, n, used)
		}
	}
	whole := `{"a":[1,-2.5e+3,"\ud83d\ude00",true,false,null,{}],"b":"c"}`
	for i := range whole {
		check(whole[:i], ErrShortJSON, 0)
	}
	check("-", ErrShortJSON, 0)
	check("1.", ErrShortJSON, 0)
	check("1e", ErrShortJSON, 0)
	check("1e+", ErrShortJSON, 0)
	check(`plain text`, errJSONValue, 0)
	check(`[tru,`, errJSONWord, 1)
	check(`nul`, ErrShortJSON, 0)
	check(`nux`, errJSONWord, 0)
	check(`01`, errJSONNumber, 0)
	check(`-a`, errJSONNumber, 0)
	check(`1.x`, errJSONNumber, 0)
	check(`1ex`, errJSONNumber, 0)
	check(`+1`, errJSONValue, 0)
	check(`"\x"`, errJSONEscape, 1)
	check(`"\u12g4"`, errJSONEscape, 1)
	check(`{"a" 1}`, errJSONColon, 5)
	check(`{a:1}`, errJSONKey, 1)
	check(`{"a":1,}`, errJSONKey, 7)
	check(`{"a":1]`, errJSONMap, 6)
	check(`[1 2]`, errJSONArray, 3)
	check(`[1,]`, errJSONValue, 3)
	check(strings.Repeat("[", 1000), errJSONDepth, maxJSONDepth)
	check(strings.Repeat(`{"a":`, 1000), errJSONDepth, 5*maxJSONDepth)
}

func TestNestingUpToTheLimitIsAnEvent(t *testing.T) {
	deep := strings.Repeat("[", maxJSONDepth-1) + strings.Repeat("]", maxJSONDepth-1)
	body := fromJSON(t, `{"d":`+deep+`}`)
	b := New("t")
	b.Append(Time{Sec: 1}, nil, body)
	if _, err := Parse("t", bytes.Clone(b.Bytes())); err != nil {
		t.Fatal(err)
	}
}

const sampleLine = `{"time":"2023-11-14T22:13:20.337183Z","level":"info","msg":"request served in \"fast\" path","status":200,"took":0.013271,` +
	`"method":"GET","path":"/api/v1/items/4711?page=2","remote":"192.0.2.17","agent":"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101","bytes":48213,` +
	`"kubernetes":{"pod_name":"shop-7d9c5b8f6d-x2x9k","namespace_name":"default","labels":{"app":"shop","tier":"web"}},"ok":true,"tags":["a","b"]}`

func TestJSONNeedsNoAllocation(t *testing.T) {
	body := fromJSON(t, sampleLine)
	buf := make([]byte, 0, 4096)
	check := func(name string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times per record", name, n)
		}
	}
	odd := fromJSON(t, `{"é":"日本 😀","f":[1.5,1e300,123456789012345678901],"i":-5}`)
	check("AppendJSON", func() { buf = AppendJSON(buf[:0], body, JSONStyle{}) })
	check("AppendJSON of odd values", func() { buf = AppendJSON(buf[:0], odd, JSONStyle{}) })
	line, bad, short := []byte(sampleLine), []byte("2023-11-14 plain text"), []byte(sampleLine[:300])
	check("ParseJSON", func() { buf, _, _ = ParseJSON(buf[:0], line) })
	floats := []byte(`{"f":[0.1234567890123456789,1e-300,-1.7976931348623157e308,18446744073709551616],"s":"\u00e9\ud83d\ude00\n"}`)
	check("ParseJSON of odd values", func() { buf, _, _ = ParseJSON(buf[:0], floats) })
	invalid := "bad \xff\xfe and cut \xe2\x82 short \xe9"
	check("AppendJSON of invalid text", func() { buf = AppendJSONString(buf[:0], invalid, JSONStyle{}) })
	check("ParseJSON of plain text", func() { buf, _, _ = ParseJSON(buf[:0], bad) })
	check("ParseJSON of half a record", func() { buf, _, _ = ParseJSON(buf[:0], short) })
}

func BenchmarkAppendJSON(b *testing.B) {
	body := fromJSON(b, sampleLine)
	var buf []byte
	b.SetBytes(int64(len(sampleLine)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], body, JSONStyle{})
	}
}

func BenchmarkParseJSON(b *testing.B) {
	line := []byte(sampleLine)
	var buf []byte
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		buf, _, _ = ParseJSON(buf[:0], line)
	}
}

func BenchmarkStandardUnmarshal(b *testing.B) {
	line := []byte(sampleLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			b.Fatal(err)
		}
	}
}
