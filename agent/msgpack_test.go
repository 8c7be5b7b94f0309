package agent

import (
	"bytes"
	"math"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/fluent/fluent-bit-go/event"
)

// FuzzMessagePack holds package event against another library: both take the same bytes as a value, find
// the same end of it, and read the same in it. It lives here, since the SDK has no dependencies.
func FuzzMessagePack(f *testing.F) {
	for _, seed := range [][]byte{
		{0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x83, 0xa1, 'a', 0xcc, 200, 0xa1, 'b', 0xd9, 1, 'x', 0xa1, 'c', 0xca, 0x3f, 0x80, 0, 0},
		{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff, 0}, {0xdb, 0xff, 0xff, 0xff, 0xff, 0}, {0xc6, 0x80, 0, 0, 0},
		{0xc9, 0xff, 0xff, 0xff, 0xff, 0, 0}, {0xc8, 0, 1, 5, 6}, {0xdc, 0, 2, 0xd3, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xcf, 1, 2, 3, 4, 5, 6, 7, 8},
		{0xc1}, {0x81, 0xc0, 0xc3}, {0xc5, 0, 1, 0xff, 0xd8}, {0xde, 0, 1, 0x90, 0x80}, bytes.Repeat([]byte{0x91}, 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, rest, err := event.CheckValue(data)
		theirs, theirErr := msgp.Skip(data)
		if err != nil {
			if theirErr == nil && depth(t, data) <= 128 {
				t.Fatalf("% x is refused: %v", data, err)
			}
			return
		}
		if theirErr != nil || len(theirs) != len(rest) {
			t.Fatalf("% x: %d bytes are left, there %d, %v", data, len(rest), len(theirs), theirErr)
		}
		if left := same(t, v, data); len(left) != len(rest) {
			t.Fatalf("% x: walking it leaves %d bytes, want %d", data, len(left), len(rest))
		}
		if again := rebuild(nil, v); !bytes.Equal(again, rebuild(nil, event.Value(again))) {
			t.Fatalf("% x was built anew as % x", data, again)
		}
	})
}

// depth returns how deep the first value of data nests, which the other library has found well formed.
func depth(t *testing.T, data []byte) int {
	t.Helper()
	deepest := 0
	var walk func(b []byte, level int) []byte
	walk = func(b []byte, level int) []byte {
		n := uint32(0)
		rest := b
		var err error
		switch msgp.NextType(b) {
		case msgp.ArrayType:
			n, rest, err = msgp.ReadArrayHeaderBytes(b)
		case msgp.MapType:
			n, rest, err = msgp.ReadMapHeaderBytes(b)
			n *= 2
		default:
			rest, err = msgp.Skip(b)
		}
		if err != nil {
			t.Fatalf("% x: %v", b, err)
		}
		if n > 0 {
			level++
		}
		deepest = max(deepest, level)
		for range n {
			rest = walk(rest, level)
		}
		return rest
	}
	walk(data, 0)
	return deepest
}

// same compares v with what the other library reads from b, and returns what that leaves.
func same(t *testing.T, v event.Value, b []byte) (rest []byte) {
	t.Helper()
	var err error
	is := func(ok bool) {
		if t.Helper(); !ok || err != nil {
			t.Fatalf("% x reads differently: %v", []byte(v), err)
		}
	}
	switch v.Type() {
	case event.TypeNil:
		rest, err = msgp.ReadNilBytes(b)
		is(true)
	case event.TypeBool:
		var want bool
		want, rest, err = msgp.ReadBoolBytes(b)
		got, ok := v.Bool()
		is(ok && got == want)
	case event.TypeInt:
		var want int64
		want, rest, err = msgp.ReadInt64Bytes(b)
		got, ok := v.Int()
		is(ok && got == want)
	case event.TypeUint:
		var want uint64
		want, rest, err = msgp.ReadUint64Bytes(b)
		got, ok := v.Uint()
		is(ok && got == want)
	case event.TypeFloat32:
		var want float32
		want, rest, err = msgp.ReadFloat32Bytes(b)
		got, ok := v.Float()
		is(ok && (got == float64(want) || math.IsNaN(got) && want != want))
	case event.TypeFloat64:
		var want float64
		want, rest, err = msgp.ReadFloat64Bytes(b)
		got, ok := v.Float()
		is(ok && math.Float64bits(got) == math.Float64bits(want))
	case event.TypeStr:
		var want []byte
		want, rest, err = msgp.ReadStringZC(b)
		is(bytes.Equal(v.Str(), want))
	case event.TypeBin:
		var want []byte
		want, rest, err = msgp.ReadBytesZC(b)
		is(bytes.Equal(v.Bin(), want))
	case event.TypeExt:
		want := msgp.RawExtension{}
		if len(b) > 0 {
			typ, data, _ := v.Ext()
			want.Type = typ
			rest, err = msgp.ReadExtensionBytes(b, &want)
			is(bytes.Equal(want.Data, data))
		}
	case event.TypeArray:
		var n uint32
		n, rest, err = msgp.ReadArrayHeaderBytes(b)
		is(int(n) == v.Len())
		for e := range v.Elems() {
			rest = same(t, e, rest)
		}
	case event.TypeMap:
		var n uint32
		n, rest, err = msgp.ReadMapHeaderBytes(b)
		is(int(n) == v.Len())
		for key, val := range v.Pairs() {
			rest = same(t, val, same(t, key, rest))
		}
	default:
		t.Fatalf("% x has the type %v", []byte(v), v.Type())
	}
	return rest
}

// rebuild encodes v anew, everything in its shortest form.
func rebuild(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeInt:
		n, _ := v.Int()
		return event.AppendInt(dst, n)
	case event.TypeUint:
		n, _ := v.Uint()
		return event.AppendUint(dst, n)
	case event.TypeStr:
		return event.AppendStr(dst, v.Str())
	case event.TypeBin:
		return event.AppendBin(dst, v.Bin())
	case event.TypeArray:
		dst = event.AppendArray(dst, v.Len())
		for e := range v.Elems() {
			dst = rebuild(dst, e)
		}
		return dst
	case event.TypeMap:
		dst = event.AppendMap(dst, v.Len())
		for key, val := range v.Pairs() {
			dst = rebuild(rebuild(dst, key), val)
		}
		return dst
	}
	return append(dst, v...)
}
