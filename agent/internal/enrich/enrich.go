// Package enrich adds the same fields to many records.
package enrich

import (
	"bytes"

	"github.com/fluent/fluent-bit-go/event"
)

// Append appends to dst the fields of body and then those of add. A key of body that is among add's goes.
func Append(dst []event.Field, body event.Value, add []event.Field) []event.Field {
	for k, v := range body.Pairs() {
		if !Has(add, k) {
			dst = append(dst, event.Field{Key: k, Val: v})
		}
	}
	return append(dst, add...)
}

// Has reports whether one of fields has that key.
func Has(fields []event.Field, key event.Value) bool {
	for i := range fields {
		if bytes.Equal(fields[i].Key, key) {
			return true
		}
	}
	return false
}

// Field returns a field of two texts.
func Field(key, val string) event.Field {
	return event.Field{Key: event.AppendStr(nil, key), Val: event.AppendStr(nil, val)}
}
