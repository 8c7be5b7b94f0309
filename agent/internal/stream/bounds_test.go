package stream

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func TestASnapshotOfEmptyRecordsIsBounded(t *testing.T) {
	s := snapshot{seconds: 1000}
	b := event.New("t")
	for range 1000 {
		b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
	}
	for range 1000 {
		s.take(b, slog.New(slog.DiscardHandler))
	}
	if len(s.kept) > maxSnapshot/perRecord {
		t.Errorf("%d records are kept", len(s.kept))
	}
}

func TestGroupsOfAWindowAreBoundedInBytes(t *testing.T) {
	const most = 64 // a key of 1 MB is there twice
	x := task(t, "CREATE STREAM s AS SELECT k, COUNT(*) FROM TAG:'in' WINDOW HOPPING (3 HOUR, ADVANCE BY 1 HOUR) GROUP BY k;")
	out := event.New("out")
	long := strings.Repeat("x", 1<<20)
	groups := 0
	for pane := range 3 {
		for i := range most / 2 {
			x.Take(batch(t, "in", 100, fmt.Sprintf(`{"k":"%d %d %s"}`, pane, i, long)), out, nil)
		}
		groups += x.open.Len()
		x.step(false, nil)
	}
	if groups > most {
		t.Errorf("%d MB of keys are kept, twice", groups)
	}
}
