package event

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestIndexedRecordsAreThoseThatWereChecked(t *testing.T) {
	b := batchOf(t, `{"a":1}`, open(`{"g":1}`), `{"a":2}`, `{"b":[]}`, shut, `{}`)
	index := b.AppendIndex(nil)
	c, err := ViewIndexed(1, "t", b.Bytes(), index)
	if err != nil || c.Len() != b.Len() {
		t.Fatalf("%d records, %v", c.Len(), err)
	}
	var got, want []byte
	for r := range c.Records() {
		got = append(append(got, r.Body()...), r.Group().Attributes...)
	}
	for r := range b.Records() {
		want = append(append(want, r.Body()...), r.Group().Attributes...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if again := c.AppendIndex(nil); !bytes.Equal(again, index) {
		t.Error("the index does not come back")
	}
	other := New("t")
	if err := other.LoadIndexed(b.Bytes(), index); err != nil || other.Len() != b.Len() || !bytes.Equal(other.Bytes(), b.Bytes()) {
		t.Errorf("%d records, %v", other.Len(), err)
	}
	c.Release()
}

func TestIndexThatDoesNotFitIsRefused(t *testing.T) {
	b := batchOf(t, `{"a":1}`, `{"a":2}`)
	good := b.AppendIndex(nil)
	f := func(what string, change func([]byte) []byte) {
		t.Helper()
		index := change(bytes.Clone(good))
		if c, err := ViewIndexed(1, "t", b.Bytes(), index); err == nil || len(c.index) != 0 {
			t.Errorf("%s: taken", what)
		}
		if err := New("t").LoadIndexed(b.Bytes(), index); err == nil {
			t.Errorf("%s: loaded", what)
		}
	}
	put := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	}
	f("cut", func(b []byte) []byte { return b[:7] })
	f("too short", func(b []byte) []byte { return b[:8] })
	f("none", func([]byte) []byte { return nil })
	f("end before its beginning", put(8, 1))
	f("end beyond the data", put(8, 1<<30))
	f("body beyond its end", put(12, 1<<30))
	f("body before its beginning", put(12, 1))
}
