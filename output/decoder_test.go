package output

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// chunk is the bytes written as hex; blanks are for the reader.
func chunk(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(sec, nsec int64) FLBTime { return FLBTime{time.Unix(sec, nsec)} }

// old wraps a value as {"k": value} in an event at second 1.
func old(value string) string { return "92 ce00000001 81 a16b" + value }

func TestEachEncodingGivesItsType(t *testing.T) {
	f := func(value string, want any) {
		t.Helper()
		ret, ts, rec := GetRecord(NewDecoderBytes(chunk(t, old(value))))
		if ret != 0 || ts != any(uint64(1)) {
			t.Fatalf("%s: ret %d, time %#v", value, ret, ts)
		}
		if got := rec["k"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %T %#v, want %T %#v", value, got, got, want, want)
		}
	}
	f("c0", nil)
	f("c2", false)
	f("c3", true)
	f("2a", int64(42))
	f("ff", int64(-1))
	f("e0", int64(-32))
	f("d0 80", int64(-128))
	f("d0 07", int64(7))
	f("d1 8000", int64(-32768))
	f("d2 ffffff00", int64(-256))
	f("d2 7fffffff", int64(1<<31-1))
	f("d3 8000000000000000", int64(-1<<63))
	f("cc c8", uint64(200))
	f("cc 05", uint64(5))
	f("cd ffff", uint64(65535))
	f("ce ffffffff", uint64(1<<32-1))
	f("cf ffffffffffffffff", uint64(1<<64-1))
	f("ca 3fc00000", 1.5)
	f("cb 3ff8000000000000", 1.5)
	f("cb 0000000000000000", 0.0)
	f("a0", []byte{})
	f("a3 616263", []byte("abc"))
	f("a2 ff00", []byte{0xff, 0})
	f("d9 01 61", []byte("a"))
	f("da 0001 61", []byte("a"))
	f("db 00000001 61", []byte("a"))
	f("c4 00", []byte{})
	f("c4 01 61", []byte("a"))
	f("c5 0001 61", []byte("a"))
	f("c6 00000001 61", []byte("a"))
	f("90", []any{})
	f("92 01 a161", []any{int64(1), []byte("a")})
	f("dc 0001 c0", []any{nil})
	f("dd 00000001 c0", []any{nil})
	f("80", map[any]any{})
	f("de 0001 a161 01", map[any]any{"a": int64(1)})
	f("df 00000001 a161 01", map[any]any{"a": int64(1)})
	f("d7 00 00000002 00000003", at(2, 3))
	f("c7 08 00 00000002 00000003", at(2, 3))
	f("d6 ff 00000002", time.Unix(2, 0).UTC())
	f("d7 ff 0000000c 00000002", time.Unix(2, 3).UTC())
	f("c7 0c ff 00000003 0000000000000002", time.Unix(2, 3).UTC())
	f("d4 05 61", RawExt{Tag: 5, Data: []byte("a")})
	f("d4 fe 61", RawExt{Tag: 254, Data: []byte("a")})
	f("d4 00 61", RawExt{Tag: 0, Data: []byte("a")})
	f("c7 00 07", RawExt{Tag: 7, Data: []byte{}})
}

func TestEachKeyGivesItsType(t *testing.T) {
	f := func(key string, want any) {
		t.Helper()
		_, _, rec := GetRecord(NewDecoderBytes(chunk(t, "92 ce00000001 81"+key+"01")))
		if _, ok := rec[want]; !ok || len(rec) != 1 {
			t.Errorf("%s: got %#v, want the key %#v", key, rec, want)
		}
	}
	f("a161", "a")
	f("a0", "")
	f("d901 61", "a")
	f("c401 61", "a")
	f("05", int64(5))
	f("ff", int64(-1))
	f("cc c8", uint64(200))
	f("c0", nil)
	f("c3", true)
	f("ca 3f800000", 1.0)
	f("91 05", "\x91\x05")
	f("81 a161 05", "\x81\xa1a\x05")
	f("d4 05 61", "\xd4\x05a")
	f("d7 00 00000002 00000003", at(2, 3))
}

// codes reads a chunk to its end: the codes, and the times of the good events.
func codes(b []byte) string {
	var out []string
	for dec := NewDecoderBytes(b); ; {
		ret, ts, _ := GetRecord(dec)
		if ret == 0 {
			out = append(out, fmt.Sprintf("%T", ts))
			if s, ok := ts.(uint64); ok {
				out[len(out)-1] = fmt.Sprint(s)
			}
			if s, ok := ts.(FLBTime); ok {
				out[len(out)-1] = fmt.Sprintf("%d.%09d", s.Unix(), s.Nanosecond())
			}
			continue
		}
		if out = append(out, fmt.Sprintf("ret%d", ret)); ret == -1 {
			return strings.Join(out, " ")
		}
	}
}

func TestBadEventsAreReportedBehindTheGoodOnes(t *testing.T) {
	const good = "92 cc09 80"
	f := func(events, want string) {
		t.Helper()
		if got := codes(chunk(t, events)); got != want {
			t.Errorf("%s: got %s, want %s", events, got, want)
		}
	}
	f("", "ret-1")
	f(good+good, "9 9 ret-1")
	f(good+"05"+good, "9 9 ret-2 ret-1")
	f(good+"93 010203"+good, "9 9 ret-2 ret-1")
	f("c0"+good, "9 ret-2 ret-1")
	f("a3 616263"+good, "9 ret-2 ret-1")
	f("80"+good, "9 ret-2 ret-1")
	f("92 cc01 c0"+good, "9 ret-3 ret-1")
	f("92 cc01 91 01", "ret-3 ret-1")
	f("92 90 80"+good, "9 ret-4 ret-1")
	f("92 a161 80"+good, "9 ret-5 ret-1")
	f("92 c0 80"+good, "9 ret-5 ret-1")
	f("92 ff 80 92 fe 80"+good, "9 ret-1") // markers
	f("92 fd 80"+good, "9 ret-5 ret-1")
	f("92 cb 7ff8000000000000 80"+good, "9 ret-5 ret-1") // NaN
	f("92 d6 00 00000000 80"+good, "9 ret-5 ret-1")
	f("92 90 80 92 c0 80 05"+good, "9 ret-4 ret-5 ret-2 ret-1")
	f("05"+good+"c1"+good, "9 ret-2 ret-1")
	f(good+"92 cc09 81 a3 61", "9 ret-1") // torn
	f(good+"dd ffffffff", "9 ret-1")
	f(good+"df ffffffff"+good, "9 ret-1")
}

func TestTimes(t *testing.T) {
	f := func(event string, want any) {
		t.Helper()
		ret, ts, rec := GetRecord(NewDecoderBytes(chunk(t, event)))
		if ret != 0 || !reflect.DeepEqual(ts, want) || len(rec) != 0 {
			t.Errorf("%s: got %d, %T %v, %v; want %T %v", event, ret, ts, ts, rec, want, want)
		}
	}
	f("92 d700 65000000 00000007 80", at(0x65000000, 7))
	f("92 d700 fffffff0 00000007 80", at(0xfffffff0, 7))
	f("92 ce 65000000 80", uint64(0x65000000))
	f("92 d2 65000000 80", uint64(0x65000000))
	f("92 05 80", uint64(5))
	f("92 cb 3ff8000000000000 80", at(1, 5e8))
	f("92 ca bfc00000 80", at(-2, 5e8))
	f("92 d6ff 65000000 80", FLBTime{time.Unix(0x65000000, 0).UTC()})
	f("92 92 d700 65000000 00000007 80 80", at(0x65000000, 7))
	f("92 91 d700 65000000 00000007 80", at(0x65000000, 7))
	f("92 92 ce 65000000 80 80", uint64(0x65000000))
	f("92 92 05 80 80", int64(5))
	f("92 92 cb 3ff8000000000000 80 80", at(1, 5e8))
	f("92 92 a161 80 80", []byte("a"))
	f("92 92 c0 80 80", nil)
}
