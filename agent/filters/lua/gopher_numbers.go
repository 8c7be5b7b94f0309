//go:build !luajit || !linux

package lua

import (
	"math"

	"github.com/fluent/fluent-bit-go/event"
)

// seconds is a time as Lua sees it.
func seconds(t event.Time) float64 { return float64(t.Sec) + float64(t.Nsec)/1e9 }

// fromSeconds is the way back. The number that the function was given means the record's own time, whose
// nanoseconds it cannot hold; so does one that is no time.
func fromSeconds(f float64, own event.Time) event.Time {
	if f == seconds(own) || !(f >= 0 && f <= math.MaxUint32) {
		return own
	}
	sec := math.Floor(f)
	return event.Time{Sec: int64(sec), Nsec: uint32((f - sec) * 1e9)}
}

// fromTable is the time of a table's sec and nsec.
func fromTable(sec, nsec float64, own event.Time) event.Time {
	if !(sec >= 0 && sec <= math.MaxUint32 && nsec >= 0 && nsec < 1e9) {
		return own
	}
	return event.Time{Sec: int64(sec), Nsec: uint32(nsec)}
}

// appendNumber appends a Lua number: what is whole and fits 64 bits is an integer.
func appendNumber(dst []byte, f float64) []byte {
	switch {
	case f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64:
		return event.AppendInt(dst, int64(f))
	case f == math.Trunc(f) && f > 0 && f < math.MaxUint64:
		return event.AppendUint(dst, uint64(f))
	}
	return event.AppendFloat(dst, f)
}

// appendInteger appends a number of a key that shall hold integers.
func appendInteger(dst []byte, f float64) []byte {
	if math.Trunc(f) == 0 {
		return event.AppendInt(dst, 0)
	}
	return appendNumber(dst, math.Trunc(f))
}
