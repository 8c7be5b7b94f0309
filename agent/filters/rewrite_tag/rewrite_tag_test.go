package rewrite_tag

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// emitting returns the filter with an Emit that fails with err, or notes the batches.
func emitting(to *[]*event.Batch, err error) plugin.Spec[plugin.Filter] {
	return filtertest.With(Plugin, func(env *plugin.Env) {
		env.Emit = func(_ context.Context, b *event.Batch) error {
			*to = append(*to, b)
			return err
		}
	})
}

// run filters lines, all with the tag app.web.1, and returns TAG: RECORDS of what stays and what is emitted.
func run(t *testing.T, conf, in, want string) {
	t.Helper()
	var out []*event.Batch
	left := filtertest.Run(t, emitting(&out, nil), filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
	got := strings.ReplaceAll(left, "\n", " ")
	for _, b := range out {
		got += "\n" + b.Tag + ": " + strings.Join(filtertest.Lines(b), " ")
	}
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
	}
}

func TestMatchingRecordsGetATagOfTheirOwn(t *testing.T) {
	const in = `{"l":"error","s":"db","n":1}` + "\n" + `{"l":"info","n":2}` + "\n" + `{"l":"error","s":"ui","n":3}` + "\n" + `{"n":4}` + "\n" + `{"l":"error","s":"db","n":5}`
	run(t, "rule $l ^(err)or$ $1.$s.$TAG[1] false", in,
		`{"l":"info","n":2} {"n":4}`+"\n"+`err.db.web: {"l":"error","s":"db","n":1} {"l":"error","s":"db","n":5}`+"\n"+`err.ui.web: {"l":"error","s":"ui","n":3}`)
	run(t, "rule l ^info$ $TAG.i true", in,
		strings.ReplaceAll(in, "\n", " ")+"\n"+`app.web.1.i: {"l":"info","n":2}`)
	run(t, `rule $l "^(a b|c)$" x.$0 off`, `{"l":"a b"}`+"\n"+`{"l":5}`, `{"l":5}`+"\n"+`x.a b: {"l":"a b"}`)
	run(t, "rule $m['k'][1] ^x one$gone no", `{"m":{"k":["a","x"]}}`, "\n"+`one: {"m":{"k":["a","x"]}}`)
}

func TestTheFirstRuleThatMatchesIsUsed(t *testing.T) {
	run(t, "rule l ^a a true\nrule l b b false", `{"l":"ab"}`+"\n"+`{"l":"b"}`, `{"l":"ab"}`+"\na: "+`{"l":"ab"}`+"\nb: "+`{"l":"b"}`)
}

func TestATagThatCannotBeUsedLeavesTheRecordAlone(t *testing.T) {
	run(t, "rule l . $TAG false", `{"l":"a"}`, `{"l":"a"}`)
	run(t, "rule l . $none false", `{"l":"a"}`, `{"l":"a"}`)
}

