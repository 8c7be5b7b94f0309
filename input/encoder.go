package input

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// FLBTime is the time of an event: Fluentd's EventTime, MessagePack extension 0 with 4 bytes of seconds and 4 of
// nanoseconds, both unsigned and big-endian. See https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
type FLBTime struct {
	time.Time
}

// WriteExt returns the 8 bytes of i, an FLBTime or a *FLBTime; of f itself for anything else.
func (f FLBTime) WriteExt(i interface{}) []byte {
	switch t := i.(type) {
	case FLBTime:
		f = t
	case *FLBTime:
		if t != nil {
			f = *t
		}
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 8), uint32(f.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(f.Nanosecond()))
}

// ReadExt sets i, a *FLBTime, from 8 bytes. Anything else is left as it is.
func (f FLBTime) ReadExt(i interface{}, b []byte) {
	if out, ok := i.(*FLBTime); ok && out != nil && len(b) == 8 {
		out.Time = time.Unix(int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:])))
	}
}

// FLBEncoder turns Go values into the bytes that an input hands over. It holds no state and is safe for
// concurrent use.
type FLBEncoder struct{}

// NewEncoder returns an encoder.
func NewEncoder() *FLBEncoder { return &FLBEncoder{} }

// Encode returns val as MessagePack. An event is []interface{}{FLBTime{t}, record} or, with metadata,
// []interface{}{[]interface{}{FLBTime{t}, metadata}, record}; several events are several results, joined.
//
//	string                        str
//	[]byte, [n]byte               bin
//	integers                      the shortest form; unsigned where not negative
//	float32, float64, bool, nil   as they are
//	FLBTime                       ext 0
//	time.Time                     ext -1
//	encoding.BinaryMarshaler      bin
//	slices, arrays                array
//	maps                          map; text keys in order, so that equal values give equal bytes
//	structs                       map; fields are named as tagged by codec or json, with omitempty, "-" left out
//	pointers                      what they point to
//
// It fails for channels, functions and complex numbers, and for values that nest deeper than 128, such as a map
// that holds itself.
func (enc *FLBEncoder) Encode(val interface{}) (packed []byte, err error) {
	return appendAny(nil, val, 0)
}

const maxDepth = 128

var errDepth = errors.New("encode a record: it nests deeper than 128 (does a value hold itself?)")

// appendAny is the fast path: the types that records are mostly made of need no reflection.
func appendAny(dst []byte, val any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	switch v := val.(type) {
	case nil:
		return msgp.AppendNil(dst), nil
	case string:
		return msgp.AppendStr(dst, v), nil
	case []byte:
		if v == nil {
			return msgp.AppendNil(dst), nil
		}
		return msgp.AppendBin(dst, v), nil
	case bool:
		return msgp.AppendBool(dst, v), nil
	case int:
		return msgp.AppendInt(dst, int64(v)), nil
	case int64:
		return msgp.AppendInt(dst, v), nil
	case uint64:
		return msgp.AppendUint(dst, v), nil
	case float64:
		return msgp.AppendFloat(dst, v), nil
	case FLBTime:
		return msgp.AppendExt(dst, 0, v.WriteExt(v)), nil
	case time.Time:
		return appendTimestamp(dst, v), nil
	case []any:
		return appendSlice(dst, v, depth)
	case map[string]any:
		return appendTextMap(dst, v, depth)
	case map[string]string:
		return appendTextMap(dst, v, depth)
	}
	return appendValue(dst, reflect.ValueOf(val), depth)
}

func appendSlice(dst []byte, s []any, depth int) (_ []byte, err error) {
	if s == nil {
		return msgp.AppendNil(dst), nil
	}
	dst = msgp.AppendArrayHeader(dst, len(s))
	for _, e := range s {
		if dst, err = appendAny(dst, e, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func appendTextMap[V any](dst []byte, m map[string]V, depth int) (_ []byte, err error) {
	if m == nil {
		return msgp.AppendNil(dst), nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = msgp.AppendMapHeader(dst, len(m))
	for _, k := range keys {
		dst = msgp.AppendStr(dst, k)
		if dst, err = appendAny(dst, m[k], depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendTimestamp appends MessagePack's own timestamp in its shortest form.
func appendTimestamp(dst []byte, t time.Time) []byte {
	sec, nsec := t.Unix(), uint64(t.Nanosecond())
	switch {
	case sec>>34 != 0:
		b := binary.BigEndian.AppendUint32(nil, uint32(nsec))
		return msgp.AppendExt(dst, -1, binary.BigEndian.AppendUint64(b, uint64(sec)))
	case nsec != 0 || sec > math.MaxUint32:
		return msgp.AppendExt(dst, -1, binary.BigEndian.AppendUint64(nil, nsec<<34|uint64(sec)))
	}
	return msgp.AppendExt(dst, -1, binary.BigEndian.AppendUint32(nil, uint32(sec)))
}

// appendMarshaled appends values that have a form of their own. done tells whether v was one.
func appendMarshaled(dst []byte, v reflect.Value) (_ []byte, done bool, err error) {
	if !v.CanInterface() {
		return dst, false, nil
	}
	switch m := v.Interface().(type) {
	case FLBTime:
		return msgp.AppendExt(dst, 0, m.WriteExt(m)), true, nil
	case time.Time:
		return appendTimestamp(dst, m), true, nil
	case encoding.BinaryMarshaler:
		b, err := m.MarshalBinary()
		if err != nil {
			return nil, true, fmt.Errorf("encode a %s: %w", v.Type(), err)
		}
		return msgp.AppendBin(dst, b), true, nil
	}
	return dst, false, nil
}
