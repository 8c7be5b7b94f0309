package multiline

// held are the sizes of the records of a stream that wait, and of those between them: the oldest first, from from on.
type held struct {
	records []size
	from    int
}

type size struct{ at, bytes int64 }

// add notes a record and returns how much is held more.
func (h *held) add(at, bytes int64) int64 {
	h.records = append(h.records, size{at, bytes})
	return bytes
}

// drop forgets the records before the one at oldest and returns how much is held less.
func (h *held) drop(oldest int64) (less int64) {
	for ; h.from < len(h.records) && h.records[h.from].at < oldest; h.from++ {
		less += h.records[h.from].bytes
	}
	if h.from > len(h.records)/2 { // the room is used again
		h.records = append(h.records[:0], h.records[h.from:]...)
		h.from = 0
	}
	return less
}
