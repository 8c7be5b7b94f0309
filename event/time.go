package event

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Time is a record's timestamp: seconds and nanoseconds since 1970, UTC. The wire carries seconds as
// 32 bits: records before 1970 get its first second, records after 2106 its last.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Now returns the current time.
func Now() Time { return At(time.Now()) }

// At returns t as a Time.
func At(t time.Time) Time { return Time{t.Unix(), uint32(t.Nanosecond())} }

// Go returns t as a time.Time in UTC.
func (t Time) Go() time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// The seconds that mark the border of an OTLP group instead of a date.
const (
	groupStart = -1
	groupEnd   = -2

	lastSecond = math.MaxUint32 - 2 // the highest that marks none
)

// clamp brings t into what a record can carry, so that no date is taken for a group's border.
func (t Time) clamp() Time {
	switch {
	case t.Sec < 0:
		return Time{}
	case t.Sec > lastSecond:
		return Time{lastSecond, 999999999}
	}
	return t
}

// parseTime reads a timestamp in any of the forms that Fluent Bit and Fluentd write: EventTime (extension
// 0, also as 8 bytes of bin), integer or float seconds. v holds one checked value.
func parseTime(v []byte) (t Time, ok bool) {
	if len(v) == 10 && v[0] == 0xd7 && v[1] == 0 { // fast path: what the agent itself writes
		return eventTime(v[2:]), true
	}
	switch msgp.TypeOf(v) {
	case msgp.Ext:
		typ, data, _ := msgp.ReadExt(v)
		if typ != 0 || len(data) != 8 {
			return Time{}, false
		}
		return eventTime(data), true
	case msgp.Bin:
		data, _ := msgp.ReadBin(v)
		if len(data) != 8 {
			return Time{}, false
		}
		return eventTime(data), true
	case msgp.Int:
		n, _ := msgp.ReadInt(v)
		return Time{Sec: n}, true
	case msgp.Uint:
		n, _ := msgp.ReadUint(v)
		return Time{Sec: int64(min(n, math.MaxInt64))}, true
	case msgp.Float32, msgp.Float64:
		f, _ := msgp.ReadFloat(v)
		if math.IsNaN(f) || f < -1<<62 || f > 1<<62 {
			return Time{}, false
		}
		sec := math.Floor(f)
		if f != sec && (sec == groupStart || sec == groupEnd) {
			return Time{}, true // a date shortly before 1970 is no group's border
		}
		return Time{Sec: int64(sec), Nsec: uint32((f - sec) * 1e9)}, true
	}
	return Time{}, false
}

// eventTime reads the 8 bytes of an EventTime. Its two highest values mark groups.
func eventTime(b []byte) Time {
	sec := int64(binary.BigEndian.Uint32(b))
	if sec >= math.MaxUint32-1 {
		sec -= 1 << 32
	}
	return Time{Sec: sec, Nsec: binary.BigEndian.Uint32(b[4:])}
}
