package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func (r *rig) filter(kv ...string) *filter {
	r.tb.Helper()
	f, err := build(r, r.mod.FilterSpec(), "typed.0", kv...)
	if err == nil {
		err = f.(*filter).Start(r.tb.Context())
	}
	if err != nil {
		r.tb.Fatal(err)
	}
	return f.(*filter)
}

func batchOf(n int) *event.Batch {
	b := event.New("app")
	for i := range n {
		b.Append(event.Time{Sec: 1}, nil, event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "n"), int64(i)))
	}
	return b
}

func TestFilterInAWorkerEditsDropsAndRetags(t *testing.T) {
	f := func(mode string, wantErr string, check func(b *event.Batch) bool) {
		t.Run(mode, func(t *testing.T) {
			eachForm(t, "filter", func(t *testing.T, r *rig) {
				limit := "300"
				if mode == "hang" {
					limit = "1"
				}
				x := r.filter("mode", mode, "plugin.flush_timeout", limit)
				b := batchOf(100)
				err := x.Filter(t.Context(), b)
				if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
					t.Errorf("%v, want %q", err, wantErr)
				}
				if !check(b) {
					t.Errorf("%d records with tag %q", b.Len(), b.Tag)
				}
			})
		})
	}
	same := func(b *event.Batch) bool { return b.Len() == 100 && string(b.Bytes()) == string(batchOf(100).Bytes()) }
	f("", "", same)
	f("add", "", func(b *event.Batch) bool {
		for r := range b.Records() {
			if ok, _ := r.Get("added").Bool(); !ok {
				return false
			}
		}
		return b.Len() == 100
	})
	f("drop", "", func(b *event.Batch) bool { return b.Len() == 0 })
	f("grow", "", func(b *event.Batch) bool { return b.Len() == 100 && len(b.Bytes()) > 10_000_000 })
	f("grow-error", "half done", func(b *event.Batch) bool { return b.Tag == "app" && b.Len() == 100 && len(b.Bytes()) > 10_000_000 })
	f("retag", "", func(b *event.Batch) bool { return b.Tag == "other" && b.Len() == 100 })
	f("error", "half done", same)
	f("panic", "panic: as it was told", same)
	f("die-once", "", same)
	f("die", "100 records pass unfiltered (plugin.on_failure): its worker ended: exit status 3", same)
	f("hang", "100 records pass unfiltered (plugin.on_failure)", same)
}

func TestFilterThatMustNotBePassedDropsInstead(t *testing.T) {
	eachForm(t, "filter", func(t *testing.T, r *rig) {
		b := batchOf(100)
		err := r.filter("mode", "die", "plugin.on_failure", "drop").Filter(t.Context(), b)
		if b.Len() != 0 || err == nil || !strings.Contains(err.Error(), "100 records are dropped") {
			t.Errorf("%d records are left: %v", b.Len(), err)
		}
	})
}

func TestRecordsThatMustNotPassAreDroppedForWhateverTheFilterHasNotReturned(t *testing.T) {
	eachForm(t, "filter", func(t *testing.T, r *rig) {
		f := func(mode, tag string, left int) {
			t.Helper()
			b := batchOf(100)
			b.Tag = tag
			err := r.filter("mode", mode, "plugin.on_failure", "drop").Filter(t.Context(), b)
			if b.Len() != left || err == nil {
				t.Errorf("%s: %d records are left instead of %d: %v", mode, b.Len(), left, err)
			}
		}
		f("panic", "app", 0)
		f("", strings.Repeat("t", 70<<10), 0)
		f("error", "app", 100) // the plugin has said that the batch is as it wants it
	})
}

// What an input has in hand when the agent stops comes with a context that has ended.
func TestLastRecordsOfAStoppingInputAreFiltered(t *testing.T) {
	eachForm(t, "filter", func(t *testing.T, r *rig) {
		x := r.filter("mode", "drop")
		ctx, stop := context.WithCancel(t.Context())
		stop()
		for range 20 {
			b := batchOf(100)
			if err := x.Filter(ctx, b); err != nil || b.Len() != 0 {
				t.Fatalf("%d records pass: %v", b.Len(), err)
			}
		}
	})
}

func TestFilterInAWorkerHeedsACondition(t *testing.T) {
	eachForm(t, "filter", func(t *testing.T, r *rig) {
		f := func(mode, want string) {
			t.Helper()
			b := batchOf(6)
			b.Where(func(r *event.Record) bool { n, _ := r.Get("n").Int(); return n == 1 || n == 4 })
			if err := r.filter("mode", mode).Filter(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			b.Where(nil)
			var got []string
			for r := range b.Records() {
				got = append(got, string(event.AppendJSON(nil, r.Body(), event.JSONStyle{})))
			}
			if s := strings.Join(got, ""); s != want || b.Len() != len(got) {
				t.Errorf("%s: %s, want %s", mode, s, want)
			}
		}
		f("", `{"n":0}{"n":1}{"n":2}{"n":3}{"n":4}{"n":5}`)
		f("add", `{"n":0}{"n":1,"added":true}{"n":2}{"n":3}{"n":4,"added":true}{"n":5}`)
		f("drop", `{"n":0}{"n":2}{"n":3}{"n":5}`)
		f("drop-odd", `{"n":0}{"n":4}{"n":2}{"n":3}{"n":5}`)
		f("double", `{"n":0}{"n":1}{"n":2}{"n":3}{"n":1}{"n":4}{"n":4}{"n":5}`)
	})
}

// BenchmarkFilter is the price of a filter in a worker that edits one field of every record, beside the same
// edit in this process.
func BenchmarkFilter(b *testing.B) {
	edit := func(_ context.Context, b *event.Batch) error {
		for r := range b.Edit() {
			r.SetFields(append(r.Fields(), event.Field{Key: event.AppendStr(nil, "added"), Val: event.AppendBool(nil, true)}))
		}
		return nil
	}
	body, _, err := event.ParseJSON(nil, []byte(`{"time":"2026-11-22T19:47:12.123456789Z","stream":"stdout","level":"info","msg":"request completed in good time","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17","ok":true}`))
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{32 << 10, 2 << 20} {
		one := event.New("app")
		for len(one.Bytes()) < size {
			one.Append(event.Time{Sec: 1700000000}, nil, body)
		}
		run := func(name string, filter func(context.Context, *event.Batch) error) {
			b.Run(fmt.Sprintf("%s/%dKB", name, size>>10), func(b *testing.B) {
				batch := event.New("app")
				b.SetBytes(int64(len(one.Bytes())))
				for range b.N {
					b.StopTimer()
					if err := batch.Load(one.Bytes()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
					if err := filter(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("here", edit)
		for _, form := range []string{"typed", "exe"} {
			r := newRig(b, form+"-filter")
			f := r.filter("mode", "add")
			run(form, f.Filter)
		}
	}
}
