package content_modifier

import (
	"fmt"

	"github.com/fluent/fluent-bit-go/event"
)

// each is the step of a path that stands for every element of an array.
const each = "*"

// edit appends to dst what becomes of v, which may be v itself, and tells whether that is something else.
type edit func(dst []byte, v event.Value) (out []byte, changed bool)

// rewrite appends a copy of v in which all that path leads to has been edited.
func rewrite(dst []byte, v event.Value, path []string, f edit) (out []byte, changed bool) {
	if len(path) == 0 {
		return f(dst, v)
	}
	step, path := path[0], path[1:]
	switch {
	case step == each && v.Type() == event.TypeArray:
		dst = event.AppendArray(dst, v.Len())
		for e := range v.Elems() {
			var did bool
			dst, did = rewrite(dst, e, path, f)
			changed = changed || did
		}
	case step != each && v.Type() == event.TypeMap:
		dst = event.AppendMap(dst, v.Len())
		for k, val := range v.Pairs() {
			dst = append(dst, k...)
			if !(event.Field{Key: k}).Is(step) {
				dst = append(dst, val...)
				continue
			}
			var did bool
			dst, did = rewrite(dst, val, path, f)
			changed = changed || did
		}
	default:
		dst = append(dst, v...)
	}
	return dst, changed
}

// payload edits every context of a batch, which are encoded as the C libraries ctraces and cmetrics do it.
// Bytes that are no MessagePack are reported and left alone.
func payload(b *event.Batch, path []string, f edit) error {
	var out []byte
	changed := false
	for rest := b.Bytes(); len(rest) > 0; {
		v, after, err := event.CheckValue(rest)
		if err != nil {
			return fmt.Errorf("the batch is left as it is: %w", err)
		}
		var did bool
		out, did = rewrite(out, v, path, f)
		changed, rest = changed || did, after
	}
	if changed {
		b.SetPayload(out)
	}
	return nil
}

// spanKinds are the kinds of spans, by their numbers in OTLP.
var spanKinds = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}

func (f *filter) traces(b *event.Batch) error {
	path := []string{"resourceSpans", each, "scope_spans", each, "spans", each}
	switch p, _ := f.context.in(event.Traces); p.name {
	case "span_attributes":
		path = append(path, "attributes")
	case "span_status":
		path = append(path, "status")
	}
	return payload(b, path, f.editMap)
}

// editMap does the action on a map; nil is an empty one.
func (f *filter) editMap(dst []byte, v event.Value) ([]byte, bool) {
	if v.Type() != event.TypeMap && v.Type() != event.TypeNil {
		return append(dst, v...), false
	}
	fields, changed := f.apply(v)
	if !changed {
		return append(dst, v...), false
	}
	return event.AppendMapOf(dst, fields), true
}

func (f *filter) metrics(b *event.Batch) error {
	switch p, _ := f.context.in(event.Metrics); {
	case p.path != nil:
		return payload(b, []string{"meta", "external"}, func(dst []byte, v event.Value) ([]byte, bool) {
			external, changed := f.inside(v, p.path)
			if !changed {
				external = v
			}
			return append(dst, external...), changed
		})
	case p.key != "":
		return payload(b, []string{"metrics", each, "meta", "opts"}, f.editMap)
	}
	return payload(b, nil, func(dst []byte, v event.Value) ([]byte, bool) {
		// What a label of the whole context has, no metric of it gets once more.
		static := false
		one, changed := rewrite(nil, v, []string{"meta", "processing", "static_labels"}, func(dst []byte, v event.Value) ([]byte, bool) {
			out, has, changed := f.staticLabels(dst, v)
			static = static || has
			return out, changed
		})
		if static && (f.action == actInsert || f.action == actUpsert) {
			return append(dst, one...), changed
		}
		dst, did := rewrite(dst, one, []string{"metrics", each}, f.labels)
		return dst, changed || did
	})
}

