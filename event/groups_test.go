package event

import (
	"fmt"
	"strings"
	"testing"
)

// grouped is a batch of two groups with a record each, and one record outside of them.
func grouped(t *testing.T) *Batch {
	t.Helper()
	var data []byte
	add := func(sec int64, meta, body string) {
		head := AppendInt([]byte{0x92, 0x92}, sec)
		m, _, err := ParseJSON(nil, []byte(meta))
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := ParseJSON(nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		data = append(append(append(data, head...), m...), b...)
	}
	add(-1, `{"g":1}`, `{"name":"one"}`)
	add(5, `{}`, `{"a":1}`)
	add(-2, `{}`, `{}`)
	add(-1, `{"g":2}`, `{"name":"two"}`)
	add(6, `{}`, `{"a":2}`)
	add(-2, `{}`, `{}`)
	add(7, `{}`, `{"a":3}`)
	b, err := Parse("t", data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func describe(b *Batch) string {
	var out []string
	for r := range b.Records() {
		s := fmt.Sprintf("%d %s", r.Time().Sec, AppendJSON(nil, r.Body(), JSONStyle{}))
		if g := r.Group(); g.Attributes != nil {
			s += fmt.Sprintf(" in %s %s", AppendJSON(nil, g.Meta, JSONStyle{}), AppendJSON(nil, g.Attributes, JSONStyle{}))
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestGroupsAreEditedByTheirMarkers(t *testing.T) {
	b := grouped(t)
	n := 0
	for e := range b.EditGroups() {
		if n++; n == 2 {
			body, _, err := ParseJSON(nil, []byte(`{"name":"a much longer name than it was"}`))
			if err != nil {
				t.Fatal(err)
			}
			e.SetBody(body)
			e.SetMeta(Value{0x80})
		}
	}
	want := `5 {"a":1} in {"g":1} {"name":"one"}; 6 {"a":2} in {} {"name":"a much longer name than it was"}; 7 {"a":3}`
	if got := describe(b); got != want || n != 2 || b.Len() != 3 {
		t.Errorf("%d groups, %d records\ngot  %s\nwant %s", n, b.Len(), got, want)
	}
	again, err := Parse("t", append([]byte(nil), b.Bytes()...))
	if err != nil || describe(again) != want {
		t.Errorf("read again: %v %s", err, describe(again))
	}
	for e := range b.Edit() {
		if e.Time().Sec == 6 {
			e.Drop()
		}
	}
	if got, want := describe(b), `5 {"a":1} in {"g":1} {"name":"one"}; 7 {"a":3}`; got != want {
		t.Errorf("after the edit: %s", got)
	}
}

func TestUntouchedGroupsKeepTheBytes(t *testing.T) {
	b := grouped(t)
	before := &b.Bytes()[0]
	for range b.EditGroups() {
		break
	}
	if &b.Bytes()[0] != before {
		t.Error("the batch was copied")
	}
}

func TestWrapLeavesGroupsAloneAndCanBeNarrowed(t *testing.T) {
	meta, attributes := Value{0x81, 0xa1, 'm', 1}, Value{0x80}
	f := func(b *Batch, where func(*Record) bool, want string) {
		t.Helper()
		n := b.Len()
		b.Where(where)
		b.Wrap(meta, attributes)
		b.Wrap(meta, attributes) // has nothing left to do
		b.Where(nil)
		if got := describe(b); got != want || b.Len() != n {
			t.Errorf("got %s, want %s", got, want)
		}
		again, err := Parse("t", append([]byte(nil), b.Bytes()...))
		if err != nil || describe(again) != want {
			t.Errorf("the bytes say %s %v", describe(again), err)
		}
	}
	f(grouped(t), nil, `5 {"a":1} in {"g":1} {"name":"one"}; 6 {"a":2} in {"g":2} {"name":"two"}; 7 {"a":3} in {"m":1} {}`)
	b := New("t")
	for i := range byte(4) {
		b.Append(Time{Sec: int64(i)}, nil, Value{0x81, 0xa1, 'a', i})
	}
	f(b, func(r *Record) bool { n, _ := r.Get("a").Int(); return n != 1 }, `0 {"a":0} in {"m":1} {}; 1 {"a":1}; 2 {"a":2} in {"m":1} {}; 3 {"a":3} in {"m":1} {}`)
	f(New("t"), nil, "")
}
