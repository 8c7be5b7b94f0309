package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// open and shut are the markers around an OTLP group in what batchOf takes.
const shut = ")"

func open(attributes string) string { return "(" + attributes }

// batchOf makes a batch of bodies written as JSON, one second apart; open and shut make groups.
func batchOf(t testing.TB, items ...string) *Batch {
	t.Helper()
	var data []byte
	for i, item := range items {
		data = append(data, 0x92, 0x92)
		switch item[0] {
		case '(':
			data = append(AppendTime(data, Time{Sec: groupStart}), fromJSON(t, `{"schema":"otlp"}`)...)
			data = append(data, fromJSON(t, item[1:])...)
		case ')':
			data = append(AppendTime(data, Time{Sec: groupEnd}), 0x80, 0x80)
		default:
			data = append(AppendTime(data, Time{Sec: int64(i)}), 0x80)
			data = append(data, fromJSON(t, item)...)
		}
	}
	b, err := Parse("t", data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// show lists a batch's bodies, with the group's attributes before those inside of one, by way of a chunk
// made of its bytes, and reports when the batch itself shows something else.
func show(t testing.TB, b *Batch) string {
	t.Helper()
	var direct, chunked []string
	line := func(r *Record) string {
		body := string(AppendJSON(nil, r.Body(), JSONStyle{}))
		if g := r.Group(); g.Attributes != nil {
			body = string(AppendJSON(nil, g.Attributes, JSONStyle{})) + body
		}
		return body
	}
	for r := range b.Records() {
		direct = append(direct, line(r))
	}
	again, err := Parse("t", bytes.Clone(b.Bytes()))
	if err != nil {
		t.Fatalf("the batch's bytes are broken: %v", err)
	}
	for r := range NewChunk(1, "t", Logs, b.Bytes(), b.Len()).Records() {
		chunked = append(chunked, line(r))
	}
	if !slices.Equal(direct, chunked) || b.Len() != len(direct) || again.Len() != b.Len() {
		t.Errorf("the batch shows %q, its bytes %q; Len is %d, read again %d", direct, chunked, b.Len(), again.Len())
	}
	if !slices.Equal(again.index, b.index) {
		t.Errorf("index %v, want %v", b.index, again.index)
	}
	return strings.Join(direct, " ")
}

func TestRecordsOfEveryFormAreRead(t *testing.T) {
	eventTime := AppendTime(nil, Time{Sec: 7, Nsec: 5})
	check := func(head []byte, want Time, meta string) {
		t.Helper()
		data := append(append([]byte{0x92}, head...), fromJSON(t, `{"a":1}`)...)
		b, err := Parse("t", bytes.Clone(data))
		if err != nil || b.Len() != 1 {
			t.Fatalf("% x: %d records, %v", data, b.Len(), err)
		}
		for r := range b.Records() {
			if r.Time() != want || string(AppendJSON(nil, r.Meta(), JSONStyle{})) != meta || string(r.Body()) != "\x81\xa1a\x01" || !bytes.Equal(r.Raw(), data) {
				t.Errorf("% x: time %v, meta % x, body % x", data, r.Time(), r.Meta(), r.Body())
			}
		}
	}
	check(eventTime, Time{7, 5}, `{}`)
	check(append([]byte{0x92}, append(slices.Clone(eventTime), 0x81, 0xa1, 'm', 0x02)...), Time{7, 5}, `{"m":2}`)
	check(append([]byte{0x91}, eventTime...), Time{7, 5}, `{}`)
	check(append([]byte{0xdc, 0, 2}, append(slices.Clone(eventTime), 0x80)...), Time{7, 5}, `{}`)
	check(append([]byte{0xc7, 8, 0}, eventTime[2:]...), Time{7, 5}, `{}`)
	check(append([]byte{0xc4, 8}, eventTime[2:]...), Time{7, 5}, `{}`)
	check(AppendInt(nil, 12), Time{12, 0}, `{}`)
	check(AppendUint(nil, 1<<33), Time{1 << 33, 0}, `{}`)
	check(AppendUint(nil, 1<<64-1), Time{1<<63 - 1, 0}, `{}`)
	check(AppendFloat(nil, 12.5), Time{12, 500000000}, `{}`)
	check(AppendFloat(nil, -0.25), Time{}, `{}`)
	check(AppendFloat(nil, -2.5), Time{-3, 500000000}, `{}`)
}

func TestBadRecordsAreLeftOutAndReported(t *testing.T) {
	good := func(n int64) []byte { return append(AppendInt([]byte{0x92}, n), 0x80) }
	check := func(wantLen, wantCount, wantOffset int, want error, parts ...[]byte) {
		t.Helper()
		data := bytes.Join(parts, nil)
		size := len(data)
		b, err := Parse("t", data)
		var bad *BadRecords
		if !errors.As(err, &bad) || bad.Count != wantCount || bad.Offset != wantOffset || !errors.Is(err, want) {
			t.Errorf("% x: %v", data, err)
			return
		}
		if b.Len() != wantLen || len(b.Bytes())+bad.Bytes != size {
			t.Errorf("%d records in %d bytes, %d bad bytes of %d", b.Len(), len(b.Bytes()), bad.Bytes, size)
		}
		show(t, b)
	}
	check(2, 1, 3, errNotRecord, good(1), []byte{0x05}, good(2))
	check(2, 2, 0, errNotRecord, []byte{0x93, 1, 0x80, 0x80}, good(1), []byte{0x92, 0x90, 0x80}, good(2))
	check(1, 1, 3, errTime, good(1), []byte{0x92, 0xa1, 'x', 0x80})
	check(0, 1, 0, errTime, []byte{0x92, 0xd4, 0, 0, 0x80})
	check(1, 1, 3, errMeta, good(1), []byte{0x92, 0x92, 1, 0xc0, 0x80})
	check(1, 1, 0, errBody, []byte{0x92, 1, 0x90}, good(1))
	check(1, 1, 3, msgp.ErrShort, good(1), good(2)[:2])
	check(1, 1, 3, msgp.ErrInvalid, good(1), []byte{0x92, 1, 0x81, 0xc1, 1}, good(3))
	check(1, 1, 3, msgp.ErrDepth, good(1), bytes.Repeat([]byte{0x91}, 500))
}

func TestBuiltRecordsReadBack(t *testing.T) {
	b := New("t")
	b.Append(Time{Sec: 1, Nsec: 2}, nil, fromJSON(t, `{"a":1}`))
	b.Append(Time{Sec: 3}, fromJSON(t, `{"m":1}`), fromJSON(t, `{}`))
	dst := b.Begin(Time{Sec: 4})
	b.Commit(append(dst, fromJSON(t, `{"in":"place"}`)...))
	_ = append(b.Begin(Time{Sec: 5}), "forgotten"...)
	if got := show(t, b); got != `{"a":1} {} {"in":"place"}` {
		t.Errorf("got %s", got)
	}
	b.Reset()
	b.Append(Time{}, nil, fromJSON(t, `{"b":1}`))
	if got := show(t, b); got != `{"b":1}` {
		t.Errorf("after Reset: %s", got)
	}
}

func TestDatesThatNoRecordCanCarryMakeNoGroupMarker(t *testing.T) {
	check := func(in, want Time) {
		t.Helper()
		b := New("t")
		b.Append(in, nil, emptyMap)
		if show(t, b); b.Len() != 1 {
			t.Fatal("the record is lost")
		}
		for r := range b.Records() {
			if r.Time() != want {
				t.Errorf("%v became %v, want %v", in, r.Time(), want)
			}
		}
	}
	check(Time{Sec: -1, Nsec: 5}, Time{})
	check(Time{Sec: -2}, Time{})
	check(Time{Sec: -1 << 62}, Time{})
	check(Time{Sec: 1<<32 - 3, Nsec: 7}, Time{1<<32 - 3, 7})
	check(Time{Sec: 1<<32 - 2}, Time{1<<32 - 3, 999999999})
	check(Time{Sec: 1<<32 + 12345}, Time{1<<32 - 3, 999999999})
}

func TestUntouchedBatchKeepsItsBytes(t *testing.T) {
	b := batchOf(t, `{"a":1}`, open(`{"g":1}`), `{"a":2}`, shut, `{"a":3}`)
	before, want := &b.Bytes()[0], bytes.Clone(b.Bytes())
	for e := range b.Edit() {
		_ = e.Get("a")
	}
	if &b.Bytes()[0] != before || !bytes.Equal(b.Bytes(), want) {
		t.Error("the bytes moved or changed")
	}
	show(t, b)
}

func TestEditsApplyToTheRecordTheyWereMadeOn(t *testing.T) {
	long := Value(AppendStr(nil, strings.Repeat("x", 300)))
	set := func(e *Edit, key string, v Value) {
		e.SetFields(append(e.Fields(), Field{Value(AppendStr(nil, key)), v}))
	}
	// check edits records 1 … n of a batch by their number.
	check := func(name string, edit func(e *Edit, n int64), want string) {
		t.Helper()
		b := batchOf(t, `{"n":1}`, `{"n":2}`, open(`{"g":1}`), `{"n":3}`, `{"n":4}`, shut, `{"n":5}`)
		for e := range b.Edit() {
			n, _ := e.Get("n").Int()
			edit(e, n)
		}
		if got := strings.ReplaceAll(show(t, b), strings.Repeat("x", 300), "LONG"); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	check("drop first", func(e *Edit, n int64) {
		if n == 1 {
			e.Drop()
		}
	}, `{"n":2} {"g":1}{"n":3} {"g":1}{"n":4} {"n":5}`)
	check("drop all", func(e *Edit, n int64) { e.Drop() }, ``)
	check("drop the group", func(e *Edit, n int64) {
		if n == 3 || n == 4 {
			e.Drop()
		}
	}, `{"n":1} {"n":2} {"n":5}`)
	check("shrink", func(e *Edit, n int64) { e.SetBody(emptyMap) }, `{} {} {"g":1}{} {"g":1}{} {}`)
	check("grow all", func(e *Edit, n int64) { set(e, "k", long) },
		`{"n":1,"k":"LONG"} {"n":2,"k":"LONG"} {"g":1}{"n":3,"k":"LONG"} {"g":1}{"n":4,"k":"LONG"} {"n":5,"k":"LONG"}`)
	check("drop, then grow in the group", func(e *Edit, n int64) {
		switch n {
		case 1:
			e.Drop()
		case 3:
			set(e, "k", long)
		case 4:
			set(e, "g", e.Group().Attributes)
		}
	}, `{"n":2} {"g":1}{"n":3,"k":"LONG"} {"g":1}{"n":4,"g":{"g":1}} {"n":5}`)
	check("drop, then look at the group", func(e *Edit, n int64) {
		switch n {
		case 1, 2, 3:
			e.Drop()
		case 4:
			set(e, "g", e.Group().Attributes)
		}
	}, `{"g":1}{"n":4,"g":{"g":1}} {"n":5}`)
	check("insert behind", func(e *Edit, n int64) {
		if n%2 == 0 {
			e.Insert(Time{}, nil, fromJSON(t, `{"i":1}`))
			e.Insert(Time{}, emptyMap, e.Body())
		}
	}, `{"n":1} {"n":2} {"i":1} {"n":2} {"g":1}{"n":3} {"g":1}{"n":4} {"g":1}{"i":1} {"g":1}{"n":4} {"n":5}`)
	check("replace by insertion", func(e *Edit, n int64) {
		if n == 3 || n == 4 {
			e.Insert(e.Time(), e.Meta(), e.Body())
			e.Drop()
		}
	}, `{"n":1} {"n":2} {"g":1}{"n":3} {"g":1}{"n":4} {"n":5}`)
	check("change twice", func(e *Edit, n int64) {
		if n == 2 {
			set(e, "a", Value{7})
			set(e, "b", e.Get("a"))
			e.SetMeta(fromJSON(t, `{"m":1}`))
			e.SetTime(Time{Sec: 99})
			set(e, "m", e.Meta())
			set(e, "t", AppendInt(nil, e.Time().Sec))
		}
	}, `{"n":1} {"n":2,"a":7,"b":7,"m":{"m":1},"t":99} {"g":1}{"n":3} {"g":1}{"n":4} {"n":5}`)
}

func TestStoppingAnEditKeepsTheRest(t *testing.T) {
	b := batchOf(t, `{"n":1}`, `{"n":2}`, open(`{"g":1}`), `{"n":3}`, shut)
	for e := range b.Edit() {
		e.Drop()
		break
	}
	if got := show(t, b); got != `{"n":2} {"g":1}{"n":3}` {
		t.Errorf("got %s", got)
	}
}

func TestAPanicInAnEditKeepsTheRecordAndTheRest(t *testing.T) {
	b := batchOf(t, `{"n":1}`, `{"n":2}`, open(`{"g":1}`), `{"n":3}`, shut)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		for e := range b.Edit() {
			e.Drop()
			if n, _ := e.Get("n").Int(); n == 2 {
				panic("filter")
			}
		}
	}()
	if got := show(t, b); got != `{"n":2} {"g":1}{"n":3}` {
		t.Errorf("got %s", got)
	}
}

func TestHiddenRecordsAreNeitherShownNorChanged(t *testing.T) {
	b := batchOf(t, `{"n":1}`, `{"n":2}`, open(`{"g":1}`), `{"n":3}`, shut)
	b.Where(func(r *Record) bool { n, _ := r.Get("n").Int(); return n != 2 })
	seen := 0
	for e := range b.Edit() {
		seen++
		e.Drop()
	}
	for range b.Records() {
		seen++
	}
	b.Where(nil)
	if got := show(t, b); got != `{"n":2}` || seen != 2 {
		t.Errorf("got %s; %d records were seen", got, seen)
	}
}

func TestOtherSignalsHaveNoRecords(t *testing.T) {
	b := Payload("t", Metrics, []byte("payload"))
	for range b.Edit() {
		t.Error("a record")
	}
	c := NewChunk(1, "t", Metrics, b.Bytes(), b.Len())
	for range c.Records() {
		t.Error("a record")
	}
	if d := Copy(c); string(d.Bytes()) != "payload" || d.Kind != Metrics || b.Len() != 1 || string(b.Bytes()) != "payload" {
		t.Errorf("%q, %q", b.Bytes(), d.Bytes())
	}
}

func TestACopyOfAChunkIsItsOwn(t *testing.T) {
	b := batchOf(t, `{"n":1}`, open(`{"g":1}`), `{"n":2}`, shut)
	c := NewChunk(1, "t", Logs, b.Bytes(), b.Len())
	d := Copy(c)
	for e := range d.Edit() {
		e.SetBody(emptyMap)
	}
	if show(t, d) != `{} {"g":1}{}` || show(t, b) != `{"n":1} {"g":1}{"n":2}` {
		t.Errorf("copy %s, chunk %s", show(t, d), show(t, b))
	}
}

func TestACopyOfAChunkKeepsItsIndex(t *testing.T) {
	b := batchOf(t, `{"n":1}`, open(`{"g":1}`), `{"n":2}`, shut, `{"n":3}`)
	c := NewChunk(7, "t", Logs, nil, 0)
	c.Append(b)
	c.Append(batchOf(t, `{"n":4}`))
	d := Copy(c)
	if got := show(t, d); got != `{"n":1} {"g":1}{"n":2} {"n":3} {"n":4}` {
		t.Errorf("the copy is %s", got)
	}
	for e := range d.Edit() {
		if n, _ := e.Get("n").Int(); n == 2 {
			e.Drop()
		}
	}
	if got := show(t, d); got != `{"n":1} {"n":3} {"n":4}` {
		t.Errorf("the edited copy is %s", got)
	}
	n := 0
	for range c.Records() {
		n++
	}
	if n != 4 {
		t.Errorf("the chunk has %d records left", n)
	}
}

// What filters wrap around a value may nest deeper than what comes from outside.
func TestRecordsThatWereNestedDeeperCanBeCopied(t *testing.T) {
	body := fromJSON(t, strings.Repeat(`{"d":`, maxJSONDepth)+"1"+strings.Repeat("}", maxJSONDepth))
	for range 50 {
		body = append(append(AppendMap(nil, 1), "\xa4wrap"...), body...)
	}
	b := New("t")
	b.Append(Time{Sec: 1}, nil, body)
	c := NewChunk(1, "t", Logs, nil, 0)
	c.Append(b)
	if d := Copy(c); d.Len() != 1 {
		t.Errorf("%d records", d.Len())
	}
}

func TestLargeBatchesAreFilteredInPlace(t *testing.T) {
	var items []string
	for i := range 1000 {
		items = append(items, fmt.Sprintf(`{"n":%d,"pad":"%s"}`, i, strings.Repeat("y", i%50)))
	}
	b := batchOf(t, items...)
	var want []string
	for e := range b.Edit() {
		n, _ := e.Get("n").Int()
		switch {
		case n%3 == 0:
			e.Drop()
			continue
		case n%7 == 0:
			e.SetFields(e.Fields()[:1])
		}
		body := string(AppendJSON(nil, e.Body(), JSONStyle{}))
		want = append(want, body)
	}
	if got := show(t, b); got != strings.Join(want, " ") {
		t.Error("the records are not those that were left")
	}
}

func TestEditingNeedsNoAllocationOnceWarm(t *testing.T) {
	b := batchOf(t, `{"n":1}`, `{"n":2}`, `{"n":3}`)
	host := Field{Value(AppendStr(nil, "host")), Value(AppendStr(nil, "h"))}
	edit := func() {
		for e := range b.Edit() {
			e.SetFields(append(e.Fields()[:1], host))
		}
	}
	edit()
	edit()
	if n := testing.AllocsPerRun(100, edit); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAddFieldToEachRecord(b *testing.B) {
	var items []string
	for range 1000 {
		items = append(items, sampleLine)
	}
	batch := batchOf(b, items...)
	host := Field{Value(AppendStr(nil, "host")), Value(AppendStr(nil, "example"))}
	b.SetBytes(int64(len(batch.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		for e := range batch.Edit() {
			e.SetFields(append(e.Fields()[:12], host))
		}
	}
}

func BenchmarkParseBatch(b *testing.B) {
	var items []string
	for range 1000 {
		items = append(items, sampleLine)
	}
	data := batchOf(b, items...).Bytes()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("t", data); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzBatch reads hostile bytes as records, walks and edits what is left of them, and wants each state to
// read back as the same.
func FuzzBatch(f *testing.F) {
	f.Add(batchOf(f, `{"a":1}`, open(`{"g":1}`), `{"a":2}`, `{"b":[1,2,{"c":null}]}`, shut, `{}`).Bytes(), uint64(0x1234567890))
	f.Add(batchOf(f, `{"a":1}`, open(`{"g":1}`), `{"a":2}`, `{"b":[]}`, shut, `{}`).Bytes(), uint64(0xf2d1234567890abc))
	f.Add([]byte{0x92, 1, 0x80, 0x05, 0x92, 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x81, 0xa1, 'k', 0xc0}, uint64(3))
	f.Add(binary.BigEndian.AppendUint32([]byte{0x92, 0x92, 0xdf}, 1<<31), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, choices uint64) {
		defer Poison(Poison(choices>>63 == 1))
		size := len(data)
		b, err := Parse("t", bytes.Clone(data))
		var bad *BadRecords
		if errors.As(err, &bad) && len(b.Bytes())+bad.Bytes != size || err == nil && len(b.Bytes()) != size {
			t.Fatalf("%d bytes in, %d kept, %v", size, len(b.Bytes()), err)
		}
		show(t, b)
		left := 0
		for e := range b.Edit() {
			_, _ = e.Time().Go().MarshalText()
			body := e.Body()
			_ = append(AppendJSON(nil, e.Meta(), JSONStyle{}), AppendJSON(nil, body, JSONStyle{RawUTF8: true})...)
			left++
			switch choices & 7 {
			case 1:
				e.Drop()
				left--
			case 2:
				e.SetFields(append(e.Fields(), e.Fields()...))
			case 3:
				e.SetTime(e.Time())
			case 4:
				e.Insert(e.Time(), e.Meta(), body)
				left++
			case 5:
				e.SetBody(emptyMap)
				e.SetMeta(emptyMap)
			case 6:
				for _, fd := range e.Fields() {
					if e.Get(string(fd.Key.Str())) == nil && fd.Key.Type() == TypeStr {
						t.Fatal("a field is not found")
					}
				}
			case 7:
				if choices&8 != 0 {
					choices = 0
				}
			}
			choices = choices>>3 | choices<<61
		}
		if b.Len() != left {
			t.Fatalf("%d records left, want %d", b.Len(), left)
		}
		show(t, b)
	})
}

func TestLoadedPayloadCountsAsOneRecord(t *testing.T) {
	b := New("t")
	b.Append(Time{Sec: 1}, nil, AppendMap(nil, 0))
	b.Kind = Metrics
	if err := b.Load([]byte{0x80}); err != nil || b.Len() != 1 {
		t.Errorf("%d records: %v", b.Len(), err)
	}
	for range b.Records() {
		t.Error("metrics have records")
	}
	if err := b.Load(nil); err != nil || b.Len() != 0 {
		t.Errorf("%d records of nothing: %v", b.Len(), err)
	}
}
