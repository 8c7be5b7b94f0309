package msgp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAppendTakesTheShortestForm(t *testing.T) {
	f := func(got []byte, want string) {
		t.Helper()
		if !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("got %x, want %s", got, want)
		}
	}
	f(AppendNil([]byte("x")), "78 c0")
	f(AppendBool(nil, true), "c3")
	f(AppendBool(nil, false), "c2")
	for v, want := range map[int64]string{
		0: "00", 127: "7f", 128: "cc80", 255: "ccff", 256: "cd0100", 65535: "cdffff", 65536: "ce00010000",
		1<<32 - 1: "ceffffffff", 1 << 32: "cf0000000100000000", math.MaxInt64: "cf7fffffffffffffff",
		-1: "ff", -32: "e0", -33: "d0df", -128: "d080", -129: "d1ff7f", -32768: "d18000", -32769: "d2ffff7fff",
		math.MinInt32: "d280000000", math.MinInt32 - 1: "d3ffffffff7fffffff", math.MinInt64: "d38000000000000000",
	} {
		f(AppendInt(nil, v), want)
	}
	f(AppendUint(nil, math.MaxUint64), "cfffffffffffffffff")
	f(AppendFloat32(nil, 1.5), "ca3fc00000")
	f(AppendFloat(nil, 1.5), "cb3ff8000000000000")
	f(AppendStr(nil, "abc"), "a3616263")
	f(AppendBin(nil, "abc"), "c403616263")
	f(AppendEventTime(nil, 2, 3), "d700 00000002 00000003")
	f(AppendExt(nil, -1, []byte{1}), "d4ff01")
	f(AppendExt(nil, 5, nil), "c70005")
	f(AppendExt(nil, 5, []byte{1, 2, 3}), "c70305 010203")
	f(AppendExt(nil, 5, make([]byte, 16)), "d805"+strings.Repeat("00", 16))
}

func TestHeadersTakeTheShortestForm(t *testing.T) {
	f := func(n int, appendTo func([]byte, int) []byte, want string) {
		t.Helper()
		if got := appendTo(nil, n); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%d: got %x, want %s", n, got, want)
		}
	}
	str := func(dst []byte, n int) []byte { return AppendStrHeader(dst, n) }
	bin := func(dst []byte, n int) []byte {
		return AppendBin(dst, make([]byte, n))[:len(AppendBin(dst, make([]byte, n)))-n]
	}
	ext := func(dst []byte, n int) []byte {
		return AppendExt(dst, 7, make([]byte, n))[:len(AppendExt(dst, 7, make([]byte, n)))-n]
	}
	f(31, str, "bf")
	f(32, str, "d920")
	f(255, str, "d9ff")
	f(256, str, "da0100")
	f(65536, str, "db00010000")
	f(0, bin, "c400")
	f(256, bin, "c50100")
	f(65536, bin, "c600010000")
	f(15, AppendArrayHeader, "9f")
	f(16, AppendArrayHeader, "dc0010")
	f(65536, AppendArrayHeader, "dd00010000")
	f(15, AppendMapHeader, "8f")
	f(16, AppendMapHeader, "de0010")
	f(65536, AppendMapHeader, "df00010000")
	f(2, ext, "d507")
	f(4, ext, "d607")
	f(8, ext, "d707")
	f(17, ext, "c71107")
	f(256, ext, "c8010007")
	f(65536, ext, "c90001000007")
}

// whole is every kind of value, each cut short at every length below.
var whole = []string{
	"00", "7f", "e0", "ff", "c0", "c2", "c3", "cc01", "cd0102", "ce01020304", "cf0102030405060708",
	"d001", "d10102", "d201020304", "d30102030405060708", "ca01020304", "cb0102030405060708",
	"a0", "a161", "d90161", "da000161", "db0000000161", "c40161", "c5000161", "c60000000161",
	"d40161", "d5016161", "d60161616161", "d7016161616161616161", "d801" + strings.Repeat("61", 16),
	"c7010161", "c800010161", "c9000000010161", "c70001",
	"90", "9101", "dc000101", "dd0000000101", "80", "810102", "de00010102", "df000000010102",
	"92 92 d7006553f10000000000 80 82 a161 01 a162 91 c0",
}

func TestSkipAndCheckTakeWholeValuesOnly(t *testing.T) {
	for _, s := range whole {
		b := unhex(t, s)
		for n := range b {
			if got := Skip(b[:n]); got != -1 {
				t.Errorf("%s: Skip of %d bytes is %d", s, n, got)
			}
			if got, err := Check(b[:n]); err == nil || got != 0 {
				t.Errorf("%s: Check of %d bytes is %d", s, n, got)
			}
		}
		more := append(bytes.Clone(b), 0x05)
		if got := Skip(more); got != len(b) {
			t.Errorf("%s: Skip is %d", s, got)
		}
		if got, err := Check(more); err != nil || got != len(b) {
			t.Errorf("%s: Check is %d, %v", s, got, err)
		}
	}
}

func TestCheckNamesTheReason(t *testing.T) {
	f := func(b []byte, want error) {
		t.Helper()
		if _, err := Check(b); !errors.Is(err, want) {
			t.Errorf("%.20x: got %v, want %v", b, err, want)
		}
	}
	f(nil, ErrShort)
	f([]byte{0xc1}, ErrInvalid)
	f([]byte{0x91, 0xc1}, ErrInvalid)
	f(unhex(t, "dd ffffffff"), ErrShort)
	f(unhex(t, "df ffffffff 00"), ErrShort)
	f(unhex(t, "db ffffffff 00"), ErrShort)
	f(unhex(t, "c9 ffffffff 00"), ErrShort)
	f(append(bytes.Repeat([]byte{0x91}, MaxDepth), 0), nil)
	f(append(bytes.Repeat([]byte{0x91}, MaxDepth+1), 0), ErrDepth)
	f(append(bytes.Repeat([]byte{0x91}, MaxDepth), 0x90), nil) // an empty array opens no level
}

func TestReadersReturnWhatWasAppended(t *testing.T) {
	for _, v := range []int64{-1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64, 0, 127} {
		if got, ok := ReadInt(AppendInt(nil, v)); !ok || got != v {
			t.Errorf("%d: got %d, %t", v, got, ok)
		}
	}
	for _, v := range []uint64{128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		if got, ok := ReadUint(AppendUint(nil, v)); !ok || got != v {
			t.Errorf("%d: got %d, %t", v, got, ok)
		}
	}
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65535, 65536} {
		s := strings.Repeat("x", n)
		if got, ok := ReadStr(AppendStr(nil, s)); !ok || string(got) != s {
			t.Errorf("str of %d", n)
		}
		if got, ok := ReadBin(AppendBin(nil, s)); !ok || string(got) != s {
			t.Errorf("bin of %d", n)
		}
		if typ, got, ok := ReadExt(AppendExt(nil, -7, []byte(s))); !ok || typ != -7 || string(got) != s {
			t.Errorf("ext of %d", n)
		}
		if got, rest, ok := ArrayHeader(append(AppendArrayHeader(nil, n), 1, 2)); !ok || got != n || len(rest) != 2 {
			t.Errorf("array of %d", n)
		}
		if got, rest, ok := MapHeader(append(AppendMapHeader(nil, n), 1, 2)); !ok || got != n || len(rest) != 2 {
			t.Errorf("map of %d", n)
		}
	}
	for _, v := range []float64{0, -1.5, math.MaxFloat64, math.Inf(1)} {
		if got, ok := ReadFloat(AppendFloat(nil, v)); !ok || got != v {
			t.Errorf("%g: got %g", v, got)
		}
	}
	if got, ok := ReadFloat(AppendFloat32(nil, 1.5)); !ok || got != 1.5 {
		t.Errorf("got %g", got)
	}
	for _, v := range []bool{true, false} {
		if got, ok := ReadBool(AppendBool(nil, v)); !ok || got != v {
			t.Errorf("%t", v)
		}
	}
}

