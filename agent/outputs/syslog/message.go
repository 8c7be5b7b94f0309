package syslog

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/event"
)

// parts are what a record says about its message.
type parts struct {
	severity, facility  int
	host, app, proc, id string
	message             []byte
	hasMessage          bool
	sd                  []byte
}

// message appends a record's message, cut to the size that is allowed. On connections line ends separate
// messages, so within one they become blanks.
func (o *output) message(dst []byte, r *event.Record) []byte {
	p := o.parts(r)
	start := len(dst)
	switch {
	case len(p.message) > 0 && p.message[0] == '<': // it is one already
		dst = append(dst, p.message...)
	case o.standard == rfc3164:
		dst = p.append3164(dst, r.Time())
	default:
		dst = p.append5424(dst, r.Time())
	}
	if end := start + int(o.maxSize); len(dst) > end {
		for dst = dst[:end]; len(dst) > start && !utf8.FullRune(lastRune(dst[start:])); {
			dst = dst[:len(dst)-1]
		}
	}
	if o.mode != udp {
		for i, c := range dst[start:] {
			if c == '\n' || c == '\r' || c == 0 {
				dst[start+i] = ' '
			}
		}
	}
	return dst
}

// lastRune is the beginning of the last character of b, which may be cut short.
func lastRune(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			return b[i:]
		}
	}
	return b[len(b)-1:]
}

// parts takes the first value that stands under each key.
func (o *output) parts(r *event.Record) parts {
	p := parts{severity: -1, facility: -1}
	for k, v := range r.Body().Pairs() {
		key := string(k.Str())
		if key == "" {
			continue
		}
		if v.Type() == event.TypeMap {
			if slices.Contains(o.sdKeys, key) {
				p.sd = o.appendSD(p.sd, key, v)
			}
			continue
		}
		text, ok := appendScalar(nil, v)
		if !ok {
			continue
		}
		switch key {
		case o.severityKey:
			o.level(&p.severity, string(text), severities, "severity")
		case o.facilityKey:
			o.level(&p.facility, string(text), facilities, "facility")
		case o.host.key:
			first(&p.host, text)
		case o.app.key:
			first(&p.app, text)
		case o.proc.key:
			first(&p.proc, text)
		case o.id.key:
			first(&p.id, text)
		case o.messageKey:
			if !p.hasMessage {
				p.message, p.hasMessage = text, true
			}
		}
	}
	if p.severity < 0 {
		p.severity = o.severity
	}
	if p.facility < 0 {
		p.facility = o.facility
	}
	first(&p.host, []byte(o.host.preset))
	first(&p.app, []byte(o.app.preset))
	first(&p.proc, []byte(o.proc.preset))
	first(&p.id, []byte(o.id.preset))
	return p
}

func first(p *string, text []byte) {
	if *p == "" {
		*p = string(text)
	}
}

func (o *output) level(p *int, text string, names []string, what string) {
	if *p >= 0 {
		return
	}
	n, err := level(text, names)
	if err != nil {
		o.bad.Warn(o.Env.Log, fmt.Sprintf("the preset stands for the %s of a record: %v", what, err))
		return
	}
	*p = n
}

// appendScalar appends the text form of a value that is neither map nor list; binary as it is.
func appendScalar(dst []byte, v event.Value) ([]byte, bool) {
	switch v.Type() {
	case event.TypeBin:
		return append(dst, v.Bin()...), true
	case event.TypeNil, event.TypeMap:
		return dst, false
	}
	return accessor.AppendValue(dst, v)
}

// appendSD appends one element of structured data: [name key="value" …].
func (o *output) appendSD(dst []byte, name string, v event.Value) []byte {
	dst = o.appendName(append(dst, '['), name)
	for k, val := range v.Pairs() {
		key := string(k.Str())
		text, ok := appendScalar(nil, val)
		if !ok || key == "" {
			continue
		}
		dst = append(o.appendName(append(dst, ' '), key), `="`...)
		for _, c := range text {
			if c == '"' || c == '\\' || c == ']' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		}
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// appendName appends a name of structured data: printable ASCII but = ] " and the blank.
func (o *output) appendName(dst []byte, name string) []byte {
	if len(name) > 32 && !o.longNames {
		name = name[:32]
	}
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || c == '=' || c == ']' || c == '"' {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

func (p *parts) append5424(dst []byte, t event.Time) []byte {
	dst = fmt.Appendf(dst, "<%d>1 ", p.facility<<3+p.severity)
	dst = t.Go().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	for _, f := range []struct {
		text string
		max  int
	}{{p.host, 255}, {p.app, 48}, {p.proc, 128}, {p.id, 32}} {
		dst = appendWord(append(dst, ' '), f.text, f.max)
	}
	dst = append(dst, ' ')
	if len(p.sd) == 0 {
		dst = append(dst, '-')
	}
	dst = append(dst, p.sd...)
	if p.hasMessage {
		dst = append(append(dst, " \ufeff"...), p.message...) // the mark says that it is UTF-8
	}
	return dst
}

// appendWord appends a part of the header, in which blanks separate the parts.
func appendWord(dst []byte, text string, limit int) []byte {
	if text == "" {
		return append(dst, '-')
	}
	for i := range min(len(text), limit) {
		c := text[i]
		if c <= ' ' || c == 0x7f {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

func (p *parts) append3164(dst []byte, t event.Time) []byte {
	dst = fmt.Appendf(dst, "<%d>", p.facility<<3+p.severity)
	dst = t.Go().AppendFormat(dst, "Jan _2 15:04:05 ")
	if p.host != "" {
		dst = append(append(dst, p.host...), ' ')
	}
	if p.app != "" {
		dst = append(dst, p.app...)
		if p.proc != "" {
			dst = append(append(append(dst, '['), p.proc...), ']')
		}
		dst = append(dst, ": "...)
	}
	return append(dst, p.message...)
}
