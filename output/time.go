package output

import (
	"encoding/binary"
	"time"
)

// FLBTime is the time of an event: Fluentd's EventTime, MessagePack extension 0 with 4 bytes of seconds and 4 of
// nanoseconds, both unsigned and big-endian. See https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
type FLBTime struct {
	time.Time
}

// The methods below are those of an extension handler, of the codec library that plugins may know FLBTime from.

// WriteExt returns the 8 bytes of v, an FLBTime or a *FLBTime; f itself for anything else.
func (f FLBTime) WriteExt(v interface{}) []byte {
	switch t := v.(type) {
	case FLBTime:
		f = t
	case *FLBTime:
		if t != nil {
			f = *t
		}
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 8), uint32(f.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(f.Nanosecond()))
}

// ReadExt sets i, a *FLBTime, from 8 bytes. Anything else is left as it is.
func (f FLBTime) ReadExt(i interface{}, b []byte) {
	out, ok := i.(*FLBTime)
	if t, valid := timeOf(0, b); ok && out != nil && valid {
		out.Time = t
	}
}

// ConvertExt returns nil: an EventTime has no form but its bytes.
func (f FLBTime) ConvertExt(v interface{}) interface{} { return nil }

// UpdateExt does nothing, for the same reason.
func (f FLBTime) UpdateExt(dest interface{}, v interface{}) {}

// RawExt is an extension value that has no Go type. Its fields are those of the type of the same name in
// github.com/ugorji/go/codec, which plugins got in this place before: only the import changes.
type RawExt struct {
	Tag   uint64 // the extension's type as a byte: -2 is 254
	Data  []byte
	Value interface{} // always nil
}

// timeOf reads extension 0 (EventTime) and -1 (MessagePack's own timestamp, in its three lengths).
func timeOf(typ int8, b []byte) (time.Time, bool) {
	switch {
	case typ == 0 && len(b) == 8:
		return time.Unix(int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))), true
	case typ == -1 && len(b) == 4:
		return time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC(), true
	case typ == -1 && len(b) == 8:
		v := binary.BigEndian.Uint64(b)
		return time.Unix(int64(v&(1<<34-1)), int64(v>>34)).UTC(), true
	case typ == -1 && len(b) == 12:
		return time.Unix(int64(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint32(b))).UTC(), true
	}
	return time.Time{}, false
}
