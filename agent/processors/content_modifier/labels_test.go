package content_modifier

import (
	"fmt"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
)

func TestManyLabelsTakeLittleTime(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties("action upsert", "key n", "value v"))
	if err != nil {
		t.Fatal(err)
	}
	const n, samples = 20_000, 5
	meta := event.AppendStr(event.AppendMap(nil, 1), "labels")
	meta = event.AppendArray(meta, n)
	for i := range n {
		meta = event.AppendStr(meta, fmt.Sprint("label", i))
	}
	values := event.AppendArray(nil, samples)
	for range samples {
		values = event.AppendArray(event.AppendStr(event.AppendMap(values, 1), "labels"), n)
		for i := range n {
			values = event.AppendStr(values, fmt.Sprint(i))
		}
	}
	set := event.AppendArray(event.AppendStr(event.AppendMap(nil, 1), "metrics"), 1)
	set = append(event.AppendStr(event.AppendMap(set, 2), "meta"), meta...)
	set = append(event.AppendStr(set, "values"), values...)
	b := event.Payload("t", event.Metrics, set)
	began := time.Now()
	if err := f.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
