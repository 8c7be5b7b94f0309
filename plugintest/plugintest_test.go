package plugintest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// odd is a plugin of every kind that does one thing wrong.
type odd struct {
	fault string
	env   plugin.Env
	kept  event.Value
}

func (o *odd) Options() []option.Option {
	opts := []option.Option{option.String("fault", &o.fault).Help("What to do wrong.")}
	if o.fault == "no help" {
		opts = append(opts, option.String("mute", new(string)))
	}
	return opts
}

func (o *odd) New(env plugin.Env) (*odd, error) {
	switch o.fault {
	case "open":
		f, err := os.Open(os.DevNull)
		runtime.AddCleanup(o, func(f *os.File) { f.Close() }, f)
		return o, err
	case "refuse":
		return nil, errors.New("no")
	}
	o.env = env
	return o, nil
}

func (o *odd) Filter(_ context.Context, b *event.Batch) error {
	for r := range b.Edit() {
		switch o.fault {
		case "keep":
			if o.kept == nil {
				o.kept = r.Get("text")
			}
		case "break":
			r.SetBody(event.Value("\xc1"))
		case "mark":
			r.SetFields(append(r.Fields(), event.Field{Key: event.AppendStr(nil, "text"), Val: o.kept}))
		}
	}
	return nil
}

func (o *odd) Flush(ctx context.Context, c *event.Chunk) error {
	switch o.fault {
	case "write":
		c.Bytes()[len(c.Bytes())-1] ^= 1
	case "stuck":
		<-ctx.Done()
		return ctx.Err()
	case "retry":
		if o.kept == nil {
			o.kept = event.AppendNil(nil)
			return errors.New("not yet")
		}
	}
	for r := range c.Records() {
		o.env.Log.Info("got", "body", JSON(r.Body()), "meta", JSON(r.Meta()), "time", r.Time())
	}
	return nil
}

func (o *odd) Close() error {
	if o.fault == "close" {
		return errors.New("never opened")
	}
	return nil
}

type oddFilter struct{ *odd }

func (o oddFilter) New(env plugin.Env) (plugin.Filter, error) { return o.odd.New(env) }

type oddOutput struct{ *odd }

func (o oddOutput) New(env plugin.Env) (plugin.Output, error) { return o.odd.New(env) }

var (
	filterSpec = plugin.Spec[plugin.Filter]{Name: "odd", Summary: "Does wrong", Config: func() plugin.Config[plugin.Filter] { return oddFilter{new(odd)} }}
	outputSpec = plugin.Spec[plugin.Output]{Name: "odd", Summary: "Does wrong", Config: func() plugin.Config[plugin.Output] { return oddOutput{new(odd)} }}
)

// failing is a test that notes its failures instead of failing.
type failing struct {
	testing.TB
	said []string
	ends []func()
}

func (f *failing) Helper()          {}
func (f *failing) Cleanup(g func()) { f.ends = append(f.ends, g) }
func (f *failing) Errorf(s string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(s, args...))
}
func (f *failing) Fatalf(s string, args ...any) {
	f.Errorf(s, args...)
	runtime.Goexit()
}
func (f *failing) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

// failures runs a test and returns what it failed with.
func failures(t *testing.T, test func(tb testing.TB)) string {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, g := range slices.Backward(f.ends) {
				g()
			}
		}()
		test(f)
	}()
	<-done
	return strings.Join(f.said, "\n")
}

func TestConformPassesWhatDoesNothingWrong(t *testing.T) {
	Conform(t, filterSpec)
	Conform(t, outputSpec)
}

func TestKeptBytesTurnToRubbish(t *testing.T) {
	said := failures(t, func(tb testing.TB) {
		f := New(tb).Filter(filterSpec, "fault keep")
		f.Run(`{"text":"x"}`)
		f.plugin.(*odd).fault = "mark"
		f.Run(`{"a":1}`)
	})
	if !strings.Contains(said, "no records") {
		t.Errorf("a view that was kept went unnoticed: %q", said)
	}
}

