package file

import (
	"bytes"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/event"
)

// appendRecord adds a record to what goes into a file, in the configured format.
func (o *output) appendRecord(p *part, tag string, r *event.Record) {
	switch o.format {
	case formatPlain:
		p.buf = append(event.AppendJSON(p.buf, r.Body(), o.style), '\n')
	case formatCSV:
		o.appendCSV(p, r)
	case formatLTSV:
		p.buf = o.appendLTSV(p.buf, r)
	case formatTemplate:
		p.buf = o.appendTemplate(p.buf, r)
	case formatMsgPack:
		p.buf = append(p.buf, r.Raw()...)
	default:
		p.buf = append(append(p.buf, tag...), ": ["...)
		p.buf = append(format.AppendSeconds(p.buf, r.Time(), 9), ", "...)
		p.buf = append(event.AppendJSON(p.buf, r.Body(), o.style), "]\n"...)
	}
}

// appendLTSV writes "time":1700000000.500000, then "key":value for each pair, the labels in quotes as
// Fluent Bit writes them. Inside of texts quotes, tabs and line ends are escaped as in JSON.
func (o *output) appendLTSV(dst []byte, r *event.Record) []byte {
	dst = append(append(dst, `"time"`...), o.label...)
	dst = format.AppendFloat(dst, format.Seconds(r.Time()))
	for k, v := range r.Body().Pairs() {
		dst = append(dst, o.delimiter...)
		dst = append(o.appendLTSVValue(dst, k), o.label...)
		dst = o.appendLTSVValue(dst, v)
	}
	return append(dst, '\n')
}

func (o *output) appendLTSVValue(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeStr:
		return event.AppendJSONString(dst, v.Str(), event.JSONStyle{RawUTF8: true})
	case event.TypeMap, event.TypeArray, event.TypeBin, event.TypeExt:
		return event.AppendJSON(dst, v, o.style)
	}
	return format.AppendText(dst, v)
}

// appendTemplate writes the template with {time} and {key} replaced. What names no key stays.
func (o *output) appendTemplate(dst []byte, r *event.Record) []byte {
	body := r.Body()
	rest := o.template
	for {
		text, after, ok := strings.Cut(rest, "{")
		dst = append(dst, text...)
		if !ok {
			return append(dst, '\n')
		}
		key, tail, ok := strings.Cut(after, "}")
		if !ok {
			return append(append(append(dst, '{'), after...), '\n')
		}
		v := body.Get(key)
		switch {
		case key == "time":
			dst = format.AppendFloat(dst, format.Seconds(r.Time()))
		case v == nil:
			dst = append(dst, '{')
			rest = after
			continue
		case v.Type() == event.TypeStr:
			dst = append(dst, v.Str()...)
		default:
			dst = format.AppendText(dst, v)
		}
		rest = tail
	}
}

// appendCSV writes the time and the values. With column names the values stand in the columns' order, a
// missing one is empty, and a record with a key that has no column begins a new header.
func (o *output) appendCSV(p *part, r *event.Record) {
	if !o.header {
		p.buf = format.AppendSeconds(p.buf, r.Time(), 9)
		for _, v := range r.Body().Pairs() {
			p.buf = o.appendCSVValue(append(p.buf, o.delimiter...), v)
		}
		p.buf = append(p.buf, '\n')
		return
	}
	body := r.Body()
	if !covers(p.columns, body) {
		p.columns = keys(body)
		line := o.headerLine(p.columns)
		if len(p.buf) == 0 && p.head == nil {
			p.head = line
		} else {
			p.buf = append(p.buf, line...)
		}
	}
	p.buf = format.AppendSeconds(p.buf, r.Time(), 9)
	for _, c := range p.columns {
		p.buf = append(p.buf, o.delimiter...)
		if v := body.Get(c); v != nil {
			p.buf = o.appendCSVValue(p.buf, v)
		}
	}
	p.buf = append(p.buf, '\n')
}

// covers reports whether every key of body has a column.
func covers(columns []string, body event.Value) bool {
	if columns == nil {
		return false
	}
	for k := range body.Pairs() {
		if !slices.Contains(columns, string(k.Str())) {
			return false
		}
	}
	return true
}

func keys(body event.Value) []string {
	list := []string{}
	for k := range body.Pairs() {
		if s := string(k.Str()); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func (o *output) headerLine(columns []string) []byte {
	line := []byte("timestamp")
	for _, c := range columns {
		line = appendQuoted(append(line, o.delimiter...), []byte(c))
	}
	return append(line, '\n')
}

// parseHeader reads a line that headerLine wrote; nil when it is none.
func (o *output) parseHeader(line []byte) []string {
	rest, ok := bytes.CutPrefix(line, []byte("timestamp"))
	columns := []string{}
	for ok && len(rest) > 0 {
		if rest, ok = bytes.CutPrefix(rest, []byte(o.delimiter+`"`)); !ok {
			break
		}
		var name []byte
		for {
			text, after, closed := bytes.Cut(rest, []byte{'"'})
			if !closed {
				return nil
			}
			name, rest = append(name, text...), after
			if len(rest) == 0 || rest[0] != '"' {
				break
			}
			name, rest = append(name, '"'), rest[1:]
		}
		columns = append(columns, string(name))
	}
	if !ok {
		return nil
	}
	return columns
}

// appendCSVValue writes texts and binary data, and maps and arrays as JSON, in quotes; quotes inside are doubled.
func (o *output) appendCSVValue(dst []byte, v event.Value) []byte {
	switch v.Type() {
	case event.TypeStr:
		return appendQuoted(dst, v.Str())
	case event.TypeBin:
		return appendQuoted(dst, v.Bin())
	case event.TypeMap, event.TypeArray, event.TypeExt:
		return appendQuoted(dst, event.AppendJSON(nil, v, o.style))
	}
	return format.AppendText(dst, v)
}

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		before, after, ok := bytes.Cut(text, []byte{'"'})
		dst = append(dst, before...)
		if !ok {
			return append(dst, '"')
		}
		dst = append(dst, `""`...)
		text = after
	}
}
