package output

import (
	"math"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// FLBDecoder reads the events of one chunk. It is for one goroutine at a time.
type FLBDecoder struct {
	data  []byte // a copy: the host's memory is gone when the flush returns
	pos   int
	bad   []int8 // codes of events that were passed over, still to be reported
	group int    // one more than where the marker of the open group stands, 0 without one
	fault fault  // of the value being decoded
	keys  keys
	boxes boxes
}

// NewDecoder returns a decoder of the length bytes at data, as FLBPluginFlush and FLBPluginFlushCtx get them.
// It copies them: what [GetRecord] returns stays valid, and may be changed, after the flush has returned.
func NewDecoder(data unsafe.Pointer, length int) *FLBDecoder {
	if data == nil || length <= 0 {
		return &FLBDecoder{}
	}
	return NewDecoderBytes(append([]byte(nil), unsafe.Slice((*byte)(data), length)...))
}

// NewDecoderBytes returns a decoder of a chunk in Go memory, for tests. The decoder owns data from now on.
func NewDecoderBytes(data []byte) *FLBDecoder { return &FLBDecoder{data: data} }

// Codes of [GetRecord].
const (
	codeOK    = 0
	codeEnd   = -1
	codePair  = -2
	codeBody  = -3
	codeInner = -4
	codeTime  = -5
)

// GetRecord returns the next event: its time and its record.
//
//	ret   0  an event
//	     -1  the end of the chunk, or bytes that are not MessagePack: nothing comes after it
//	     -2  an event that is not a pair
//	     -3  the record is no map, or nests deeper than 1000
//	     -4  the pair of time and metadata is empty
//	     -5  the time is none
//
// Good events come first, in their order; what was wrong with others in between is reported behind the last
// good one. So the usual loop, which ends at the first ret that is not 0, misses no event. The markers around a
// group of events are passed over; see [FLBDecoder.Group].
//
// ts is an [FLBTime], or a uint64 of seconds when the host sent those. A time in seconds with a fraction becomes
// an FLBTime. The record's keys are strings (int64 or uint64 where they are numbers), and its values
//
//	str, bin            []byte
//	fixint, int8…int64  int64
//	uint8…uint64        uint64
//	float32, float64    float64
//	true, false, nil    bool, nil
//	map, array          map[interface{}]interface{}, []interface{}
//	ext 0, ext -1       FLBTime, time.Time
//	other ext           RawExt
//
// A record is built anew by each call and belongs to the caller. Its byte slices share the decoder's copy of the
// chunk: whoever keeps a few values of a large chunk for long should clone them.
//
// A chunk of metrics gives one map per context, with ts 0; see [ConvertRecordToCMetrics].
func GetRecord(dec *FLBDecoder) (ret int, ts interface{}, rec map[interface{}]interface{}) {
	ret, ts, _, rec = dec.next(false)
	return ret, ts, rec
}

// GetRecordWithMetadata is [GetRecord] with the event's metadata, which is nil in the old form [time, record].
func GetRecordWithMetadata(dec *FLBDecoder) (ret int, ts interface{}, metadata, rec map[interface{}]interface{}) {
	return dec.next(true)
}

// Group returns the metadata and the attributes of the group that the last event belongs to, as OpenTelemetry
// inputs send them: resource and scope. Both are nil outside of a group.
func (dec *FLBDecoder) Group() (metadata, attributes map[interface{}]interface{}) {
	if dec == nil || dec.group == 0 {
		return nil, nil
	}
	ev, _ := dec.event(dec.group - 1)
	if ev.meta > 0 {
		metadata = dec.record(ev.meta)
	}
	return metadata, dec.record(ev.body)
}

func (dec *FLBDecoder) next(withMetadata bool) (ret int, ts any, metadata, rec map[any]any) {
	for dec != nil && dec.pos < len(dec.data) {
		at := dec.pos
		ev, code := dec.event(at)
		if code == codeOK && ev.marker == 0 {
			dec.fault = sound
			v, end := dec.value(ev.body, 0)
			if dec.fault == sound { // fast path
				dec.pos = end
				if withMetadata && ev.meta > 0 {
					metadata = dec.record(ev.meta)
				}
			}
			if dec.fault == sound {
				rec, _ = v.(map[any]any)
				return 0, dec.time(ev), metadata, rec
			}
			code, metadata = codeBody, nil
		}
		size := msgp.Skip(dec.data[at:])
		if size < 0 {
			dec.data = dec.data[:at] // no telling where another event begins
			break
		}
		dec.pos = at + size
		switch {
		case code != codeOK:
			dec.bad = append(dec.bad, int8(code))
		case ev.marker == groupStart:
			dec.group = at + 1
		default:
			dec.group = 0
		}
	}
	if dec != nil && len(dec.bad) > 0 {
		code := dec.bad[0]
		dec.bad = dec.bad[1:]
		return int(code), 0, nil, nil
	}
	return codeEnd, 0, nil, nil
}

// event is where the parts of one event begin.
type event struct {
	time   int // 0: a context of metrics
	meta   int // 0: none
	body   int
	v2     bool // [[time, metadata], record], not [time, record]
	marker int32
}

// The seconds that mark the border of a group instead of a date, as Fluent Bit's log event decoder has them.
const (
	groupStart = -1
	groupEnd   = -2
)

// event takes the event at a position apart; the bytes there may be anything. The forms are
//
//	[[time, metadata], record]    since Fluent Bit 2.1
//	[time, record]                before
//	{"meta": …, "metrics": …}     a context of metrics
func (dec *FLBDecoder) event(at int) (ev event, code int) {
	b := dec.data
	if n, _, ok := msgp.MapHeader(b[at:]); ok {
		if n != 2 {
			return ev, codePair
		}
		return event{body: at}, codeOK
	}
	n, rest, ok := msgp.ArrayHeader(b[at:])
	if !ok || n != 2 {
		return ev, codePair
	}
	ev.time = len(b) - len(rest)
	head := msgp.Skip(rest)
	if head < 0 {
		return ev, codePair
	}
	ev.body = ev.time + head
	if inner, rest, ok := msgp.ArrayHeader(rest); ok {
		if inner == 0 {
			return ev, codeInner
		}
		ev.v2 = true
		ev.time = len(b) - len(rest)
		if meta := ev.time + msgp.Skip(rest); inner > 1 && msgp.TypeOf(b[meta:]) == msgp.Map {
			ev.meta = meta
		}
	}
	if ev.marker = markerOf(b[ev.time:]); ev.marker == 0 && !ev.v2 && !isTime(b[ev.time:]) {
		return ev, codeTime
	}
	if msgp.TypeOf(b[ev.body:]) != msgp.Map {
		return ev, codeBody
	}
	return ev, codeOK
}

// markerOf returns groupStart, groupEnd, or 0 for the time of an event.
func markerOf(v []byte) int32 {
	sec := int64(0)
	switch msgp.TypeOf(v) {
	case msgp.Ext:
		if typ, data, _ := msgp.ReadExt(v); typ == 0 && len(data) == 8 {
			sec = int64(int32(uint32(data[0])<<24 | uint32(data[1])<<16 | uint32(data[2])<<8 | uint32(data[3])))
		}
	case msgp.Int:
		sec, _ = msgp.ReadInt(v)
	}
	if sec == groupStart || sec == groupEnd {
		return int32(sec)
	}
	return 0
}

// isTime tells whether v can be the time of an event in the old form.
func isTime(v []byte) bool {
	switch msgp.TypeOf(v) {
	case msgp.Ext:
		typ, data, _ := msgp.ReadExt(v)
		_, ok := timeOf(typ, data)
		return ok
	case msgp.Uint:
		return true
	case msgp.Int:
		n, _ := msgp.ReadInt(v)
		return n >= 0
	case msgp.Float32, msgp.Float64:
		f, _ := msgp.ReadFloat(v)
		return isSeconds(f)
	}
	return false
}

// time returns the time of an event that passed. In the new form anything may stand there.
func (dec *FLBDecoder) time(ev event) any {
	if ev.time == 0 {
		return 0
	}
	v, _ := dec.value(ev.time, 0)
	switch t := v.(type) {
	case float64:
		if isSeconds(t) {
			return dec.boxes.time(secondsTime(t))
		}
	case int64:
		if !ev.v2 {
			return uint64(t)
		}
	case time.Time:
		return dec.boxes.time(FLBTime{t})
	}
	return v
}

// isSeconds tells whether f seconds are a date that time.Time can hold without overflow.
func isSeconds(f float64) bool { return math.Abs(f) < 1<<40 }

func secondsTime(f float64) FLBTime {
	sec, frac := math.Modf(f)
	return FLBTime{time.Unix(int64(sec), int64(math.Round(frac*1e9)))}
}
