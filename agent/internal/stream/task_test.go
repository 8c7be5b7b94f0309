package stream

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/sql"
	"github.com/fluent/fluent-bit-go/event"
)

func task(t *testing.T, query string) *Task {
	t.Helper()
	q, err := sql.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	return New(q, "out", true, slog.New(slog.DiscardHandler))
}

func batch(t *testing.T, tag string, sec int64, lines ...string) *event.Batch {
	t.Helper()
	b := event.New(tag)
	for i, l := range lines {
		body, _, err := event.ParseJSON(nil, []byte(l))
		if err != nil {
			t.Fatal(err)
		}
		b.Append(event.Time{Sec: sec + int64(i)}, nil, body)
	}
	return b
}

func text(b *event.Batch) string {
	var lines []string
	for r := range b.Records() {
		lines = append(lines, string(event.AppendJSON(nil, r.Body(), event.JSONStyle{})))
	}
	return strings.Join(lines, " ")
}

func take(t *testing.T, x *Task, lines ...string) string {
	out := event.New("out")
	x.Take(batch(t, "in", 100, lines...), out, nil)
	return text(out)
}

func TestSelectionsComeAtOnce(t *testing.T) {
	x := task(t, "CREATE STREAM s AS SELECT n FROM TAG:'in' WHERE n > 1 LIMIT 3;")
	if got := take(t, x, `{"n":1}`, `{"n":2}`, `{"m":9}`, `{"n":3}`); got != `{"n":2} {"n":3}` {
		t.Error(got)
	}
	if got := take(t, x, `{"n":4}`, `{"n":5}`); got != `{"n":4}` {
		t.Error(got)
	}
}

func TestAggregatesWithoutAWindowAreOfOneBatch(t *testing.T) {
	x := task(t, "CREATE STREAM s AS SELECT COUNT(*) AS n FROM TAG:'in';")
	if got := take(t, x, `{}`, `{}`) + take(t, x, `{}`); got != `{"n":2}{"n":1}` {
		t.Error(got)
	}
	if got := take(t, task(t, "SELECT COUNT(*) AS n FROM TAG:'in' WHERE x;"), `{}`); got != "" {
		t.Error(got)
	}
}

// emitted runs a task in a bubble of time and returns what came, with the second in which it did.
func emitted(t *testing.T, query string, end time.Duration, feed map[int]string) string {
	t.Helper()
	var got []string
	synctest.Test(t, func(t *testing.T) {
		x := task(t, query)
		ctx, cancel := context.WithTimeout(t.Context(), end)
		defer cancel()
		begin := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			x.Run(ctx, func(b *event.Batch) {
				got = append(got, fmt.Sprintf("%v: %s", time.Since(begin), text(b)))
			})
		}()
		for sec := range int(end / time.Second) {
			time.Sleep(500 * time.Millisecond)
			if lines := feed[sec]; lines != "" {
				x.Take(batch(t, "in", int64(sec), strings.Fields(lines)...), event.New("none"), nil)
			}
			time.Sleep(500 * time.Millisecond)
		}
		<-done
	})
	return strings.Join(got, "\n")
}

func TestTumblingWindowsFollowEachOther(t *testing.T) {
	got := emitted(t, "CREATE STREAM s AS SELECT k, SUM(n) AS s FROM TAG:'in' WINDOW TUMBLING (2 SECOND) GROUP BY k;", 7*time.Second, map[int]string{
		0: `{"k":"a","n":1} {"k":"b","n":5}`, 1: `{"k":"a","n":2}`, 4: `{"k":"b","n":7}`, 6: `{"k":"c","n":1}`,
	})
	want := "2s: {\"k\":\"a\",\"s\":3} {\"k\":\"b\",\"s\":5}\n6s: {\"k\":\"b\",\"s\":7}\n7s: {\"k\":\"c\",\"s\":1}"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHoppingWindowsOverlap(t *testing.T) {
	got := emitted(t, "CREATE STREAM s AS SELECT COUNT(*) AS c, MIN(n) AS min, MAX(n) AS max FROM TAG:'in' WINDOW HOPPING (3 SECOND, ADVANCE BY 1 SECOND);", 7*time.Second, map[int]string{
		0: `{"n":9}`, 1: `{"n":2} {"n":3}`, 3: `{"n":5}`,
	})
	want := "3s: {\"c\":3,\"min\":2,\"max\":9}\n4s: {\"c\":3,\"min\":2,\"max\":5}\n5s: {\"c\":1,\"min\":5,\"max\":5}\n6s: {\"c\":1,\"min\":5,\"max\":5}"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = emitted(t, "CREATE STREAM s AS SELECT COUNT(*) AS c FROM TAG:'in' WINDOW HOPPING (3 SECOND, ADVANCE BY 2 SECOND);", 7*time.Second, map[int]string{
		0: `{}`, 2: `{}`, 3: `{}`, 4: `{}`, 6: `{}`,
	})
	if want = "3s: {\"c\":2}\n5s: {\"c\":3}\n7s: {\"c\":2}"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestASnapshotKeepsTheLastRecordsUntilItIsFlushed(t *testing.T) {
	f := func(create, want string) {
		t.Helper()
		kept := task(t, create)
		flush := task(t, "FLUSH SNAPSHOT s AS SELECT * FROM TAG:'in' WHERE n = 4;")
		find := func(name string) *Task {
			if name != "s" {
				t.Error(name)
			}
			return kept
		}
		var got []string
		for i := range 6 {
			b := batch(t, "in", int64(100+i), fmt.Sprintf(`{"n":%d}`, i))
			out := event.New("out")
			kept.Take(b, out, nil)
			flush.Take(b, out, find)
			for r := range out.Records() {
				got = append(got, fmt.Sprint(r.Time().Sec))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: got %s, want %s", create, s, want)
		}
		if kept.snapshot.size == 0 || len(kept.snapshot.kept) != 1 {
			t.Error("the record behind the flush is not kept")
		}
	}
	f("CREATE SNAPSHOT s AS SELECT * FROM TAG:'in' LIMIT 2;", "103 104")
	f("CREATE SNAPSHOT s WITH (seconds='3') AS SELECT * FROM TAG:'in';", "101 102 103 104")
	f("CREATE SNAPSHOT s WITH (seconds='3') AS SELECT * FROM TAG:'in' LIMIT 10;", "101 102 103 104")
}

func TestATextIsTheSameGroupHoweverItIsEncoded(t *testing.T) {
	x := task(t, "CREATE STREAM s AS SELECT k, COUNT(*) AS n FROM TAG:'in' GROUP BY k;")
	b := event.New("in")
	b.Append(event.Time{Sec: 1}, nil, event.Value{0x81, 0xa1, 'k', 0xa1, 'v'})
	b.Append(event.Time{Sec: 1}, nil, event.Value{0x81, 0xa1, 'k', 0xd9, 1, 'v'})
	out := event.New("out")
	x.Take(b, out, nil)
	if got := text(out); got != `{"k":"v","n":2}` {
		t.Error(got)
	}
}
