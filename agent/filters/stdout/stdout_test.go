package stdout

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
)

func TestRecordsArePrintedAndStay(t *testing.T) {
	var out bytes.Buffer
	f := &filter{w: &out}
	b := event.New("a.b")
	meta := event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "m"), 1)
	body := event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "k"), "v")
	b.Append(event.Time{Sec: 1700000000, Nsec: 5}, meta, body)
	b.Append(event.Time{Sec: 1700000001}, nil, body)
	before := bytes.Clone(b.Bytes())
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	want := `[0] a.b: [1700000000.000000005, {"m"=>1}, {"k"=>"v"}]` + "\n" + `[1] a.b: [1700000001.000000000, {}, {"k"=>"v"}]` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", &out, want)
	}
	if !bytes.Equal(b.Bytes(), before) {
		t.Error("the batch has changed")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAFailedPrintIsReported(t *testing.T) {
	err := (&filter{w: broken{}}).Filter(context.Background(), filtertest.Batch(t, `{}`))
	if err == nil || !strings.Contains(err.Error(), "print 1 records: broken pipe") {
		t.Error(err)
	}
}

func TestPrintingCostsNoAllocationPerRecord(t *testing.T) {
	f := &filter{w: new(discard)}
	b := filtertest.Batch(t, `{"a":1,"b":{"c":"x"}}`, `{"a":2}`)
	if n := testing.AllocsPerRun(10, func() {
		if err := f.Filter(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }
