package event

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// allocated returns the bytes that f has allocated.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLyingLengthsAreRefusedWithoutMakingRoomForThem(t *testing.T) {
	lies := map[string]string{
		"array32": "\xdd\xff\xff\xff\xff", "map32": "\xdf\xff\xff\xff\xff", "map32 of half": "\xdf\x80\x00\x00\x00",
		"str32": "\xdb\xff\xff\xff\xff", "bin32": "\xc6\xff\xff\xff\xff", "ext32": "\xc9\xff\xff\xff\xff\x05",
		"array16": "\xdc\xff\xff", "map16": "\xde\xff\xff", "str16": "\xda\xff\xff", "ext16": "\xc8\xff\xff\x05", "fixarray": "\x9f",
	}
	const room = 64 << 10 // what runs beside this in a test allocates a little
	for name, lie := range lies {
		filler := strings.Repeat("\x00", 1000)
		record := []byte("\x92\x92\x01\x80\x81\xa1k" + lie + filler)
		if name == "fixarray" || name == "array16" || name == "map16" {
			record = record[:len(record)-len(filler)]
		}
		if n := allocated(func() {
			if _, _, err := CheckValue(record); !errors.Is(err, msgp.ErrShort) {
				t.Errorf("%s: CheckValue says %v", name, err)
			}
			b, err := Parse("t", bytes.Clone(record))
			if !errors.Is(err, msgp.ErrShort) || b.Len() != 0 {
				t.Errorf("%s: Parse leaves %d records, %v", name, b.Len(), err)
			}
			c, err := View(1, "t", Logs, record)
			if !errors.Is(err, msgp.ErrShort) || c.Len() != 0 {
				t.Errorf("%s: View leaves %d records, %v", name, c.Len(), err)
			}
			AppendJSON(nil, Value(lie+filler), JSONStyle{})
		}); n > room {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	const deep = 1 << 20
	for _, open := range []string{"[", `{"a":`, `[{"a":`, " [ "} {
		src := []byte(strings.Repeat(open, deep))
		if _, used, err := ParseJSON(nil, src); !errors.Is(err, errJSONDepth) || used > 1000 {
			t.Errorf("%s…: %v at %d", open, err, used)
		}
	}
	for _, open := range []string{"\x91", "\x81\xa1a", "\x81\x91", "\xdc\x00\x01", "\xdf\x00\x00\x00\x01\xc0"} {
		if _, _, err := CheckValue([]byte(strings.Repeat(open, deep) + "\xc0")); err == nil {
			t.Errorf("% x…: taken", open)
		}
	}
	src := strings.Repeat("[", maxJSONDepth) + strings.Repeat("]", maxJSONDepth)
	v, _, err := ParseJSON(nil, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if got := AppendJSON(nil, v, JSONStyle{}); string(got) != src {
		t.Errorf("%d levels became %s", maxJSONDepth, got)
	}
}

func TestTruncatedJSONAsksForMore(t *testing.T) {
	const src = `{"a":[1,-2.5e+3,true,false,null,{"b":"\u00e9\ud83d\ude00\n plain and long enough for the fast path"}],"c":"é"}`
	for n := range len(src) {
		if out, _, err := ParseJSON([]byte("x"), []byte(src[:n])); !errors.Is(err, ErrShortJSON) || string(out) != "x" {
			t.Errorf("%s: %v", src[:n], err)
		}
	}
}

func TestTruncatedUTF8IsKeptAndWrittenAsValidJSON(t *testing.T) {
	const text = "a é € 😀"
	for n := range len(text) + 1 {
		v, _, err := ParseJSON(nil, []byte(`["`+text[:n]+`","x`+text[n:]+`"]`))
		if err != nil {
			t.Fatal(err)
		}
		texts := Value(v)
		if string(texts.Index(0).Str()) != text[:n] || string(texts.Index(1).Str()) != "x"+text[n:] {
			t.Errorf("cut at %d: %q, %q", n, texts.Index(0).Str(), texts.Index(1).Str())
		}
		for _, s := range []JSONStyle{{}, {RawUTF8: true}} {
			out := AppendJSON(nil, v, s)
			if _, used, err := ParseJSON(nil, out); err != nil || used != len(out) || !utf8.Valid(out) {
				t.Errorf("cut at %d: %q, %v", n, out, err)
			}
		}
	}
}

// hugeValue is less under the race detector, which takes its time.
var hugeValue = 100 << 20

func TestHugeValuesPass(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a gigabyte")
	}
	size := hugeValue
	for _, unit := range []string{"\\u00e9", "é"} {
		src := make([]byte, 0, size+64)
		src = append(src, `{"k":"`...)
		for len(src) < size {
			src = append(src, unit...)
		}
		src = append(src, `"}`...)
		body, used, err := ParseJSON(nil, src)
		if err != nil || used != len(src) {
			t.Fatalf("%s…: used %d, %v", unit, used, err)
		}
		b := New("t")
		b.Append(Time{Sec: 1}, nil, body)
		if _, err := View(1, "t", Logs, b.Bytes()); err != nil || b.Len() != 1 {
			t.Errorf("%s…: %d records, %v", unit, b.Len(), err)
		}
		out := AppendJSON(nil, body, JSONStyle{RawUTF8: unit == "é"})
		if !bytes.Equal(out, src) {
			t.Errorf("%s…: does not come back", unit)
		}
	}
	src := []byte("[" + strings.Repeat("1,", size/20) + "1]")
	v, _, err := ParseJSON(nil, src)
	if err != nil || Value(v).Len() != size/20+1 {
		t.Errorf("%d numbers, %v", Value(v).Len(), err)
	}
	src = append([]byte("0."), bytes.Repeat([]byte("9"), size/10)...)
	if v, used, err := ParseJSON(nil, src); err != nil || used != len(src) || Value(v).Type() != TypeFloat64 {
		t.Errorf("a huge number: %v, used %d", err, used)
	}
	if _, used, err := ParseJSON(nil, src[2:]); !errors.Is(err, errJSONRange) || used != 0 {
		t.Errorf("a number that is too large: %v, used %d", err, used)
	}
}
