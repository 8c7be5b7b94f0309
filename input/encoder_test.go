package input

import (
	"encoding/hex"
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestEachTypeHasItsEncoding(t *testing.T) {
	f := func(val any, want string) {
		t.Helper()
		got, err := NewEncoder().Encode(val)
		if err != nil {
			t.Errorf("%T %v: %v", val, val, err)
			return
		}
		if want = strings.ReplaceAll(want, " ", ""); hex.EncodeToString(got) != want {
			t.Errorf("%T %v: got %x, want %s", val, val, got, want)
		}
	}
	type text string
	type number int8
	one, sec := 1, FLBTime{time.Unix(2, 3)}
	f(nil, "c0")
	f(true, "c3")
	f(0, "00")
	f(127, "7f")
	f(128, "cc80")
	f(-1, "ff")
	f(-33, "d0df")
	f(int8(-128), "d080")
	f(int64(math.MinInt64), "d38000000000000000")
	f(int32(70000), "ce00011170")
	f(uint8(200), "ccc8")
	f(uint64(math.MaxUint64), "cfffffffffffffffff")
	f(float32(1.5), "ca3fc00000")
	f(1.5, "cb3ff8000000000000")
	f("abc", "a3616263")
	f(text("abc"), "a3616263")
	f(number(-2), "fe")
	f([]byte("abc"), "c403616263")
	f([]byte(nil), "c0")
	f([3]byte{97, 98, 99}, "c403616263")
	f([]string{"a", "b"}, "92 a161 a162")
	f([]string(nil), "c0")
	f([2]int{1, 2}, "92 01 02")
	f([]any{1, "a", nil}, "93 01 a161 c0")
	f(map[string]any{"b": 1, "a": []any{}}, "82 a161 90 a162 01")
	f(map[string]string{"b": "x", "a": "y"}, "82 a161 a179 a162 a178")
	f(map[string]any(nil), "c0")
	f(map[any]any{"a": 1, 2: "b"}, "82 02 a162 a161 01")
	f(map[int]bool{2: true, 1: false}, "82 01 c2 02 c3")
	f(&one, "01")
	f((*int)(nil), "c0")
	f(sec, "d700 00000002 00000003")
	f(&sec, "d700 00000002 00000003")
	f([]FLBTime{sec}, "91 d700 00000002 00000003")
	f(time.Unix(2, 0), "d6ff 00000002")
	f(time.Unix(2, 3), "d7ff 0000000c00000002")
	f(time.Unix(-1, 3), "c70cff 00000003 ffffffffffffffff")
	f(time.Unix(1<<33, 0), "d7ff 0000000200000000")
	f(time.Unix(1<<34, 0), "c70cff 00000000 0000000400000000")
	later := time.Unix(2, 0)
	f(&later, "d6ff 00000002")
	f(&url.URL{Scheme: "s", Opaque: "o"}, "c403 733a6f")
	f([]any{sec, map[string]string{"message": "dummy"}}, "92 d700 00000002 00000003 81 a7 6d657373616765 a5 64756d6d79")
}

func TestStructsAreMaps(t *testing.T) {
	type Inner struct{ A int }
	type Named struct {
		B int `json:"b"`
	}
	type record struct {
		Inner
		*Named  `codec:"named"`
		Message string         `codec:"msg" json:"ignored"`
		Level   string         `json:"level,omitempty"`
		Labels  map[string]any `json:",omitempty"`
		Secret  string         `codec:"-"`
		private string
		When    FLBTime
		Any     any
	}
	got, err := NewEncoder().Encode(record{Message: "hi", Secret: "s", private: "p", When: FLBTime{time.Unix(2, 3)}, Any: &Inner{7}})
	want := "\x85" + "\xa1A\x00" + "\xa5named\xc0" + "\xa3msg\xa2hi" +
		"\xa4When\xd7\x00\x00\x00\x00\x02\x00\x00\x00\x03" + "\xa3Any\x81\xa1A\x07"
	if err != nil || string(got) != want {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
	type outer struct{ *Inner }
	if got, err := NewEncoder().Encode(outer{}); err != nil || string(got) != "\x80" {
		t.Errorf("an embedded nil pointer: %q %v", got, err)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) MarshalBinary() ([]byte, error) { return nil, errBroken }

func TestWhatHasNoFormIsAnError(t *testing.T) {
	f := func(val any, want string) {
		t.Helper()
		if got, err := NewEncoder().Encode(val); err == nil || got != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: got %x, %v", val, got, err)
		}
	}
	loop := map[string]any{}
	loop["a"], loop["b"] = loop, loop
	list := []any{nil}
	list[0] = list
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	f(loop, "deeper than 128")
	f(list, "deeper than 128")
	f(ring, "deeper than 128")
	f(make(chan int), "chan int")
	f(map[string]any{"f": func() {}}, "func()")
	f([]complex128{1}, "complex128")
	f(map[any]any{1: complex(1, 1)}, "complex128")
	f(struct{ B broken }{}, "broken")
}

func TestTimeExtension(t *testing.T) {
	var got FLBTime
	f := FLBTime{time.Unix(2, 3)}
	got.ReadExt(&got, f.WriteExt(&f))
	if !got.Equal(f.Time) {
		t.Errorf("got %v", got)
	}
	got.ReadExt(&got, []byte("short"))
	got.ReadExt(nil, nil)
	if !got.Equal(f.Time) || len(f.WriteExt((*FLBTime)(nil))) != 8 {
		t.Errorf("got %v", got)
	}
}

func BenchmarkEncode(b *testing.B) {
	enc := NewEncoder()
	event := []any{FLBTime{time.Unix(1700000000, 1)}, map[string]any{
		"message": strings.Repeat("x", 200), "level": "info", "status": 200, "latency": 0.5,
		"kubernetes": map[string]any{"pod": "a", "namespace": "b"},
	}}
	b.ReportAllocs()
	for b.Loop() {
		packed, _ := enc.Encode(event)
		b.SetBytes(int64(len(packed)))
	}
}
