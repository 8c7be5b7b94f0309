package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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

func TestPluginsWishForWorkersIsBounded(t *testing.T) {
	m := New(Info{Name: "greedy", Type: Output, Typed: &wire.Declaration{Workers: 1 << 30}}, Options{})
	if n := m.OutputSpec().Workers; n != maxLanes {
		t.Errorf("%d workers", n)
	}
}
