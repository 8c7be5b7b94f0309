package kubernetes

import (
	"bytes"
	"slices"

	"github.com/fluent/fluent-bit-go/agent/internal/enrich"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// mergeLog leaves in f.fields the record's fields, those of its log, and add. A time is returned when the parser
// found one.
func (f *filter) mergeLog(body event.Value, parser plugin.Parser, add []event.Field) (t event.Time) {
	f.fields = enrich.Append(f.fields[:0], body, nil)
	at := -1
	for i := range f.fields {
		if f.fields[i].Is("log") {
			at = i
			break
		}
	}
	if at >= 0 {
		log := f.fields[at].Val
		inner, parsed := log, false
		if s := log.Str(); s != nil {
			inner, t = f.parseLog(s, parser)
			parsed = true
		}
		if inner.Type() == event.TypeMap {
			if !f.keepLog {
				f.fields = append(f.fields[:at], f.fields[at+1:]...)
			}
			f.addInner(inner, parsed && f.trim)
		}
	}
	f.fields = slices.DeleteFunc(f.fields, func(own event.Field) bool { // what is added takes the place of what is called so
		return enrich.Has(add, own.Key)
	})
	f.fields = append(f.fields, add...)
	return t
}

// parseLog reads a line, with the parser or as one JSON object; nil when it is none.
func (f *filter) parseLog(line []byte, parser plugin.Parser) (event.Value, event.Time) {
	if parser != nil {
		out, t, err := parser.Parse(f.merged[:0], line)
		if err != nil {
			return nil, event.Time{}
		}
		f.merged = out
		return out, t
	}
	if trimmed := bytes.TrimLeft(line, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, event.Time{} // fast path: most lines that are no JSON
	}
	out, used, err := event.ParseJSON(f.merged[:0], line)
	if err != nil || len(bytes.TrimSpace(line[used:])) > 0 {
		return nil, event.Time{}
	}
	f.merged = out
	return out, event.Time{}
}

// addInner adds the fields of log, or a map of them.
func (f *filter) addInner(inner event.Value, trim bool) {
	from := len(f.fields)
	f.texts = f.texts[:0]
	for k, v := range inner.Pairs() {
		if trim {
			v = f.trimmed(v)
		}
		f.fields = append(f.fields, event.Field{Key: k, Val: v})
	}
	if f.mergeKey == "" || len(f.fields) == from {
		return
	}
	at := len(f.texts)
	f.texts = event.AppendStr(f.texts, f.mergeKey)
	mid := len(f.texts)
	f.texts = event.AppendMapOf(f.texts, f.fields[from:])
	f.fields = append(f.fields[:from], event.Field{Key: f.texts[at:mid:mid], Val: f.texts[mid:len(f.texts):len(f.texts)]})
}

// trimmed takes line ends off the end of a text, also those written as \n or \r.
func (f *filter) trimmed(v event.Value) event.Value {
	s := v.Str()
	n := len(s)
	for n > 1 {
		if s[n-1] == '\n' {
			n--
		} else if s[n-2] == '\\' && (s[n-1] == 'n' || s[n-1] == 'r') {
			n -= 2
		} else {
			break
		}
	}
	if n == len(s) {
		return v
	}
	at := len(f.texts)
	f.texts = event.AppendStr(f.texts, s[:n])
	return f.texts[at:len(f.texts):len(f.texts)]
}
