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
