package event

import (
	"iter"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Type is the family of a [Value].
type Type = msgp.Type

// The families of values.
const (
	TypeInvalid = msgp.Invalid // no value at all
	TypeNil     = msgp.Nil
	TypeBool    = msgp.Bool
	TypeInt     = msgp.Int  // signed, or a small positive number
	TypeUint    = msgp.Uint // unsigned
	TypeFloat32 = msgp.Float32
	TypeFloat64 = msgp.Float64
	TypeStr     = msgp.Str
	TypeBin     = msgp.Bin
	TypeArray   = msgp.Array
	TypeMap     = msgp.Map
	TypeExt     = msgp.Ext
)

// Value is one value, still encoded as MessagePack: a view that is good as long as the batch, chunk or
// record it came from, and must not be written to. A nil Value is "not there".
type Value []byte

// emptyMap is what a record without metadata has.
var emptyMap = Value{0x80}

// Type returns the family of v, [TypeInvalid] when v is nil.
func (v Value) Type() Type { return msgp.TypeOf(v) }

// Str returns a text's bytes without copying, or nil when v is no text.
func (v Value) Str() []byte { s, _ := msgp.ReadStr(v); return s }

// Bin returns the bytes of a binary value without copying, or nil.
func (v Value) Bin() []byte { s, _ := msgp.ReadBin(v); return s }

// Ext returns an extension's type and payload.
func (v Value) Ext() (typ int8, data []byte, ok bool) { return msgp.ReadExt(v) }

// Bool returns a boolean.
func (v Value) Bool() (b, ok bool) { return msgp.ReadBool(v) }

// Int returns a whole number that fits an int64, signed or unsigned.
func (v Value) Int() (n int64, ok bool) {
	if n, ok = msgp.ReadInt(v); ok {
		return n, true
	}
	u, ok := msgp.ReadUint(v)
	return int64(u), ok && u <= 1<<63-1
}

// Uint returns a whole number that is not negative.
func (v Value) Uint() (n uint64, ok bool) {
	if n, ok = msgp.ReadUint(v); ok {
		return n, true
	}
	i, ok := msgp.ReadInt(v)
	return uint64(i), ok && i >= 0
}

// Float returns a floating-point number; whole numbers are not converted.
func (v Value) Float() (f float64, ok bool) { return msgp.ReadFloat(v) }

// Len returns the number of elements of an array or of pairs of a map, and 0 for all else.
func (v Value) Len() int {
	if n, _, ok := msgp.MapHeader(v); ok {
		return n
	}
	n, _, _ := msgp.ArrayHeader(v)
	return n
}

// Get returns the value under a text key of a map, or nil. When the key is there twice the last one
// counts, as everywhere in Fluent Bit.
func (v Value) Get(key string) Value {
	var found Value
	n, rest, _ := msgp.MapHeader(v)
	for range n {
		var hit bool
		k := 1 + int(rest[0]&0x1f)
		if rest[0]&0xe0 == 0xa0 { // fast path: a short text
			hit = k == 1+len(key) && string(rest[1:k]) == key
		} else {
			k = msgp.Size(rest)
			s, ok := msgp.ReadStr(rest[:k])
			hit = ok && string(s) == key
		}
		val := rest[k:]
		size := msgp.Size(val)
		if hit {
			found = Value(val[:size:size])
		}
		rest = val[size:]
	}
	return found
}

// Index returns element i of an array, or nil.
func (v Value) Index(i int) Value {
	n, rest, _ := msgp.ArrayHeader(v)
	if i < 0 || i >= n {
		return nil
	}
	for range i {
		rest = rest[msgp.Skip(rest):]
	}
	size := msgp.Skip(rest)
	return Value(rest[:size:size])
}

// Pairs walks a map in its order, duplicates included.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(k, v Value) bool) {
		n, rest, _ := msgp.MapHeader(v)
		for range n {
			k := msgp.Size(rest)
			e := k + msgp.Size(rest[k:])
			if !yield(Value(rest[:k:k]), Value(rest[k:e:e])) {
				return
			}
			rest = rest[e:]
		}
	}
}

// Elems walks an array.
func (v Value) Elems() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		n, rest, _ := msgp.ArrayHeader(v)
		for range n {
			e := msgp.Skip(rest)
			if !yield(Value(rest[:e:e])) {
				return
			}
			rest = rest[e:]
		}
	}
}

// Field is a pair of a map, both halves still encoded.
type Field struct{ Key, Val Value }

// Is reports whether f stands under the text key.
func (f Field) Is(key string) bool {
	s, ok := msgp.ReadStr(f.Key)
	return ok && string(s) == key
}

// AppendFields splits a map one level deep and appends its pairs to dst: order and duplicates survive,
// the values stay encoded.
func AppendFields(dst []Field, v Value) []Field {
	n, rest, _ := msgp.MapHeader(v)
	for range n {
		k := msgp.Size(rest)
		e := k + msgp.Size(rest[k:])
		dst = append(dst, Field{Value(rest[:k:k]), Value(rest[k:e:e])})
		rest = rest[e:]
	}
	return dst
}

// AppendMapOf appends a map of the given pairs.
func AppendMapOf(dst []byte, fields []Field) []byte {
	dst = msgp.AppendMapHeader(dst, len(fields))
	for _, f := range fields {
		dst = append(append(dst, f.Key...), f.Val...)
	}
	return dst
}

// CheckValue validates the first value of b, which may come from anywhere, and returns it and what
// follows it. Nesting deeper than 128 levels is an error.
func CheckValue(b []byte) (v Value, rest []byte, err error) {
	n, err := msgp.Check(b)
	if err != nil {
		return nil, b, err
	}
	return Value(b[:n:n]), b[n:], nil
}

// Scanner finds the end of a value that arrives in pieces. What it found still has to be checked.
type Scanner = msgp.Scanner
