package flowcounter

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
)

func build(t *testing.T, pairs ...string) (*output, *bytes.Buffer, *outputtest.Kit) {
	t.Helper()
	k := outputtest.New()
	p, err := k.Build(Plugin.Config(), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	o, w := p.(*output), new(bytes.Buffer)
	o.w = w
	return o, w, k
}

func TestASpanIsPrintedWhenItIsOver(t *testing.T) {
	o, w, _ := build(t)
	now := int64(1000)
	o.now = func() time.Time { return time.Unix(now, 0) }
	want := func(text string) {
		t.Helper()
		if w.String() != text {
			t.Errorf("got  %q\nwant %q", w, text)
		}
	}
	flush := func(records ...string) {
		t.Helper()
		if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", records...)); err != nil {
			t.Fatal(err)
		}
	}
	flush(`[1,{}]`, `[5,{"a":1}]`)
	now = 1019
	flush(`[1,{}]`)
	want("")
	now = 1020
	flush(`[1,{}]`)
	first := "[out_flowcounter] [1020, {\"counts\":3, \"bytes\":12, \"counts/minute\":0, \"bytes/minute\":0 }]\n"
	want(first)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	want(first + "[out_flowcounter] [1080, {\"counts\":1, \"bytes\":3, \"counts/minute\":0, \"bytes/minute\":0 }]\n")
}

func TestEventTimeMayBeLateByOneSpan(t *testing.T) {
	o, w, k := build(t, "unit", "second", "event_based", "on")
	c := outputtest.Chunk(t, "t", `[10,{}]`, `[9,{}]`, `[10,{}]`, `[11,{}]`, `[10,{}]`, `[9,{}]`, `[20,{}]`, `[19,{}]`, `[11,{}]`)
	if err := outputtest.Flush(t, o, c); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	line := func(until, n string, bytes string) string {
		return "[out_flowcounter] [" + until + ", {\"counts\":" + n + ", \"bytes\":" + bytes + ", \"counts/second\":" + n + ", \"bytes/second\":" + bytes + " }]\n"
	}
	if want := line("10", "1", "3") + line("11", "3", "9") + line("12", "1", "3") + line("20", "1", "3") + line("21", "1", "3"); w.String() != want {
		t.Errorf("got\n%s\nwant\n%s", w, want)
	}
	if !strings.Contains(k.Log(), "records=2") {
		t.Errorf("late records are not reported: %s", k.Log())
	}
}

func TestAnUnknownUnitIsRefused(t *testing.T) {
	_, err := outputtest.New().Build(Plugin.Config(), "unit", "minutes")
	if err == nil || !strings.Contains(err.Error(), "did you mean 'minute'?") {
		t.Error(err)
	}
}