func TestWhatIsReadHasNoSpareCapacity(t *testing.T) {
	b := append(AppendStr(nil, "abc"), "tail"...)
	s, _ := ReadStr(b)
	if _ = append(s, 'X'); string(b[4:]) != "tail" {
		t.Errorf("the neighbour became %q", b[4:])
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	b := events(10)
	dst := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		Skip(b)
		Check(b)
		dst = AppendEventTime(dst[:0], 1, 2)
		dst = AppendStr(AppendMapHeader(dst, 1), "key")
		dst = AppendInt(AppendFloat(dst, 1), -5)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzReaders holds the readers against each other: what Check lets pass, all of them can walk.
func FuzzReaders(f *testing.F) {
	for _, s := range whole {
		f.Add(unhex(f, s))
	}
	f.Add(events(1))
	f.Add([]byte{0xc1})
	f.Fuzz(func(t *testing.T, b []byte) {
		// None of them may panic on anything.
		ReadStr(b)
		ReadBin(b)
		ReadExt(b)
		ReadBool(b)
		ReadInt(b)
		ReadUint(b)
		ReadFloat(b)
		ArrayHeader(b)
		MapHeader(b)
		n, err := Check(b)
		skipped := Skip(b)
		if err == nil && skipped != n || skipped >= 0 && err != nil && !errors.Is(err, ErrDepth) {
			t.Fatalf("Check %d, %v; Skip %d", n, err, skipped)
		}
		if err != nil {
			return
		}
		if walked := walk(t, b); walked != n {
			t.Fatalf("Check %d, walked %d", n, walked)
		}
		if again := rewrite(t, nil, b[:n]); Skip(again) != len(again) || len(again) > n {
			t.Fatalf("%x became %x", b[:n], again)
		}
	})
}

// walk reads the first value of b with the reader of its type and returns its length.
func walk(t *testing.T, b []byte) int {
	children, rest := 0, []byte(nil)
	ok := true
	switch TypeOf(b) {
	case Array:
		children, rest, ok = ArrayHeader(b)
	case Map:
		children, rest, ok = MapHeader(b)
		children *= 2
	default:
		return len(b) - len(leaf(t, b))
	}
	if !ok {
		t.Fatalf("cannot read %x", b)
	}
	for range children {
		rest = rest[walk(t, rest):]
	}
	return len(b) - len(rest)
}

// leaf returns what follows a value without children, after reading it.
func leaf(t *testing.T, b []byte) (rest []byte) {
	ok := false
	switch typ := TypeOf(b); typ {
	case Nil:
		ok = true
	case Bool:
		_, ok = ReadBool(b)
	case Int:
		_, ok = ReadInt(b)
	case Uint:
		_, ok = ReadUint(b)
	case Float32, Float64:
		_, ok = ReadFloat(b)
	case Str:
		_, ok = ReadStr(b)
	case Bin:
		_, ok = ReadBin(b)
	case Ext:
		_, _, ok = ReadExt(b)
	}
	if !ok {
		t.Fatalf("cannot read %x as %d", b, TypeOf(b))
	}
	return b[Skip(b):]
}

// rewrite appends the value b anew, in the shortest forms.
func rewrite(t *testing.T, dst, b []byte) []byte {
	switch TypeOf(b) {
	case Array, Map:
		n, rest, isMap := MapHeader(b)
		if isMap {
			dst, n = AppendMapHeader(dst, n), 2*n
		} else {
			n, rest, _ = ArrayHeader(b)
			dst = AppendArrayHeader(dst, n)
		}
		for range n {
			size := Skip(rest)
			dst, rest = rewrite(t, dst, rest[:size]), rest[size:]
		}
		return dst
	case Int:
		v, _ := ReadInt(b)
		return AppendInt(dst, v)
	case Uint:
		v, _ := ReadUint(b)
		return AppendUint(dst, v)
	case Str:
		s, _ := ReadStr(b)
		return AppendStr(dst, s)
	case Bin:
		s, _ := ReadBin(b)
		return AppendBin(dst, s)
	case Ext:
		typ, data, _ := ReadExt(b)
		return AppendExt(dst, typ, data)
	}
	return append(dst, b...)
}

// events is n events of a few fields.
func events(n int) (b []byte) {
	for i := range n {
		b = AppendArrayHeader(AppendArrayHeader(b, 2), 2)
		b = AppendMapHeader(AppendEventTime(b, uint32(i), 7), 0)
		b = AppendStr(AppendStr(AppendMapHeader(b, 4), "log"), strings.Repeat("a line of text ", 10))
		b = AppendStr(AppendStr(b, "stream"), "stdout")
		b = AppendInt(AppendStr(b, "code"), int64(i))
		b = AppendStr(AppendStr(AppendMapHeader(AppendStr(b, "kubernetes"), 1), "pod"), "checkout-7d9f8b6c4")
	}
	return b
}

func benchmarkWalk(b *testing.B, step func([]byte) int) {
	data := events(1000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			rest = rest[step(rest):]
		}
	}
}

func BenchmarkSkip(b *testing.B) { benchmarkWalk(b, Skip) }

func BenchmarkCheck(b *testing.B) {
	benchmarkWalk(b, func(rest []byte) int {
		n, err := Check(rest)
		if err != nil {
			b.Fatal(err)
		}
		return n
	})
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendEventTime(AppendArrayHeader(dst[:0], 2), 1700000000, 5)
		dst = AppendStr(AppendStr(AppendMapHeader(dst, 3), "log"), "a line of text a line of text")
		dst = AppendFloat(AppendStr(dst, "latency"), 0.5)
		dst = AppendUint(AppendStr(dst, "status"), 200)
		b.SetBytes(int64(len(dst)))
	}
}
