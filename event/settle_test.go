package event

import (
	"slices"
	"sync"
	"testing"
)

func TestABatchSettlesOnceAllItsSharesDid(t *testing.T) {
	var got []Outcome
	b := New("t")
	b.OnSettled(func(o Outcome) { got = append(got, o) })
	b.OnSettled(func(o Outcome) { got = append(got, o+10) })
	held := b.Hold()
	d := b.Derive("other")
	dd := d.Derive("deeper")
	if !held.Watched() || d.Tag != "other" {
		t.Error("not watched, or wrong tag")
	}
	b.Settle(Filtered)
	d.Settle(Delivered)
	held.Settle(Filtered)
	if len(got) > 0 {
		t.Fatal("settled while a share is out")
	}
	dd.Settle(Filtered)
	if !slices.Equal(got, []Outcome{Delivered, Delivered + 10}) {
		t.Errorf("got %v", got)
	}
}

func TestTheWorstOutcomeIsReported(t *testing.T) {
	check := func(want Outcome, parts ...Outcome) {
		t.Helper()
		var got Outcome
		b := New("t")
		b.OnSettled(func(o Outcome) { got = o })
		for _, o := range parts[1:] {
			b.Hold().Settle(o)
		}
		b.Own().Settle(parts[0])
		if got != want {
			t.Errorf("%v: got %v, want %v", parts, got, want)
		}
	}
	check(Filtered, Filtered)
	check(Delivered, Filtered, Delivered, Filtered)
	check(GivenUp, Delivered, GivenUp, Filtered)
}

func TestNobodyWatchesMostBatches(t *testing.T) {
	b := New("t")
	h := b.Hold()
	if h.Watched() {
		t.Error("watched")
	}
	h.Settle(Delivered)
	b.Derive("d").Settle(GivenUp)
	b.Settle(Delivered)
	b.Settle(Delivered)
}

func TestSettlingTwiceIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	b := New("t")
	b.OnSettled(func(Outcome) {})
	b.Settle(Delivered)
	b.Settle(Delivered)
}

func TestSharesMaySettleAtTheSameTime(t *testing.T) {
	for range 100 {
		calls := 0
		b := New("t")
		b.OnSettled(func(o Outcome) {
			calls++
			if o != GivenUp {
				t.Errorf("outcome %v", o)
			}
		})
		var wg sync.WaitGroup
		for i := range 8 {
			h := b.Hold()
			wg.Go(func() { h.Settle(Outcome(i % 3)) })
		}
		b.Settle(Filtered)
		wg.Wait()
		if calls != 1 {
			t.Fatalf("called %d times", calls)
		}
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	if s := Filtered.String() + "," + Delivered.String() + "," + GivenUp.String(); s != "filtered,delivered,given up" {
		t.Error(s)
	}
}

func TestADuplicateIsEditedAloneAndHoldsTheSettlement(t *testing.T) {
	b := grouped(t)
	var how []Outcome
	b.OnSettled(func(o Outcome) { how = append(how, o) })
	before := describe(b)
	d := b.Duplicate("other")
	for e := range d.Edit() {
		if n, _ := e.Get("a").Int(); n != 2 {
			e.Drop()
		}
	}
	if describe(b) != before || describe(d) != `6 {"a":2} in {"g":2} {"name":"two"}` || d.Tag != "other" {
		t.Errorf("%s; %s", describe(b), describe(d))
	}
	b.Settle(Filtered)
	b.Release()
	if len(how) > 0 {
		t.Error("settled before its duplicate")
	}
	d.Settle(Delivered)
	if len(how) != 1 || how[0] != Delivered {
		t.Error(how)
	}
}
