package multiline

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const java = "multiline.parser java\nmultiline.key_content log"

func conf(lines ...string) []option.Property {
	return filtertest.Properties(strings.Split(strings.Join(lines, "\n"), "\n")...)
}

// input is an origin that keeps what continues.
type input struct {
	mu     sync.Mutex
	out    []*event.Batch
	paused bool
}

func (in *input) Paused() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.paused
}

func (in *input) pause(on bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.paused = on
}

func (in *input) Continue(_ context.Context, b *event.Batch) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.out = append(in.out, b)
}

// later returns what has continued since the last time, a line each.
func (in *input) later() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var s []string
	for _, b := range in.out {
		s = append(s, filtertest.Lines(b)...)
	}
	in.out = nil
	return strings.Join(s, "\n")
}

func build(t *testing.T, lines ...string) *filter {
	t.Helper()
	f, err := filtertest.Build(Plugin, conf(lines...))
	if err != nil {
		t.Fatal(err)
	}
	return f.(*filter)
}

// through sends JSON lines of in through f and returns what is left of their batch.
func through(t *testing.T, f *filter, in *input, lines string) string {
	t.Helper()
	b := filtertest.Batch(t, strings.Split(lines, "\n")...)
	if err := f.Filter(plugin.WithOrigin(t.Context(), in), b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(filtertest.Lines(b), "\n")
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRecordsOfOneBatchAreJoinedInTheirPlace(t *testing.T) {
	got := filtertest.Run(t, Plugin, conf(java, "buffer off"),
		`{"log":"before","n":1}`, `{"log":"x.Error: a","n":2}`, `{"log":"\tat b","n":3}`, `{"log":"y.Error: c","n":4}`, `{"n":5}`, `{"log":"after","n":6}`, `{"log":"z.Error: d","n":7}`)
	want(t, got, `{"log":"before","n":1}
{"log":"x.Error: a\n\tat b","n":2}
{"log":"y.Error: c","n":4}
{"n":5}
{"log":"after","n":6}
{"log":"z.Error: d","n":7}`)
}

func TestAnUntouchedBatchKeepsItsBytes(t *testing.T) {
	f := build(t, java)
	b := filtertest.Batch(t, `{"log":"a"}`, `{"log":"b"}`)
	before := &b.Bytes()[0]
	if err := f.Filter(plugin.WithOrigin(t.Context(), new(input)), b); err != nil || b.Len() != 2 || &b.Bytes()[0] != before {
		t.Error(err, b.Len())
	}
}

func TestWhatMayGoOnWaitsForTheNextBatch(t *testing.T) {
	f, in := build(t, java), new(input)
	want(t, through(t, f, in, `{"log":"before"}`+"\n"+`{"log":"x.Error: a","n":1}`), `{"log":"before"}`)
	want(t, through(t, f, in, `{"log":"\tat b"}`), ``)
	want(t, through(t, f, in, `{"log":"\tat c"}`+"\n"+`{"log":"after"}`), `{"log":"x.Error: a\n\tat b\n\tat c","n":1}`+"\n"+`{"log":"after"}`)
	want(t, in.later(), "")
}

func TestStreamsDoNotMix(t *testing.T) {
	f, one, two := build(t, java), new(input), new(input)
	want(t, through(t, f, one, `{"log":"x.Error: a"}`), ``)
	want(t, through(t, f, two, `{"log":"y.Error: b"}`), ``)
	want(t, through(t, f, one, `{"log":"\tat a"}`), ``)
	want(t, through(t, f, two, `{"log":"\tat b"}`), ``)
	b := filtertest.Batch(t, `{"log":"\tat c"}`)
	b.Tag = "other"
	if err := f.Filter(plugin.WithOrigin(t.Context(), one), b); err != nil || b.Len() != 1 {
		t.Error("a record of another tag was joined:", err)
	}
	if err := f.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, one.later(), `{"log":"x.Error: a\n\tat a"}`)
	want(t, two.later(), `{"log":"y.Error: b\n\tat b"}`)
}

func TestWhatWaitsForTooLongIsGivenOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, in := build(t, java, "flush_ms 1000"), new(input)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Background(ctx) }()
		for i := range 3 {
			line := `{"log":"\tat b"}`
			if i == 0 {
				line = `{"log":"x.Error: a"}`
			}
			want(t, through(t, f, in, line), "")
			time.Sleep(800 * time.Millisecond) // each line sets back the clock
		}
		want(t, in.later(), "")
		time.Sleep(500 * time.Millisecond)
		want(t, in.later(), `{"log":"x.Error: a\n\tat b\n\tat b"}`)
		time.Sleep(time.Minute)
		want(t, in.later(), "")
		want(t, through(t, f, in, `{"log":"\tat late"}`+"\n"+`{"log":"\tat end"}`+"\n"+`{"log":"z"}`), `{"log":"\tat late"}`+"\n"+`{"log":"\tat end"}`+"\n"+`{"log":"z"}`)
		want(t, through(t, f, in, `{"log":"y.Error: c"}`), "")
		in.pause(true) // what comes next cannot come now
		time.Sleep(time.Minute)
		want(t, in.later(), "")
		in.pause(false)
		time.Sleep(800 * time.Millisecond)
		want(t, in.later(), "")
		time.Sleep(2 * time.Second)
		want(t, in.later(), `{"log":"y.Error: c"}`)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestBatchesAreSettledWithTheRecordsMadeOfThem(t *testing.T) {
	f, in := build(t, java), new(input)
	var settled []string
	send := func(name, lines string) *event.Batch {
		b := filtertest.Batch(t, strings.Split(lines, "\n")...)
		b.OnSettled(func(o event.Outcome) { settled = append(settled, name+" "+o.String()) })
		if err := f.Filter(plugin.WithOrigin(t.Context(), in), b); err != nil {
			t.Fatal(err)
		}
		if b.Len() == 0 {
			b.Settle(event.Filtered) // as the pipeline does
		}
		return b
	}
	check := func(list ...string) {
		t.Helper()
		want(t, strings.Join(settled, ", "), strings.Join(list, ", "))
	}
	one := send("one", `{"log":"before"}`+"\n"+`{"log":"x.Error: a"}`)
	send("two", `{"log":"\tat b"}`)
	one.Settle(event.Delivered)
	check()
	three := send("three", `{"log":"after"}`+"\n"+`{"log":"y.Error: c"}`)
	three.Settle(event.Delivered) // the record of one and two is in it, but a record of its own still waits
	check()
	_ = f.Drain(t.Context())
	in.out[0].Settle(event.GivenUp)
	check("three given up", "one given up", "two given up")
}

