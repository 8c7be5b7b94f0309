package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// eachForm runs f with a rig of the typed plugin as a shared object and as an executable.
func eachForm(t *testing.T, kind string, f func(t *testing.T, r *rig)) {
	for _, form := range []string{"typed", "exe"} {
		t.Run(form, func(t *testing.T) {
			r := newRig(t, form+"-"+kind)
			if typed := r.mod.Info().Typed; typed == nil || typed.Name != "typed" {
				t.Fatalf("%+v", r.mod.Info())
			}
			f(t, r)
		})
	}
}

func TestTypedOutputSeesTagMetadataAndBody(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		o := r.output("typed.0", "word", "a", "word", "b c")
		b := event.New("app")
		b.Append(event.Time{Sec: 1}, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "m"), "v"), event.AppendMap(nil, 0))
		c := event.NewChunk(7, "app", event.Logs, b.Bytes(), 1)
		if err := o.Flush(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want := []string{`start typed.0 tag=app.typed.0 words=["a" "b c"]`, `app {"m":"v"} {}`}
		if got := r.lines(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		waitFor(t, "the log line", func() bool { return r.log.has(`level=WARN msg="starting mode=\"\"" instance=typed.0`) })
		if r.log.has("too much") {
			t.Error("a debug line in a log of level info")
		}
		var set metric.Set
		r.mod.Collect(&set)
		if text := string(metric.AppendPrometheus(nil, &set, false)); !strings.Contains(text, `fluentbit_output_starts_total{name="typed.0"} 1`) {
			t.Errorf("its metrics: %s", text)
		}
		if o.m.workers() != 3 || cap(o.link.pool.free) != 3 {
			t.Error("the plugin's own number of workers is not used")
		}
	})
}

func TestTypedOutputsErrorsKeepTheirMeaning(t *testing.T) {
	f := func(mode string, is func(error) bool, words string) {
		t.Run(mode, func(t *testing.T) {
			eachForm(t, "output", func(t *testing.T, r *rig) {
				err := r.output("typed.0", "mode", mode).Flush(t.Context(), chunkOf("app", 0, 5))
				if err == nil || !is(err) || !strings.Contains(err.Error(), words) {
					t.Error(err)
				}
			})
		})
	}
	plain := func(err error) bool {
		return !plugin.Dropped(err) && !plugin.Poisoned(err) && plugin.Rejected(err) == nil
	}
	f("retry", plain, "later, please")
	f("panic", plain, "panic: as it was told")
	f("drop", plugin.Dropped, "never")
	f("poison", plugin.Poisoned, "it hurts")
	f("reject", func(err error) bool {
		r := plugin.Rejected(err)
		return r != nil && slices.Equal(r.Records, []int{1, 2})
	}, "odd")
}

func TestLongAnswersOfTypedOutputsArriveWhole(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		o := r.output("typed.0", "mode", "long")
		if err := o.Flush(t.Context(), chunkOf("app", 0, 5)); err == nil || len(err.Error()) != 8*4000 {
			t.Errorf("an error of %d bytes, %v…", len(fmt.Sprint(err)), fmt.Sprint(err)[:20])
		}
		many := r.output("typed.1", "mode", "reject-many")
		rejected := plugin.Rejected(many.Flush(t.Context(), chunkOf("app", 0, 40_000)))
		if rejected == nil || len(rejected.Records) != 20_000 || rejected.Records[19_999] != 39_999 {
			t.Errorf("%+v", rejected)
		}
		if n := r.mod.opts.Restarts.Value(); n != 0 {
			t.Errorf("the worker was started anew %d times", n)
		}
	})
}

func TestTypedPluginsDeathCostsNoRecord(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		o := r.output("typed.0", "mode", "die-once")
		if failed := r.deliver(o, "app", 0, 10); failed != 1 {
			t.Errorf("%d attempts failed instead of one", failed)
		}
		if got := len(r.lines()); got != 12 { // two starts, ten records
			t.Errorf("%q", r.lines())
		}
	})
}