// staticLabels edits [[name, value], …]; has tells whether the key is among them. Nothing is added to them.
func (f *filter) staticLabels(dst []byte, v event.Value) (out []byte, has, changed bool) {
	var pairs []event.Field
	for p := range v.Elems() {
		pairs = append(pairs, event.Field{Key: p.Index(0), Val: p.Index(1)})
		if pairs[len(pairs)-1].Key == nil || pairs[len(pairs)-1].Val == nil {
			return append(dst, v...), false, false
		}
		has = has || same(p.Index(0), f.key)
	}
	if !has {
		return append(dst, v...), false, false
	}
	fields, changed := f.apply(event.AppendMapOf(nil, pairs))
	if !changed {
		return append(dst, v...), true, false
	}
	dst = event.AppendArray(dst, len(fields))
	for _, l := range fields {
		dst = append(event.AppendArray(dst, 2), l.Key...)
		dst = f.appendLabel(dst, l.Val)
	}
	return dst, true, true
}

// appendLabel appends a value as the text that labels are.
func (f *filter) appendLabel(dst []byte, v event.Value) []byte {
	if v.Type() == event.TypeStr || v.Type() == event.TypeNil {
		return append(dst, v...)
	}
	f.text = appendText(f.text[:0], v)
	return event.AppendStr(dst, f.text)
}

// labels edits the labels of one family of metrics: their names stand in its meta, their values with each of
// its samples, in the same order.
func (f *filter) labels(dst []byte, family event.Value) ([]byte, bool) {
	var names, used []event.Value
	for n := range family.Get("meta").Get("labels").Elems() {
		names = append(names, n)
	}
	var results []event.Value  // of each sample, as a map
	places := map[string]int{} // in used
	changed := false
	for sample := range family.Get("values").Elems() {
		var pairs []event.Field
		i := 0
		for l := range sample.Get("labels").Elems() {
			if i < len(names) && l.Type() != event.TypeNil {
				pairs = append(pairs, event.Field{Key: names[i], Val: l})
			}
			i++
		}
		fields, did := f.apply(event.AppendMapOf(nil, pairs))
		changed = changed || did
		results = append(results, event.AppendMapOf(nil, fields))
		for _, l := range fields {
			if _, known := places[nameOf(l.Key)]; !known {
				places[nameOf(l.Key)] = len(used)
				used = append(used, append(event.Value(nil), l.Key...))
			}
		}
	}
	if !changed {
		return append(dst, family...), false
	}
	named, _ := rewrite(nil, family, []string{"meta", "labels"}, func(dst []byte, _ event.Value) ([]byte, bool) {
		dst = event.AppendArray(dst, len(used))
		for _, n := range used {
			dst = append(dst, n...)
		}
		return dst, true
	})
	i := -1
	return rewrite(dst, named, []string{"values", each}, func(dst []byte, sample event.Value) ([]byte, bool) {
		i++
		return f.appendSample(dst, sample, places, results[i]), true
	})
}

// appendSample appends a sample with the labels that a map holds, each in the place that its name has.
func (f *filter) appendSample(dst []byte, sample event.Value, places map[string]int, labels event.Value) []byte {
	values := make([]event.Value, len(places))
	for k, v := range labels.Pairs() {
		values[places[nameOf(k)]] = v
	}
	list := event.AppendArray(nil, len(values))
	for _, v := range values {
		if v == nil {
			v = event.Value{0xc0} // this sample has no such label
		}
		list = f.appendLabel(list, v)
	}
	fields := event.AppendFields(nil, sample)
	kept := fields[:0]
	for _, l := range fields {
		if !l.Is("labels") {
			kept = append(kept, l)
		}
	}
	if len(values) > 0 {
		kept = append(kept, event.Field{Key: event.AppendStr(nil, "labels"), Val: list})
	}
	return event.AppendMapOf(dst, kept)
}

// nameOf is the same for all encodings of a text.
func nameOf(key event.Value) string {
	if key.Type() == event.TypeStr {
		return string(key.Str())
	}
	return string(key)
}
