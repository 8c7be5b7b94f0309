package forward

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/event"
)

// frame makes the message that carries a chunk, in three parts so that the chunk's own bytes are not copied:
//
//	[tag, [record, …], option]     or, compressed or with another signal,     [tag, "…", option]
func (p *protocol) frame(c *event.Chunk) (head, body, tail []byte, token string) {
	logs := c.Kind == event.Logs
	n := 0
	body = c.Bytes()
	switch {
	case !logs:
	case p.timeAsInteger || !p.keepMeta:
		body, n = p.plain(c), c.Len()
	default:
		n = count(body)
	}
	options := p.options || !logs
	head = event.AppendArray(head, 2+one(options))
	head = event.AppendStr(head, p.tagOf(c.Tag, nil))
	if options {
		tail, token = p.appendOptions(nil, c.Kind, n, body, nil)
	}
	switch {
	case p.compress != compression.None:
		head = event.AppendBin(head, compression.Append(nil, p.compress, body))
		return head, nil, tail, token
	case logs:
		head = event.AppendArray(head, n)
	case p.compat:
		head = event.AppendArray(event.AppendArray(head, 1), 2)
		head = event.AppendArray(event.AppendTime(head, event.Now()), count(body))
	default:
		head = event.AppendBin(head, body)
		body = nil
	}
	return head, body, tail, token
}

// plain is the records without metadata and group markers: [time, record].
func (p *protocol) plain(c *event.Chunk) []byte {
	dst := make([]byte, 0, len(c.Bytes()))
	for r := range c.Records() {
		dst = p.appendTime(event.AppendArray(dst, 2), r.Time())
		dst = append(dst, r.Body()...)
	}
	return dst
}

func (p *protocol) appendTime(dst []byte, t event.Time) []byte {
	if p.timeAsInteger {
		return event.AppendInt(dst, t.Sec)
	}
	return event.AppendTime(dst, t)
}

// message makes the message of one record: [tag, time, record, option].
func (p *protocol) message(tag string, r *event.Record) (frame []byte, token string) {
	frame = event.AppendStr(event.AppendArray(nil, 4), p.tagOf(tag, r.Body()))
	frame = append(p.appendTime(frame, r.Time()), r.Body()...)
	return p.appendOptions(frame, event.Logs, 0, r.Raw(), r.Meta())
}

func (p *protocol) tagOf(tag string, body event.Value) string {
	if p.tag == nil {
		return tag
	}
	t, _ := p.tag.AppendText(nil, accessor.Source{Tag: tag, Body: body}) // what is missing is left out
	if len(t) == 0 {
		return tag
	}
	return string(t)
}

// appendOptions appends the option map. The chunk's token comes first and is made of the payload, so that an
// attempt that is made again has the same.
func (p *protocol) appendOptions(dst []byte, kind event.Kinds, n int, payload []byte, meta event.Value) ([]byte, string) {
	packed := p.compress != compression.None
	token := ""
	dst = event.AppendMap(dst, 1+one(p.ack)+one(n > 0)+one(packed)+len(p.extra)+one(meta.Len() > 0))
	if p.ack {
		sum := sha512.Sum512(payload)
		token = base64.StdEncoding.EncodeToString(sum[:16])
		dst = event.AppendStr(event.AppendStr(dst, "chunk"), token)
	}
	if n > 0 {
		dst = event.AppendInt(event.AppendStr(dst, "size"), int64(n))
	}
	if packed {
		dst = event.AppendStr(event.AppendStr(dst, "compressed"), p.compress)
	}
	signal, _ := forward.Signal(kind)
	dst = event.AppendInt(event.AppendStr(dst, "fluent_signal"), signal)
	for _, e := range p.extra {
		dst = event.AppendStr(event.AppendStr(dst, e[0]), strings.Join(e[1:], " "))
	}
	if meta.Len() > 0 {
		dst = append(event.AppendStr(dst, "metadata"), meta...)
	}
	return dst, token
}

// count returns how many values follow each other, group markers included.
func count(data []byte) (n int) {
	for len(data) > 0 {
		_, rest, err := event.CheckValue(data)
		if err != nil {
			panic("BUG: unchecked record in chunk: " + err.Error())
		}
		data = rest
		n++
	}
	return n
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
