package parsing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// decoder is all that is to be done with one field.
type decoder struct {
	key   string
	rules []rule
}

type rule struct {
	as      bool // the result replaces the field; otherwise its keys are added to the record
	backend backend
	then    action
}

type backend string

const (
	backendJSON    backend = "json"
	backendEscaped backend = "escaped"
	backendUTF8    backend = "escaped_utf8"
	backendMySQL   backend = "mysql_quoted"
)

// action says when the field's next rule has its turn.
type action string

const (
	actStop    action = ""         // never
	actTryNext action = "try_next" // after a failure
	actDoNext  action = "do_next"  // always
)

// addDecoder reads "decoder field [action]" of Decode_Field and Decode_Field_As.
func (s *Settings) addDecoder(key string, v option.Value) error {
	words := strings.Fields(v.Text)
	if len(words) < 2 || len(words) > 3 {
		return errors.New("is not of the form: decoder field [try_next|do_next]")
	}
	r := rule{as: strings.EqualFold(key, "decode_field_as"), backend: backend(strings.ToLower(words[0]))}
	switch r.backend {
	case backendJSON, backendEscaped, backendUTF8, backendMySQL:
	default:
		return fmt.Errorf("has the unknown decoder '%s'; %s", words[0], orElse(
			option.Suggest(words[0], []string{"json", "escaped", "escaped_utf8", "mysql_quoted"}),
			"there are json, escaped, escaped_utf8 and mysql_quoted"))
	}
	if len(words) == 3 {
		r.then = action(strings.ToLower(words[2]))
		if r.then != actTryNext && r.then != actDoNext {
			return fmt.Errorf("has the unknown action '%s'; there are try_next and do_next", words[2])
		}
	}
	for _, d := range s.decoders {
		if d.key == words[1] {
			d.rules = append(d.rules, r)
			return nil
		}
	}
	s.decoders = append(s.decoders, &decoder{words[1], []rule{r}})
	return nil
}

// pointless reports whether a rule would add keys but cannot find any.
func (d *decoder) pointless() bool {
	for _, r := range d.rules {
		if !r.as && r.backend != backendJSON {
			return true
		}
	}
	return false
}

func (r *Rules) decoderOf(f event.Field) *decoder {
	if f.Key.Type() != event.TypeStr || f.Val.Type() != event.TypeStr {
		return nil
	}
	for _, d := range r.decoders {
		if string(f.Key.Str()) == d.key {
			return d
		}
	}
	return nil
}

// decode applies the decoders to the map at dst[at:]. Keys that are added come last.
func (b *Builder) decode(dst []byte, at int) []byte {
	b.fields = event.AppendFields(b.fields[:0], dst[at:])
	touched := false
	for _, f := range b.fields {
		touched = touched || b.rules.decoderOf(f) != nil
	}
	if !touched {
		return dst
	}
	b.work, b.extra, b.extras = b.work[:0], b.extra[:0], 0
	for _, f := range b.fields {
		b.work = append(b.work, f.Key...)
		if d := b.rules.decoderOf(f); d != nil {
			b.apply(d, f.Val)
			continue
		}
		b.work = append(b.work, f.Val...)
	}
	dst = event.AppendMap(dst[:at], len(b.fields)+b.extras)
	return append(append(dst, b.work...), b.extra...)
}

// apply runs one field's rules and appends the field's value to b.work.
func (b *Builder) apply(d *decoder, val event.Value) {
	text, plain := val.Str(), true // plain: the value is still val
	added := false
	b.text = b.text[:0]
	for i := range d.rules {
		r := &d.rules[i]
		if !r.as && added && r.then == actDoNext {
			continue // a field adds its keys once
		}
		out, isMap, ok := appendDecoded(b.next[:0], r.backend, text)
		b.next = out
		if !ok {
			if r.then == actStop {
				break
			}
			continue
		}
		switch {
		case r.as && isMap:
			b.work = append(b.work, out...)
			return // it is no text any more
		case r.as:
			b.text, b.next = b.next, b.text
			text, plain = b.text, false
		case isMap:
			b.add(out)
			added = true
		}
		if r.then != actDoNext {
			break
		}
	}
	if plain {
		b.work = append(b.work, val...)
		return
	}
	b.work = event.AppendStr(b.work, text)
}

// add appends the pairs of an encoded map to those that are added to the record.
func (b *Builder) add(m event.Value) {
	b.extras += m.Len()
	b.extra = append(b.extra, m[header(m):]...)
}

// appendDecoded appends what text means to dst: a text, or an encoded map. dst is empty.
func appendDecoded(dst []byte, k backend, text []byte) (out []byte, isMap, ok bool) {
	switch k {
	case backendEscaped:
		return appendEscaped(dst, text), false, true
	case backendUTF8:
		return AppendUnescaped(dst, text), false, true
	case backendMySQL:
		return appendMySQL(dst, text), false, true
	}
	out, ok = AppendObject(dst, text)
	return out, true, ok
}

// AppendObject appends the JSON object that text holds to dst as a map. Words behind the object do not
// matter unless they begin with a whole JSON value, which makes it no single object.
func AppendObject(dst, text []byte) (out []byte, ok bool) {
	if len(text) > 0 && text[0] != '{' {
		text = bytes.TrimLeft(text, " \t\r\n")
	}
	if len(text) == 0 || text[0] != '{' {
		return dst, false
	}
	out, used, err := event.ParseJSON(dst, text)
	if err != nil {
		return dst, false
	}
	if used == len(text) { // fast path
		return out, true
	}
	probe, _, err := event.ParseJSON(out, text[used:])
	if err == nil {
		return probe[:len(dst)], false
	}
	return probe[:len(out)], true
}
