package counter

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/event"
)

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestCountersArePrintedPerChunk(t *testing.T) {
	p, err := outputtest.New().Build(Plugin.Config())
	if err != nil {
		t.Fatal(err)
	}
	o, w := p.(*output), new(bytes.Buffer)
	o.now = func() event.Time { return event.Time{Sec: 1700000000, Nsec: 250000999} }
	o.w = failing{}
	if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{}]`)); err == nil {
		t.Error("a failed write is no error")
	}
	o.w = w
	for _, c := range []*event.Chunk{
		outputtest.Chunk(t, "t", `[1,{}]`, `[1,{}]`, `[1,{}]`),
		outputtest.Chunk(t, "t", `[[-1,{}],{}]`, `[1,{}]`, `[[-2,{}],{}]`),
	} {
		if err := outputtest.Flush(t, o, c); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"ts":1700000000.250000,"serialized_events":3,"log_records":3,"total":3}
{"ts":1700000000.250000,"serialized_events":3,"log_records":1,"total":3}
`
	if w.String() != want {
		t.Errorf("got\n%s", w)
	}
}