func TestMemoryOfWhatWaitsIsBounded(t *testing.T) {
	f, in := build(t, java, "emitter_mem_buf_limit 100"), new(input)
	want(t, through(t, f, in, `{"log":"x.Error: a"}`), "")
	want(t, through(t, f, in, `{"log":"\tat `+strings.Repeat("b", 100)+`"}`), `{"log":"x.Error: a\n\tat `+strings.Repeat("b", 100)+`"}`)
	want(t, through(t, f, in, `{"log":"x.Error: a"}`), "")
	if f.held == 0 || f.held > 100 {
		t.Errorf("%d bytes are held", f.held)
	}
	for i := range 3 * maxIdle {
		b := filtertest.Batch(t, `{"log":"a"}`)
		b.Tag = strings.Repeat("t", i)
		if err := f.Filter(plugin.WithOrigin(t.Context(), in), b); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.streams); n > maxIdle+1 {
		t.Errorf("%d streams are remembered", n)
	}
}

// In a stream something may wait all the time, though never much: the limit is about what waits at one time.
func TestWhatHasGoneOnIsNotHeldAnyMore(t *testing.T) {
	f, in := build(t, java, "emitter_mem_buf_limit 200"), new(input)
	lines := `{"log":"x.Error: a"}`
	for range 50 {
		got := through(t, f, in, lines)
		if lines != `{"log":"x.Error: a"}` {
			want(t, got, `{"log":"x.Error: a\n\tat b"}`)
		}
		lines = `{"log":"\tat b"}` + "\n" + `{"log":"x.Error: a"}`
	}
	_ = f.Drain(t.Context())
	if f.held != 0 {
		t.Errorf("%d bytes are held", f.held)
	}
}

func TestPartsOfDockersMessagesAreJoined(t *testing.T) {
	f, in := build(t, "mode partial_message", "multiline.key_content log"), new(input)
	want(t, through(t, f, in, `{"a":1,"log":"one ","partial_message":"true","partial_id":"x","partial_ordinal":"1","partial_last":"false","z":2}
{"log":"whole"}
{"log":"un","partial_message":true,"partial_id":"y","partial_last":false}
{"log":"no id","partial_message":"true"}
{"text":"no log","partial_message":"true","partial_id":"x"}`), `{"log":"whole"}
{"log":"no id","partial_message":"true"}
{"text":"no log","partial_message":"true","partial_id":"x"}`)
	want(t, through(t, f, in, `{"log":"two","partial_message":"true","partial_id":"x","partial_ordinal":"2","partial_last":"true"}`), `{"a":1,"z":2,"log":"one two"}`)
	_ = f.Drain(t.Context())
	want(t, in.later(), `{"log":"un"}`)
}

