package event

import "github.com/fluent/fluent-bit-go/internal/msgp"

// The functions below encode a value at the end of dst and return the extended slice, as append does.

// AppendNil appends nil.
func AppendNil(dst []byte) []byte { return msgp.AppendNil(dst) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte { return msgp.AppendBool(dst, v) }

// AppendInt appends a whole number in its shortest form.
func AppendInt(dst []byte, v int64) []byte { return msgp.AppendInt(dst, v) }

// AppendUint appends a whole number in its shortest form.
func AppendUint(dst []byte, v uint64) []byte { return msgp.AppendUint(dst, v) }

// AppendFloat appends a 64-bit floating-point number.
func AppendFloat(dst []byte, v float64) []byte { return msgp.AppendFloat(dst, v) }

// AppendStr appends a text, which should be UTF-8 but need not be.
func AppendStr[T ~string | ~[]byte](dst []byte, s T) []byte { return msgp.AppendStr(dst, s) }

// AppendBin appends binary data.
func AppendBin[T ~string | ~[]byte](dst []byte, s T) []byte { return msgp.AppendBin(dst, s) }

// AppendArray appends the header of an array; n values have to follow.
func AppendArray(dst []byte, n int) []byte { return msgp.AppendArrayHeader(dst, n) }

// AppendMap appends the header of a map; n pairs of key and value have to follow.
func AppendMap(dst []byte, n int) []byte { return msgp.AppendMapHeader(dst, n) }

// AppendTime appends a timestamp as EventTime.
func AppendTime(dst []byte, t Time) []byte {
	return msgp.AppendEventTime(dst, uint32(t.Sec), t.Nsec)
}

// appendHead appends all of a record that stands before its body: [[time, meta], …
func appendHead(dst []byte, t Time, meta Value) []byte {
	dst = AppendTime(append(dst, 0x92, 0x92), t.clamp())
	if meta == nil {
		meta = emptyMap
	}
	return append(dst, meta...)
}