func TestBrokenRecordsAreNoticed(t *testing.T) {
	said := failures(t, func(tb testing.TB) { New(tb).Filter(filterSpec, "fault break").Run(`{"a":1}`) })
	if !strings.Contains(said, "no records") {
		t.Errorf("%q", said)
	}
}

func TestWritingToAChunkIsNoticed(t *testing.T) {
	said := failures(t, func(tb testing.TB) { _ = New(tb).Output(outputSpec, "fault write").Flush(`{"a":1}`) })
	if !strings.Contains(said, "has written to the chunk") {
		t.Errorf("%q", said)
	}
}

func TestPluginThatCannotBeClosedUnusedIsNoticed(t *testing.T) {
	if said := failures(t, func(tb testing.TB) { unused(tb, outputSpec, []string{"fault close"}) }); !strings.Contains(said, "close: never opened") {
		t.Errorf("%q", said)
	}
}

func TestDeliverTriesAgain(t *testing.T) {
	h := New(t)
	attempts, err := h.Output(outputSpec, "fault retry").Deliver(`[12.5,{"a":1}]`, `[[12,{"m":2}],{}]`, `{"c":[]}`)
	if attempts != 2 || err != nil {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	for _, want := range []string{`msg=got plugin=odd.0 body="{\"a\":1}" meta={}`, `body={} meta="{\"m\":2}"`, `body="{\"c\":[]}"`} {
		if !strings.Contains(h.Log(), want) {
			t.Errorf("no %s in\n%s", want, h.Log())
		}
	}
}

func TestFaultsHavePlaces(t *testing.T) {
	if err := Err(New(t), outputSpec, "fault x", "falt y"); err == nil || err.Error() != "test.conf:2:1: unknown configuration property 'falt'; did you mean 'fault'?" {
		t.Error(err)
	}
	if err := Err(New(t), outputSpec, "fault refuse"); err == nil || err.Error() != "no" {
		t.Error(err)
	}
}

func TestGoroutinesThatStayAreNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("waits as long as a goroutine may take to end")
	}
	end := make(chan struct{})
	defer close(end)
	said := failures(t, func(tb testing.TB) {
		New(tb)
		go func() { <-end }()
	})
	if !strings.Contains(said, "1 goroutines are left behind") {
		t.Errorf("%q", said)
	}
}

func TestGoldenFilesHaveAllTheirParts(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := split(text)
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
	f("-- in --\n{}\n-- out --\n", "<nil>")
	f("what for\n-- config --\na b\n-- in --\n{}\n-- out --\n{}\n", "<nil>")
	f("-- input --\n{}\n-- out --\n", "no part 'input'")
	f("-- in --\n{}\n-- want --\n{}\n", "no part 'want'")
	f("{}\n", "'-- in --' is missing")
	f("-- in --\n{}\n", "'-- out --' is missing")
}

func TestSettlementsMayBeLogged(t *testing.T) {
	h := New(t)
	var env plugin.Env
	spec := plugin.Spec[plugin.Filter]{Name: "odd", Config: func() plugin.Config[plugin.Filter] {
		return filterConfig{func(e plugin.Env) { env = e }}
	}}
	h.Filter(spec)
	b := event.New("other")
	b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
	b.OnSettled(func(o event.Outcome) { env.Log.Info("settled", "how", o) })
	done := make(chan error)
	go func() { done <- env.Emit(t.Context(), b) }()
	select {
	case err := <-done:
		if err != nil || !strings.Contains(h.Log(), "settled") {
			t.Errorf("%v, and the log: %s", err, h.Log())
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Emit does not return")
	}
}

// filterConfig makes a filter that does nothing, and shows what it was made with.
type filterConfig struct{ made func(plugin.Env) }

func (filterConfig) Options() []option.Option                   { return nil }
func (filterConfig) Filter(context.Context, *event.Batch) error { return nil }
func (c filterConfig) New(env plugin.Env) (plugin.Filter, error) {
	c.made(env)
	return c, nil
}
