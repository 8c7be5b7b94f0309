// Package forward is Fluentd's forward protocol as both sides of it see it: messages, and the handshake with
// a shared key.
//
// https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1.5
package forward

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/event"
)

// Message is what one frame holds.
type Message struct {
	Tag   string
	Kind  event.Kinds
	Data  []byte      // records one behind the other, or another signal's payload; not checked yet
	Chunk event.Value // to be acknowledged; nil when nobody waits
}

// The forms of a frame:
//
//	[tag, time, record, option]             message
//	[tag, [[time, record], …], option]      forward
//	[tag, "packed records", option]         packed forward, maybe compressed
//
// The option may be missing or nil.

// maxTag is what Fluent Bit's chunk files have room for.
const maxTag = 65531

var errFrame = errors.New("not a message of the forward protocol")

// Decode reads one frame, which is one valid value. What was packed is unpacked to at most limit bytes. The
// message points into the frame.
func Decode(frame event.Value, limit int64) (m Message, err error) {
	n := frame.Len()
	if frame.Type() != event.TypeArray || n < 2 || n > 4 {
		return m, errFrame
	}
	var part [4]event.Value
	i := 0
	for e := range frame.Elems() {
		part[i] = e
		i++
	}
	tag := text(part[0])
	if tag == nil || len(tag) > maxTag {
		return m, errors.New("the tag of a message is no text, or longer than 65531 bytes")
	}
	m.Tag, m.Kind = string(tag), event.Logs
	switch part[1].Type() {
	case event.TypeArray:
		m.Data = elements(part[1])
		return m, m.options(part[2])
	case event.TypeStr, event.TypeBin:
		if err := m.options(part[2]); err != nil {
			return m, err
		}
		m.Data, err = unpack(text(part[1]), part[2].Get("compressed"), limit)
		return m, err
	case event.TypeInt, event.TypeUint, event.TypeExt, event.TypeFloat32, event.TypeFloat64:
		if part[2].Type() != event.TypeMap {
			return m, errors.New("the record of a message is no map")
		}
		if err := m.options(part[3]); err != nil {
			return m, err
		}
		m.Data = record(part[1], part[3].Get("metadata"), part[2])
		return m, nil
	}
	return m, errFrame
}

// options reads what a message says about itself.
func (m *Message) options(o event.Value) error {
	switch o.Type() {
	case event.TypeInvalid, event.TypeNil: // Docker sends nil
		return nil
	case event.TypeMap:
	default:
		return errors.New("the option of a message is no map")
	}
	if c := o.Get("chunk"); c != nil {
		if text(c) == nil {
			return errors.New("the chunk of a message is no text")
		}
		m.Chunk = c
	}
	signal, ok := o.Get("fluent_signal").Uint()
	if o.Get("fluent_signal") == nil {
		return nil
	}
	if !ok || signal >= uint64(len(signals)) {
		return fmt.Errorf("the signal of a message is none that is known here: %d", signal)
	}
	m.Kind = signals[signal]
	return nil
}

// signals are the kinds by their number on the wire.
var signals = [...]event.Kinds{event.Logs, event.Metrics, event.Traces}

// Signal returns the number of a kind on the wire.
func Signal(k event.Kinds) (n int64, ok bool) {
	for i, s := range signals {
		if s == max(k, event.Logs) {
			return int64(i), true
		}
	}
	return 0, false
}

// text returns a text, which old senders write as binary.
func text(v event.Value) []byte {
	if v.Type() == event.TypeBin {
		return v.Bin()
	}
	return v.Str()
}

// elements returns the elements of an array as they stand.
func elements(v event.Value) []byte {
	switch v[0] {
	case 0xdc:
		return v[3:]
	case 0xdd:
		return v[5:]
	}
	return v[1:]
}

func record(time, meta, body event.Value) []byte {
	if meta.Type() != event.TypeMap {
		return append(append([]byte{0x92}, time...), body...)
	}
	dst := append([]byte{0x92, 0x92}, time...)
	return append(append(dst, meta...), body...)
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// unpack goes by what the data is: records begin with neither of the two magic numbers, and some senders name
// the wrong compression or none.
func unpack(data []byte, named event.Value, limit int64) ([]byte, error) {
	kind := compression.None
	switch {
	case bytes.HasPrefix(data, gzipMagic):
		kind = compression.Gzip
	case bytes.HasPrefix(data, zstdMagic):
		kind = compression.Zstd
	default:
		if name := string(named.Str()); name != "" && name != "text" && len(data) > 0 {
			return nil, fmt.Errorf("a message says that it is compressed with '%s', but it is not", name)
		}
	}
	return compression.Expand(kind, data, limit)
}

// Batch makes a batch of the message's data, which is copied and checked. Records that are none are left out
// and reported by an [*event.BadRecords].
func (m *Message) Batch() (*event.Batch, error) {
	if m.Kind == event.Logs {
		b := event.New(m.Tag)
		return b, b.Load(m.Data)
	}
	for rest := m.Data; len(rest) > 0; {
		var err error
		if _, rest, err = event.CheckValue(rest); err != nil {
			return nil, err
		}
	}
	if len(m.Data) == 0 {
		return event.New(m.Tag), nil
	}
	return event.Payload(m.Tag, m.Kind, bytes.Clone(m.Data)), nil
}

// AppendAck appends the answer to a chunk.
func AppendAck(dst []byte, chunk event.Value) []byte {
	dst = event.AppendStr(event.AppendMap(dst, 1), "ack")
	return append(dst, chunk...)
}

// ParseAck reads an answer.
func ParseAck(v event.Value) (chunk string, err error) {
	ack := text(v.Get("ack"))
	if v.Type() != event.TypeMap || ack == nil {
		return "", errors.New("the server answers something else than an acknowledgement")
	}
	return string(ack), nil
}