func TestTypedFaultsOfAConfigurationNameTheirPlaceBeforeTheStart(t *testing.T) {
	f := func(want string, kv ...string) {
		t.Helper()
		eachForm(t, "output", func(t *testing.T, r *rig) {
			env, props := r.env("typed.0", kv...)
			cfg := r.mod.OutputSpec().Config()
			err := option.Decode(cfg.Options(), props, option.Pos{File: "test.conf", Line: 1})
			if err == nil {
				_, err = cfg.New(env)
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", kv, err, want)
			}
		})
	}
	f("test.conf:3:5: n: 'many' is not a whole number", "n", "many")
	f("test.conf:3:5: unknown configuration property 'mdoe'; did you mean 'mode'?", "mdoe", "x")
	f("test.conf:3:5: mode: 'refuse' is refused; say something else", "mode", "refuse")
}

func TestLimitsReachATypedPluginsRuntime(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		r.output("typed.0", "mode", "limits", "plugin.memory_limit", "123M", "plugin.max_procs", "1")
		if r.count("limits 123000000 1") != 1 {
			t.Errorf("%q", r.lines())
		}
	})
}

// A panic ends the worker with words that are not any instance's own.
func TestSecretsAreHiddenWhoeverPrintsThem(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		r.output("typed.0", "token", "sesame-open")
		r.output("typed.1", "mode", "tell", "token", "open-sesame")
		o := r.output("typed.2", "mode", "tell-die", "token", "Tr0ub4dor")
		_ = o.Flush(t.Context(), chunkOf("app", 0, 5))
		waitFor(t, "the crash report", func() bool { return r.log.has("in a goroutine: …") })
		for _, secret := range []string{"printed open-sesame", "in a goroutine: Tr0ub4dor"} {
			if r.log.has(secret) {
				t.Errorf("the log tells %s", secret)
			}
		}
	})
}

// New runs in a worker that only looks, and Close when the instance is not one of the module's any more.
func TestSecretsAreHiddenBeforeAndAfterAnInstancesLife(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		if _, err := build(r, r.mod.OutputSpec(), "typed.0", "mode", "tell-new", "token", "sesame-open"); err != nil {
			t.Fatal(err)
		}
		if err := r.output("typed.1", "mode", "tell-close", "token", "open-sesame").Close(); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"New logged …", "New printed …", "Close logged …", "Close printed …"} {
			waitFor(t, line, func() bool { return r.log.has(line) || r.log.has("sesame") })
		}
		if r.log.has("sesame") {
			t.Errorf("the log tells a secret:\n%s", r.log)
		}
	})
}

func TestTypedStartErrorIsTold(t *testing.T) {
	eachForm(t, "output", func(t *testing.T, r *rig) {
		o, err := build(r, r.mod.OutputSpec(), "typed.0", "mode", "start")
		if err != nil {
			t.Fatal(err)
		}
		err = o.(*output).Start(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:5: plugin typed.0 (") || !strings.HasSuffix(err.Error(), "no server here") {
			t.Error(err)
		}
	})
}

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

// collector takes what an input emits and settles it.
type collector struct {
	got   []string
	kinds []event.Kinds
	stop  context.CancelFunc // called after as many batches
	n     int
}

func (c *collector) Emit(_ context.Context, b *event.Batch) error {
	for r := range b.Records() {
		c.got = append(c.got, fmt.Sprintf("%s %s", b.Tag, event.AppendJSON(nil, r.Get("n"), event.JSONStyle{})))
	}
	c.kinds = append(c.kinds, b.Kind)
	b.Settle(event.Delivered)
	if c.n--; c.n == 0 && c.stop != nil {
		c.stop()
	}
	return nil
}

func (r *rig) typedInput(kv ...string) *typedInput {
	r.tb.Helper()
	i, err := build(r, r.mod.InputSpec(), "typed.0", kv...)
	if err == nil {
		err = i.(*typedInput).Start(r.tb.Context())
	}
	if err != nil {
		r.tb.Fatal(err)
	}
	return i.(*typedInput)
}

func TestTypedInputHandsOverItsBatchesAndLearnsOfTheirSettlement(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		i := r.typedInput("mode", "retag")
		c := &collector{}
		if err := i.Run(t.Context(), c); err != nil {
			t.Error(err)
		}
		if want := []string{"t.0 0", "t.1 1", "t.2 2"}; !slices.Equal(c.got, want) {
			t.Errorf("%q, want %q", c.got, want)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		for k := range 3 {
			if r.count(fmt.Sprintf("settled %d delivered", k)) != 1 {
				t.Errorf("settlement %d was not told: %q", k, r.lines())
			}
		}
	})
}