func TestRecordsWithANewTagStayInTheirGroup(t *testing.T) {
	var out []*event.Batch
	f, err := filtertest.Build(emitting(&out, nil), filtertest.Properties("rule a ^x new.$a false"))
	if err != nil {
		t.Fatal(err)
	}
	data := filtertest.Batch(t, `{"a":"x","n":1}`)
	wrapped := func(group string, lines ...string) []byte {
		b := filtertest.Batch(t, lines...)
		body, _, err := event.ParseJSON(nil, []byte(group))
		if err != nil {
			t.Fatal(err)
		}
		b.Wrap(body, body)
		return b.Bytes()
	}
	all := append(bytes.Clone(data.Bytes()), wrapped(`{"g":1}`, `{"a":"x","n":2}`, `{"a":"y"}`, `{"a":"x","n":3}`)...)
	all = append(all, wrapped(`{"g":2}`, `{"a":"x","n":4}`)...)
	b, err := event.Parse("t", append(all, filtertest.Batch(t, `{"a":"x","n":5}`).Bytes()...))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Filter(t.Context(), b); err != nil || b.Len() != 1 {
		t.Fatal(err, b.Len())
	}
	got := ""
	for _, b := range out {
		for r := range b.Records() {
			g := r.Group()
			for _, v := range []event.Value{g.Meta, g.Attributes, r.Get("n")} {
				got += string(event.AppendJSON(nil, v, event.JSONStyle{})) + " "
			}
		}
	}
	if want := `null null 1 {"g":1} {"g":1} 2 {"g":1} {"g":1} 3 {"g":2} {"g":2} 4 null null 5 `; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheParentWaitsForWhatBecameOfItsRecords(t *testing.T) {
	var out []*event.Batch
	f, err := filtertest.Build(emitting(&out, nil), filtertest.Properties("rule a ^x new.$a false"))
	if err != nil {
		t.Fatal(err)
	}
	var got []event.Outcome
	b := filtertest.Batch(t, `{"a":"x1"}`, `{"a":"x2"}`)
	b.OnSettled(func(o event.Outcome) { got = append(got, o) })
	if err := f.Filter(context.Background(), b); err != nil || len(out) != 2 || b.Len() != 0 {
		t.Fatal(err, len(out), b.Len())
	}
	b.Settle(event.Filtered)
	out[0].Settle(event.Delivered)
	if len(got) != 0 {
		t.Fatal("settled too early")
	}
	out[1].Settle(event.GivenUp)
	if len(got) != 1 || got[0] != event.GivenUp {
		t.Fatalf("settled as %v", got)
	}
}

func TestARefusedBatchIsReported(t *testing.T) {
	var out []*event.Batch
	f, err := filtertest.Build(emitting(&out, errors.New("no room")), filtertest.Properties("rule a . x true"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what failed is not sent again
		err = f.Filter(context.Background(), filtertest.Batch(t, `{"a":"1"}`))
	}
	if err == nil || !strings.Contains(err.Error(), "emit 1 records with the new tag 'x': no room") || len(out) != 2 {
		t.Fatal(err, len(out))
	}
}

func TestWithoutRulesNothingHappens(t *testing.T) {
	run(t, "emitter_name x", `{"a":1}`, `{"a":1}`)
}

func TestOneWarningIsEnough(t *testing.T) {
	var text bytes.Buffer
	spec := filtertest.With(Plugin, func(env *plugin.Env) { env.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	f, err := filtertest.Build(spec, filtertest.Properties("rule a . $TAG true"))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := f.Filter(context.Background(), filtertest.Batch(t, `{"a":"1"}`, `{"a":"2"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(text.String(), filtertest.Tag); n != 1 {
		t.Errorf("%d warnings: %s", n, &text)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(strings.Split(conf, "\n")...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("rule a b c", "test.conf:1:6: rule: 'a b c' is not KEY REGEX NEW_TAG KEEP; put double quotes")
	f("rule a b c true d", "is not KEY REGEX NEW_TAG KEEP")
	f("rule a b c d", "'d' is not a boolean")
	f("rule $a[ b c true", "brackets hold")
	f("rule a ( c true", "regular expression")
	f("rule a b $[ true", "record accessor")
	f("rule a b c true\nemitter_storage.type disk", "'disk'")
}

func TestRecordsThatStayCostNoAllocation(t *testing.T) {
	for _, line := range []string{`{"l":"info","b":{"c":1}}`, `{"l":5}`, `{"x":1}`} {
		var out []*event.Batch
		if n := filtertest.Allocs(t, emitting(&out, nil), filtertest.Properties("rule l ^(err)or$ $1.$TAG false"), line); n > 0.1 {
			t.Errorf("%s: %v allocations per record", line, n)
		}
	}
}

func BenchmarkUntouched(b *testing.B) {
	filtertest.Bench(b, Plugin, "rule level ^error$ error.$TAG false")
}

func BenchmarkMoved(b *testing.B) {
	spec := filtertest.With(Plugin, func(env *plugin.Env) {
		env.Emit = func(context.Context, *event.Batch) error { return nil }
	})
	filtertest.Bench(b, spec, "rule level ^info$ info.$TAG[0].$method false")
}
