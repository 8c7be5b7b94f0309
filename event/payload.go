package event

// SetPayload replaces the bytes of a batch that carries another signal than logs. Without bytes nothing is
// left of it.
func (b *Batch) SetPayload(data []byte) {
	if b.Kind.Has(Logs) {
		panic("BUG: SetPayload on a batch of logs")
	}
	b.data, b.n = data, min(len(data), 1)
}
