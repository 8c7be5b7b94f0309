package event

import "iter"

// EditGroups walks the markers that open the batch's groups: [Edit.Meta] is the group's metadata,
// [Edit.Body] its attributes, and either may be set. Groups cannot be dropped or added here; Edit drops
// those that have lost their records.
func (b *Batch) EditGroups() iter.Seq[*Edit] {
	return func(yield func(*Edit) bool) {
		if !b.Kind.Has(Logs) {
			return
		}
		var out []byte // what has become of data[:run]
		run, start := 0, 0
		index := b.spare[:0]
		e, p := &b.edit, b.poisoner()
		finish := func() {
			if run > 0 { // something was changed
				b.data = append(out, b.data[run:]...)
				b.index, b.spare = index, b.index
				p.change()
			}
			p.finish(b)
		}
		more := true
		for _, ent := range b.index {
			from, end := start, int(ent.end)
			start = end
			raw := b.data[from:end:end]
			if g := (Group{}); more && ent.body == marker {
				if g = readMarker(raw); g.Attributes != nil {
					body, _, _ := layout(raw)
					e.raw, e.body, e.group = raw, body, g
					e.dropped, e.changed, e.extra, e.inserted = false, false, e.extra[:0], 0
					p.show(e)
					if more = yield(e); e.changed {
						out = append(append(out, b.data[run:from]...), e.raw...)
						run = end
					}
				}
			}
			shift := len(out) - run
			index = append(index, entry{uint32(end + shift), moved(ent.body, shift)})
		}
		finish()
	}
}

// Wrap puts the records that stand in no group into groups of their own, with these metadata and attributes,
// both maps. Records that [Batch.Where] hides stay outside.
func (b *Batch) Wrap(meta, attributes Value) {
	if !b.Kind.Has(Logs) || b.n == 0 {
		return
	}
	start := append(append(AppendTime([]byte{0x92, 0x92}, Time{Sec: groupStart}), meta...), attributes...)
	end := append(append(AppendTime([]byte{0x92, 0x92}, Time{Sec: groupEnd}), emptyMap...), emptyMap...)
	out, index := b.other[:0], b.spare[:0]
	if need := len(b.data) + len(start) + len(end); cap(out) < need {
		out = make([]byte, 0, need)
	}
	mark := func(raw []byte) {
		out = append(out, raw...)
		index = append(index, entry{uint32(len(out)), marker})
	}
	grouped, wrapped := false, false
	r, pos := &b.edit.Record, 0
	r.group = Group{}
	for _, ent := range b.index {
		raw, body := b.data[pos:ent.end:ent.end], int(ent.body)-pos
		pos = int(ent.end)
		r.raw, r.body = raw, body
		inside := ent.body != marker && !grouped && (b.where == nil || b.where(r))
		switch {
		case inside && !wrapped:
			mark(start)
		case !inside && wrapped:
			mark(end)
		}
		if wrapped = inside; ent.body == marker {
			r.group = readMarker(raw)
			grouped = r.group.Attributes != nil
			mark(raw)
			continue
		}
		at := len(out)
		out = append(out, raw...)
		index = append(index, entry{uint32(len(out)), uint32(at + body)})
	}
	if wrapped {
		mark(end)
	}
	if b.other = b.data; poisoning.Load() {
		poison(b.data)
		b.other = nil
	}
	b.data, b.index, b.spare = out, index, b.index
}
