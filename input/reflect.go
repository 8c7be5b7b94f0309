package input

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// appendValue encodes by reflection what appendAny does not know.
func appendValue(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	switch v.Kind() {
	case reflect.Invalid:
		return msgp.AppendNil(dst), nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return msgp.AppendNil(dst), nil
		}
		if v.Kind() == reflect.Interface || isTime(v.Type().Elem()) {
			return appendValue(dst, v.Elem(), depth+1)
		}
	}
	if dst, done, err := appendMarshaled(dst, v); done {
		return dst, err
	}
	switch v.Kind() {
	case reflect.Pointer:
		return appendValue(dst, v.Elem(), depth+1)
	case reflect.Bool:
		return msgp.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return msgp.AppendInt(dst, v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return msgp.AppendUint(dst, v.Uint()), nil
	case reflect.Float32:
		return msgp.AppendFloat32(dst, float32(v.Float())), nil
	case reflect.Float64:
		return msgp.AppendFloat(dst, v.Float()), nil
	case reflect.String:
		return msgp.AppendStr(dst, v.String()), nil
	case reflect.Slice:
		if v.IsNil() {
			return msgp.AppendNil(dst), nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return msgp.AppendBin(dst, v.Bytes()), nil
		}
		return appendList(dst, v, depth)
	case reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(b), v)
			return msgp.AppendBin(dst, b), nil
		}
		return appendList(dst, v, depth)
	case reflect.Map:
		return appendMap(dst, v, depth)
	case reflect.Struct:
		return appendStruct(dst, v, depth)
	}
	return nil, fmt.Errorf("encode a record: a %s has no MessagePack form; use numbers, strings, bytes, slices, maps or structs", v.Type())
}

// isTime tells types whose pointers go the way of their values.
func isTime(t reflect.Type) bool {
	return t == reflect.TypeFor[FLBTime]() || t == reflect.TypeFor[time.Time]()
}

func appendList(dst []byte, v reflect.Value, depth int) (_ []byte, err error) {
	dst = msgp.AppendArrayHeader(dst, v.Len())
	for i := range v.Len() {
		if dst, err = appendValue(dst, v.Index(i), depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendMap orders the pairs by their encoded keys, for the same bytes each time.
func appendMap(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return msgp.AppendNil(dst), nil
	}
	type pair struct {
		key   []byte
		value reflect.Value
	}
	pairs := make([]pair, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := appendValue(nil, it.Key(), depth+1)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{key, it.Value()})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return bytes.Compare(a.key, b.key) })

	dst = msgp.AppendMapHeader(dst, len(pairs))
	for _, p := range pairs {
		var err error
		if dst, err = appendValue(append(dst, p.key...), p.value, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func appendStruct(dst []byte, v reflect.Value, depth int) (_ []byte, err error) {
	fields := fieldsOf(v.Type())
	present := make([]field, 0, len(fields))
	for _, f := range fields {
		if fv, err := v.FieldByIndexErr(f.index); err == nil && !(f.omitEmpty && isEmpty(fv)) {
			present = append(present, f)
		}
	}
	dst = msgp.AppendMapHeader(dst, len(present))
	for _, f := range present {
		dst = msgp.AppendStr(dst, f.name)
		if dst, err = appendValue(dst, v.FieldByIndex(f.index), depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	}
	return v.IsZero()
}

type field struct {
	name      string
	index     []int
	omitEmpty bool
}

var structs sync.Map // reflect.Type → []field

func fieldsOf(t reflect.Type) []field {
	if f, ok := structs.Load(t); ok {
		return f.([]field)
	}
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, options := tagOf(f)
		inlined := f.Anonymous && name == "" && structBehind(f.Type)
		if !f.IsExported() || inlined || name == "-" || len(f.Index) > 1 && !inlinedPath(t, f.Index) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields = append(fields, field{name, f.Index, slices.Contains(options, "omitempty")})
	}
	structs.Store(t, fields)
	return fields
}

// inlinedPath tells whether the embedded structs on the way to a field stand in the outer map themselves.
func inlinedPath(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		f := t.Field(i)
		if name, _ := tagOf(f); name != "" || !structBehind(f.Type) {
			return false
		}
		t = f.Type
	}
	return true
}

var marshaler = reflect.TypeFor[encoding.BinaryMarshaler]()

// structBehind tells whether an embedded field gives its own fields away: times and the like do not.
func structBehind(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !t.Implements(marshaler)
}

func tagOf(f reflect.StructField) (name string, options []string) {
	tag, ok := f.Tag.Lookup("codec")
	if !ok {
		tag = f.Tag.Get("json")
	}
	parts := strings.Split(tag, ",")
	return parts[0], parts[1:]
}
