package event

import (
	"bytes"
	"iter"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// Edit walks the records and applies what the loop body does to each. Records left alone are not copied
// one by one: runs between edits move together, and a batch that nobody touched keeps its very bytes.
// Stopping the loop early keeps the rest as it is, and so does a panic in it. A group whose records were
// all dropped goes with them. Signals other than logs have no records to edit.
func (b *Batch) Edit() iter.Seq[*Edit] {
	return func(yield func(*Edit) bool) {
		if !b.Kind.Has(Logs) {
			return
		}
		w := writer{data: b.data, out: b.data[:0], other: b.other, index: b.spare[:0], inPlace: true}
		e, done, p := &b.edit, 0, b.poisoner()
		e.group = Group{}
		defer func() {
			for _, ent := range b.index[done:] {
				w.pass(ent)
			}
			w.endGroup()
			w.flush()
			if !w.inPlace {
				b.other = b.data
			}
			b.data, b.index, b.spare = w.out, w.index, b.index
			b.n = len(b.index) - w.markers
			p.finish(b)
		}()
		for _, ent := range b.index {
			start, end := w.read, int(ent.end)
			if ent.body == marker {
				e.group = w.pass(ent)
				done++
				continue
			}
			e.raw, e.body = b.data[start:end:end], int(ent.body)-start
			if b.where != nil && !b.where(&e.Record) {
				w.pass(ent)
				done++
				continue
			}
			e.dropped, e.changed, e.extra, e.inserted = false, false, e.extra[:0], 0
			p.show(e)
			more := yield(e)
			if !e.dropped && !e.changed && e.inserted == 0 {
				w.pass(ent) // fast path: nothing happened
			} else {
				w.replace(e, end)
				p.change()
			}
			if done++; !more {
				return
			}
		}
	}
}

// writer puts an edited batch together. It compacts over the bytes that were read already, and moves to
// fresh memory once what it writes would overtake what is still to be read.
type writer struct {
	data     []byte
	out      []byte
	other    []byte // room for out when it has to leave data
	run, to  int    // data[run:to] is kept and not moved yet
	read     int    // where the next entry begins in data
	index    []entry
	inPlace  bool
	markers  int
	group    bool // inside of a group …
	groupOut int  // … whose start marker stands here in out
	groupIdx int  // … and here in index
	kept     int  // records of the group that stay
	dropped  int  // records of the group that went
}

// pass takes over an entry that nobody edited. For a marker it returns the group that follows it.
func (w *writer) pass(ent entry) (g Group) {
	start, end := w.read, int(ent.end)
	w.read = end
	if ent.body == marker {
		return w.marker(w.data[start:end:end], end, ent)
	}
	w.keep(end, ent)
	return g
}

// keep leaves the entry that ends at end as it is.
func (w *writer) keep(end int, ent entry) {
	shift := len(w.out) - w.run
	w.to = end
	w.index = append(w.index, entry{uint32(end + shift), moved(ent.body, shift)})
	w.kept++
}

func moved(body uint32, shift int) uint32 {
	if body == marker {
		return body
	}
	return uint32(int(body) + shift)
}

// flush moves the kept run to out.
func (w *writer) flush() {
	if w.inPlace && len(w.out) == w.run {
		w.out = w.data[:w.to] // nothing has moved so far
	} else {
		w.out = append(w.out, w.data[w.run:w.to]...)
	}
	w.run = w.to
}

// replace ends the run before e and writes what has become of e, whose old bytes end at end.
func (w *writer) replace(e *Edit, end int) {
	w.flush()
	w.run, w.to, w.read = end, end, end
	if e.dropped {
		w.dropped++
	} else {
		at := len(w.out)
		w.append(e.raw, end)
		w.index = append(w.index, entry{uint32(len(w.out)), uint32(at + e.body)})
		w.kept++
	}
	for rest := e.extra; len(rest) > 0; {
		raw := rest[:msgp.Skip(rest)]
		rest = rest[len(raw):]
		body, _, err := layout(raw)
		if err != nil {
			panic("BUG: inserted record: " + err.Error())
		}
		at := len(w.out)
		w.append(raw, end)
		w.index = append(w.index, entry{uint32(len(w.out)), uint32(at + body)})
		w.kept++
	}
}

func (w *writer) append(raw []byte, read int) {
	if w.inPlace && len(w.out)+len(raw) > read {
		if need := len(w.data) + len(w.data)/4 + len(raw); cap(w.other) < need {
			w.other = make([]byte, 0, need)
		}
		w.out = append(w.other[:0], w.out...)
		w.inPlace = false
	}
	w.out = append(w.out, raw...)
}

// marker handles a group's border and returns the group that follows it.
func (w *writer) marker(raw []byte, end int, ent entry) Group {
	g := readMarker(raw)
	if g.Attributes == nil {
		if w.endGroup() {
			w.run, w.to = end, end // the end marker goes as well
			return g
		}
		w.keep(end, ent)
		w.markers++
		return g
	}
	w.endGroup()
	w.flush()
	if len(w.out) != w.run {
		g = readMarker(bytes.Clone(raw)) // the records that move down will overwrite raw
	}
	w.groupOut, w.groupIdx = len(w.out), len(w.index)
	w.keep(end, ent)
	w.markers++
	w.group, w.kept, w.dropped = true, 0, 0
	return g
}

// endGroup closes the open group and takes its start marker back when none of its records is left.
func (w *writer) endGroup() bool {
	empty := w.group && w.kept == 0 && w.dropped > 0
	w.group = false
	if empty {
		w.flush()
		w.out, w.index = w.out[:w.groupOut], w.index[:w.groupIdx]
		w.markers--
	}
	return empty
}
