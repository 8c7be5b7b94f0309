package sampling

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/fluent/fluent-bit-go/event"
)

// span is a span of a payload with what it hangs on. Spans of the same payload share those.
type span struct {
	resource *part
	scope    *part
	body     event.Value
}

// part is a map without the list that it holds: a resource and its schema, or a scope and its schema.
type part struct{ fields []event.Field }

func (p *part) get(key string) event.Value {
	for _, f := range p.fields {
		if f.Is(key) {
			return f.Val
		}
	}
	return nil
}

// read lists the spans of contexts of traces, which are encoded as the C library ctraces does it:
// {resourceSpans: [{resource, schema_url, scope_spans: [{scope, schema_url, spans: […]}]}]}.
func read(data []byte) (spans []span, err error) {
	for len(data) > 0 {
		v, rest, err := event.CheckValue(data)
		if err != nil {
			return nil, err
		}
		data = rest
		for r := range v.Get("resourceSpans").Elems() {
			resource := apart(r, "scope_spans")
			for s := range r.Get("scope_spans").Elems() {
				scope := apart(s, "spans")
				for body := range s.Get("spans").Elems() {
					spans = append(spans, span{resource, scope, body})
				}
			}
		}
	}
	return spans, nil
}

func apart(v event.Value, list string) *part {
	p := new(part)
	for k, val := range v.Pairs() {
		if f := (event.Field{Key: k, Val: val}); !f.Is(list) {
			p.fields = append(p.fields, f)
		}
	}
	return p
}

// write makes a payload of spans, in their order as far as they hang on the same; nil for none.
func write(spans []span) []byte {
	type scope struct {
		of    *part
		spans []event.Value
	}
	type resource struct {
		of     *part
		scopes []*scope
	}
	var list []*resource
	resources, scopes := map[*part]*resource{}, map[*part]*scope{}
	for _, s := range spans {
		if scopes[s.scope] == nil {
			r := resources[s.resource]
			if r == nil {
				r = &resource{of: s.resource}
				resources[s.resource] = r
				list = append(list, r)
			}
			scopes[s.scope] = &scope{of: s.scope}
			r.scopes = append(r.scopes, scopes[s.scope])
		}
		to := scopes[s.scope]
		to.spans = append(to.spans, s.body)
	}
	if len(list) == 0 {
		return nil
	}
	dst := event.AppendStr(event.AppendMap(nil, 1), "resourceSpans")
	dst = event.AppendArray(dst, len(list))
	for _, r := range list {
		dst = event.AppendArray(r.of.append(dst, "scope_spans"), len(r.scopes))
		for _, s := range r.scopes {
			dst = event.AppendArray(s.of.append(dst, "spans"), len(s.spans))
			for _, body := range s.spans {
				dst = append(dst, body...)
			}
		}
	}
	return dst
}

// append appends the map up to the value under list, which has to follow.
func (p *part) append(dst []byte, list string) []byte {
	dst = event.AppendMap(dst, len(p.fields)+1)
	for _, f := range p.fields {
		dst = append(append(dst, f.Key...), f.Val...)
	}
	return event.AppendStr(dst, list)
}

// traceID returns the bytes of a span's trace id, which is encoded in hex; nil when it has none.
func traceID(body event.Value) []byte {
	id := body.Get("trace_id")
	text := id.Str()
	if text == nil {
		return id.Bin()
	}
	raw := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(raw, text); err != nil {
		return nil
	}
	return raw
}

// keeps decides by the trace's id alone, so that every agent decides alike.
func (f *probabilistic) keeps(body event.Value) bool {
	id := traceID(body)
	if len(id) < 8 {
		return true // without an id there is nothing to decide by
	}
	return float64(binary.BigEndian.Uint64(id)%1_000_000)/10_000 < f.percentage
}