func TestMetadataAndTimeAreThoseOfTheFirstRecord(t *testing.T) {
	f := build(t, java, "buffer off")
	b := event.New("t")
	add := func(sec int64, meta, text string) {
		m, _, _ := event.ParseJSON(nil, []byte(meta))
		b.Append(event.Time{Sec: sec}, m, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "log"), text))
	}
	add(7, `{"a":1}`, "x.Error: a")
	add(8, `{"a":2,"b":3}`, "\tat b")
	if err := f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for r := range b.Records() {
		want(t, string(event.AppendJSON(nil, r.Meta(), event.JSONStyle{})), `{"a":1,"b":3}`)
		if r.Time().Sec != 7 {
			t.Errorf("time %v", r.Time())
		}
	}
}

// grouped makes a batch of OTLP groups: a line "-1 {…}" begins one with these attributes, "-2" ends it, and
// all others are records.
func grouped(t *testing.T, lines ...string) *event.Batch {
	t.Helper()
	var data []byte
	for _, l := range lines {
		sec, body := int64(7), l
		if n, rest, ok := strings.Cut(l, " "); ok && n == "-1" {
			sec, body = -1, rest
		} else if n == "-2" {
			sec, body = -2, "{}"
		}
		data = event.AppendMap(event.AppendTime(append(data, 0x92, 0x92), event.Time{Sec: sec}), 0)
		var err error
		if data, _, err = event.ParseJSON(data, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := event.Parse("t", data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withGroups returns the records of b, each behind the attributes of its group.
func withGroups(b *event.Batch) string {
	var s []string
	for r := range b.Records() {
		s = append(s, string(event.AppendJSON(nil, r.Group().Attributes, event.JSONStyle{}))+string(event.AppendJSON(nil, r.Body(), event.JSONStyle{})))
	}
	return strings.Join(s, "\n")
}

func TestRecordsThatAreGivenOutLateStayInTheirGroup(t *testing.T) {
	late := func() *event.Batch {
		return grouped(t, `-1 {"g":1}`, `{"log":"x.Error: a"}`, `{"log":"\tat b"}`, "-2", `{"log":"y.Error: c"}`)
	}
	f, b := build(t, java, "buffer off"), late()
	if err := f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want(t, withGroups(b), `null{"log":"y.Error: c"}`+"\n"+`{"g":1}{"log":"x.Error: a\n\tat b"}`)
	f, in := build(t, java), new(input)
	if err := f.Filter(plugin.WithOrigin(t.Context(), in), late()); err != nil {
		t.Fatal(err)
	}
	if err := f.Drain(t.Context()); err != nil || len(in.out) != 2 {
		t.Fatal(err, len(in.out))
	}
	got := []string{withGroups(in.out[0]), withGroups(in.out[1])}
	slices.Sort(got)
	want(t, strings.Join(got, "\n"), `null{"log":"y.Error: c"}`+"\n"+`{"g":1}{"log":"x.Error: a\n\tat b"}`)
}

func TestOTLPGroupsAreStreamsOfTheirOwn(t *testing.T) {
	f, in := build(t, java), new(input)
	check := func(b *event.Batch, list ...string) {
		t.Helper()
		if err := f.Filter(plugin.WithOrigin(t.Context(), in), b); err != nil {
			t.Fatal(err)
		}
		want(t, withGroups(b), strings.Join(list, "\n"))
	}
	one, two := `-1 {"g":1}`, `-1 {"g":2}`
	check(grouped(t, one, `{"log":"x.Error: a"}`, `{"log":"\tat b"}`, "-2", two, `{"log":"plain"}`, `{"log":"y.Error: c"}`, "-2"), `{"g":2}{"log":"plain"}`)
	check(grouped(t, one, `{"log":"\tat d"}`, "-2", two, `{"log":"\tat e"}`, `{"log":"end"}`, "-2", one, `{"log":"end"}`, "-2"),
		`{"g":2}{"log":"y.Error: c\n\tat e"}`, `{"g":2}{"log":"end"}`, `{"g":1}{"log":"x.Error: a\n\tat b\n\tat d"}`, `{"g":1}{"log":"end"}`)
}

func TestWrongSettingsAreRefused(t *testing.T) {
	check := func(want string, lines ...string) {
		t.Helper()
		if _, err := filtertest.Build(Plugin, conf(lines...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	check("multiline.parser is missing", "multiline.key_content log")
	check("test.conf:1:18: multiline.parser: there is no multiline parser 'jva'; did you mean 'java'?", "multiline.parser go, jva")
	check("test.conf:1:6: mode partial_message needs the key of the text", "mode partial_message")
	check("flush_ms: '0' is less than 1", java, "flush_ms 0")
	check("did you mean 'partial_message'?", java, "mode partial_mesage")
}
