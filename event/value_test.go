package event

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestValuesTellTheirType(t *testing.T) {
	check := func(v Value, want Type) {
		t.Helper()
		if v.Type() != want {
			t.Errorf("% x: type %d, want %d", []byte(v), v.Type(), want)
		}
	}
	check(nil, TypeInvalid)
	check(Value{0xc1}, TypeInvalid)
	check(AppendNil(nil), TypeNil)
	check(AppendBool(nil, true), TypeBool)
	check(AppendInt(nil, -5), TypeInt)
	check(AppendUint(nil, 5), TypeInt) // a small number has one form only
	check(AppendUint(nil, 500), TypeUint)
	check(AppendFloat(nil, 1), TypeFloat64)
	check(Value{0xca, 0, 0, 0, 0}, TypeFloat32)
	check(AppendStr(nil, "x"), TypeStr)
	check(AppendBin(nil, "x"), TypeBin)
	check(AppendArray(nil, 0), TypeArray)
	check(AppendMap(nil, 0), TypeMap)
	check(AppendTime(nil, Time{}), TypeExt)
}

func TestNumbersAreReadInAnyEncodingThatHoldsThem(t *testing.T) {
	for _, n := range []int64{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, math.MaxInt64, -1, -32, -33, -128, -129, -32768, -32769, -1 << 31, -1<<31 - 1, math.MinInt64} {
		v := Value(AppendInt(nil, n))
		if got, ok := v.Int(); !ok || got != n {
			t.Errorf("%d: Int is %d, %v", n, got, ok)
		}
		if got, ok := v.Uint(); ok != (n >= 0) || ok && got != uint64(n) {
			t.Errorf("%d: Uint is %d, %v", n, got, ok)
		}
	}
	big := Value(AppendUint(nil, math.MaxUint64))
	if _, ok := big.Int(); ok {
		t.Error("a number beyond int64 is an Int")
	}
	if got, ok := big.Uint(); !ok || got != math.MaxUint64 {
		t.Error(got, ok)
	}
	if _, ok := Value(AppendStr(nil, "5")).Int(); ok {
		t.Error("a text is an Int")
	}
	if f, ok := Value(AppendFloat(nil, 2.5)).Float(); !ok || f != 2.5 {
		t.Error(f, ok)
	}
}

func TestTheLastPairUnderAKeyCounts(t *testing.T) {
	v := fromJSON(t, `{"a":1,"b":{"c":[10,20,30]},"a":2}`)
	if n, _ := v.Get("a").Int(); n != 2 {
		t.Errorf("a is %d", n)
	}
	list := v.Get("b").Get("c")
	if n, _ := list.Index(2).Int(); n != 30 || list.Len() != 3 || v.Len() != 3 {
		t.Errorf("c[2] is %d of %d", n, list.Len())
	}
	for _, none := range []Value{v.Get("x"), v.Get("a").Get("y"), list.Index(3), list.Index(-1), v.Index(0), list.Get("a"), Value(nil).Get("a")} {
		if none != nil {
			t.Errorf("% x is there", []byte(none))
		}
	}
}

func TestPairsElementsAndFieldsKeepTheirOrder(t *testing.T) {
	v := fromJSON(t, `{"a":1,"b":[2,3],"a":4}`)
	var got []string
	for k, val := range v.Pairs() {
		got = append(got, string(k.Str())+string(AppendJSON(nil, val, JSONStyle{})))
	}
	if !slices.Equal(got, []string{"a1", "b[2,3]", "a4"}) {
		t.Errorf("pairs %q", got)
	}
	sum := int64(0)
	for e := range v.Get("b").Elems() {
		n, _ := e.Int()
		sum = 10*sum + n
		if sum > 1 {
			break
		}
	}
	if sum != 2 {
		t.Errorf("elements make %d", sum)
	}
	fields := AppendFields(nil, v)
	if len(fields) != 3 || !fields[2].Is("a") || fields[1].Is("a") || string(AppendMapOf(nil, fields)) != string(v) {
		t.Errorf("fields %v", fields)
	}
}

func TestTimeGoesToGoAndBack(t *testing.T) {
	at := time.Date(2023, 11, 14, 22, 13, 20, 5, time.FixedZone("x", 3600))
	if got := At(at); got != (Time{1699996400, 5}) || !got.Go().Equal(at) || got.Go().Location() != time.UTC {
		t.Errorf("%v, %v", got, got.Go())
	}
}

func TestKindsAreSets(t *testing.T) {
	if !Kinds(0).Has(Logs) || Kinds(0).Has(Metrics) || !(Logs | Traces).Has(Traces) || (Logs | Traces).Has(Metrics) || !Logs.Has(0) {
		t.Error("wrong members")
	}
}

func TestHostileValuesAreRefused(t *testing.T) {
	for _, b := range [][]byte{nil, {0xc1}, {0x81}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff, 'x'}, {0xdf, 0x80, 0, 0, 0}} {
		if v, rest, err := CheckValue(b); err == nil || v != nil || len(rest) != len(b) {
			t.Errorf("% x: %v, %v", b, v, err)
		}
	}
	v, rest, err := CheckValue([]byte{0x91, 1, 2})
	if err != nil || string(v) != "\x91\x01" || string(rest) != "\x02" {
		t.Error(v, rest, err)
	}
}
