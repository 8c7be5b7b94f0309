package pipeline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/event"
)

// failing drops all records, or none, and fails.
type failing struct{ drops bool }

func (f failing) Filter(_ context.Context, b *event.Batch) error {
	for r := range b.Edit() {
		if f.drops {
			r.Drop()
		}
	}
	return errors.New("why")
}

func TestLogTellsWhetherRecordsOfAFilterThatFailsGoOn(t *testing.T) {
	f := func(drops bool, want string) {
		t.Helper()
		var out bytes.Buffer
		s := &step{plugin: failing{drops}}
		s.log = logger.New(logger.NewSink(&out, false), "filter", logger.Options{})
		b := event.New("app")
		b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
		s.apply(t.Context(), nil, b, 0)
		if !strings.HasSuffix(out.String(), want+"\n") {
			t.Errorf("the log tells %s", out.String())
		}
	}
	f(false, "filtering of 1 records with tag 'app' failed, they go on unfiltered: why")
	f(true, "filtering of 1 records with tag 'app' failed, and none goes on: why")
}
