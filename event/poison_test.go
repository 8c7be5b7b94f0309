package event

import (
	"bytes"
	"testing"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// gone reports whether every byte of a view was overwritten.
func gone(v []byte) bool { return len(v) > 0 && len(bytes.Trim(v, "\xc1")) == 0 }

func TestViewsThatAreKeptTooLongFallApart(t *testing.T) {
	defer Poison(Poison(true))
	views := map[string]Value{}
	check := func(when string, want bool) {
		t.Helper()
		for name, v := range views {
			if gone(v) != want {
				t.Errorf("%s: the view %s is % x", when, name, []byte(v))
			}
		}
	}
	b := batchOf(t, `{"n":1}`, open(`{"g":1}`), `{"n":2}`, shut, `{"n":3}`)
	for r := range b.Records() {
		views["of an untouched batch"] = r.Body()
	}
	for e := range b.Edit() {
		_ = e
	}
	check("after an edit without changes", false)

	for e := range b.Edit() {
		switch n, _ := e.Get("n").Int(); n {
		case 1:
			views["of a record shown by an edit"] = e.Body()
			e.SetBody(fromJSON(t, `{"n":1,"more":"than before"}`))
			views["of a changed record"] = e.Body()
			e.Insert(Time{}, nil, e.Body())
		case 2:
			for name, v := range views {
				if name != "of an untouched batch" && !gone(v) {
					t.Errorf("when the loop went on: the view %s is % x", name, []byte(v))
				}
			}
		}
	}
	check("after an edit", true)
	if got := show(t, b); got != `{"n":1,"more":"than before"} {"n":1,"more":"than before"} {"g":1}{"n":2} {"n":3}` {
		t.Errorf("the batch itself is %s", got)
	}

	clear(views)
	for e := range b.EditGroups() {
		views["of a group's attributes"] = e.Body()
		e.SetBody(emptyMap)
	}
	check("after an edit of groups", true)

	clear(views)
	views["of a batch"] = Value(b.Bytes())
	c := NewChunk(1, "t", Logs, nil, 0)
	c.Append(b)
	b.Release()
	check("after the batch's release", true)

	clear(views)
	if err := c.Lend(func(c *Chunk) error {
		for r := range c.Records() {
			views["of a chunk that was lent"] = r.Body()
		}
		check("while a chunk is lent", false)
		return nil
	}); err != nil {
		t.Error(err)
	}
	check("after a chunk was lent", true)
	if n := c.Len(); n != 4 || msgp.TypeOf(c.Bytes()) != msgp.Array {
		t.Errorf("the chunk itself has %d records and begins with % x", n, c.Bytes()[:2])
	}
	clear(views)
	views["of a chunk"] = Value(c.Bytes())
	c.Release()
	check("after the chunk's release", true)
}

func TestBytesOfOthersAreNotOverwritten(t *testing.T) {
	defer Poison(Poison(true))
	data := bytes.Clone(batchOf(t, `{"n":1}`).Bytes())
	c, err := View(1, "t", Logs, data)
	if err != nil {
		t.Fatal(err)
	}
	view := c.Bytes()
	c.Release()
	if !gone(view) || gone(data) {
		t.Errorf("the view % x, the bytes below % x", view, data)
	}
	Poison(false)
	c = NewChunk(1, "t", Logs, data, 1)
	Poison(true)
	if c.Release(); gone(data) {
		t.Error("bytes of others are gone")
	}
}

func TestWithoutPoisonAChunkIsLentAsItIs(t *testing.T) {
	c := NewChunk(1, "t", Logs, batchOf(t, `{"n":1}`).Bytes(), 1)
	if n := testing.AllocsPerRun(10, func() {
		if c.Lend(func(lent *Chunk) error { _ = lent; return nil }) != nil {
			t.Error("failed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