func TestTypedInputHandsOverLargeBatches(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		c := &collector{}
		if err := r.typedInput("mode", "grow", "n", "2").Run(t.Context(), c); err != nil || len(c.got) != 122 {
			t.Errorf("%d records: %v", len(c.got), err)
		}
	})
}

func TestTypedInputThatFailsSaysWhy(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		err := r.typedInput("mode", "fail").Run(t.Context(), &collector{})
		if err == nil || err.Error() != "the source dried up" {
			t.Error(err)
		}
	})
}

func TestTypedInputStopsWhenItIsTold(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		i := r.typedInput("mode", "wait")
		ctx, stop := context.WithCancel(t.Context())
		if err := i.Run(ctx, &collector{n: 3, stop: stop}); err != nil {
			t.Error(err)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if r.count("close") != 1 {
			t.Errorf("%q", r.lines())
		}
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

// A batch that the agent has no room for is not to be forgotten: the next worker reads it again.
func TestBatchThatCannotBeTakenIsReadAgain(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		n := r.typedInput("mode", "grow", "n", "1")
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		none := limit
		none.Cur = 0
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
			t.Fatal(err)
		}
		more, err := n.next(t.Context(), &collector{})
		if bad := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); bad != nil {
			t.Fatal(bad)
		}
		if !more || err != nil {
			t.Fatal(more, err)
		}
		c := &collector{}
		if err := n.Run(t.Context(), c); err != nil || len(c.got) != 61 {
			t.Errorf("%d records: %v", len(c.got), err)
		}
	})
}

func TestPluginsWishForWorkersIsBounded(t *testing.T) {
	m := New(Info{Name: "greedy", Type: Output, Typed: &wire.Declaration{Workers: 1 << 30}}, Options{})
	if n := m.OutputSpec().Workers; n != maxLanes {
		t.Errorf("%d workers", n)
	}
}

func TestTypedInputMayGiveSeveralSignals(t *testing.T) {
	eachForm(t, "input", func(t *testing.T, r *rig) {
		c := &collector{}
		if err := r.typedInput("mode", "mixed", "n", "1").Run(t.Context(), c); err != nil {
			t.Error(err)
		}
		if want := []event.Kinds{event.Logs, event.Metrics}; !slices.Equal(c.kinds, want) {
			t.Errorf("%v, want %v:\n%s", c.kinds, want, r.log)
		}
	})
}

func TestPanicsInWhatThePluginRegisteredCostNoWorker(t *testing.T) {
	alive := func(t *testing.T, r *rig, words string) {
		t.Helper()
		waitFor(t, "the panic in the log", func() bool { return r.log.has(words) })
		if r.log.has("ended") {
			t.Errorf("the worker has ended:\n%s", r.log)
		}
	}
	eachForm(t, "output", func(t *testing.T, r *rig) {
		r.output("typed.0", "mode", "bad-gauge")
		r.mod.Collect(new(metric.Set))
		alive(t, r, "panic: in a gauge")
	})
	eachForm(t, "input", func(t *testing.T, r *rig) {
		n := r.typedInput("mode", "bad-settle")
		if err := n.Run(t.Context(), &collector{}); err != nil {
			t.Error(err)
		}
		n.Close()
		alive(t, r, "panic: in a settlement")
	})
}

func TestInputThatHangsInASettlementIsClosedInTime(t *testing.T) {
	r := newRig(t, "typed-input")
	n := r.typedInput("mode", "hang-settle")
	if err := n.Run(t.Context(), &collector{}); err != nil {
		t.Error(err)
	}
	start := time.Now()
	n.Close()
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("it took %v", d)
	}
}
