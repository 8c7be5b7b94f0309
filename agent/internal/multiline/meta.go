package multiline

import (
	"bytes"

	"github.com/fluent/fluent-bit-go/event"
)

// truncated is what the metadata of a record say that was cut at multiline_buffer_limit.
var truncated = event.AppendBool(event.AppendStr(event.AppendMap(nil, 1), "multiline_truncated"), true)

// addMeta returns meta with the pairs of more whose keys it lacks.
func addMeta(meta, more event.Value) event.Value {
	fields := event.AppendFields(nil, meta)
	n := len(fields)
next:
	for k, v := range more.Pairs() {
		for _, f := range fields[:n] {
			if bytes.Equal(f.Key, k) {
				continue next
			}
		}
		fields = append(fields, event.Field{Key: k, Val: v})
	}
	return event.AppendMapOf(nil, fields)
}
