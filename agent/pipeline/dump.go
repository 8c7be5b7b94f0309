package pipeline

import (
	"bufio"
	"fmt"
	"io"
)

// Dump writes what every instance has done and what waits, for people.
func (p *Pipeline) Dump(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	fmt.Fprintln(b, "Fluent Bit Dump\n\n===== Input =====")
	inputs := p.inputs
	if p.emitter.counters.Records.Load() > 0 {
		inputs = append(inputs[:len(inputs):len(inputs)], p.emitter)
	}
	for _, in := range inputs {
		in.gate.mu.Lock()
		waiting, paused := in.gate.waiting, in.gate.paused
		in.gate.mu.Unlock()
		fmt.Fprintf(b, "%s\n│\n├─ records : %d\n├─ bytes   : %d\n├─ paused  : %v\n├─ waiting : %d bytes\n└─ open    : %d chunks\n\n",
			in.shown(), in.counters.Records.Load(), in.counters.Bytes.Load(), paused, waiting, in.growing.chunks.Load())
	}
	fmt.Fprintln(b, "===== Output =====")
	for _, o := range p.outputs {
		o.mu.Lock()
		ready, retrying, busy := len(o.ready), len(o.waiting), len(o.flying)
		o.mu.Unlock()
		c := &o.counters
		fmt.Fprintf(b, "%s\n│\n├─ delivered : %d records\n├─ dropped   : %d records\n├─ retries   : %d\n├─ queue     : %d ready, %d in retry, %d in flight\n└─ waiting   : %d bytes\n\n",
			o.shown(), c.Records.Load(), c.DroppedRecords.Load(), c.Retries.Load(), ready, retrying, busy, c.Queued.Load())
	}
	st := p.Stats()
	fmt.Fprintf(b, "===== Storage Layer =====\ntotal chunks     : %d\n├─ mem chunks    : %d, of which %d are spilled\n└─ fs chunks     : %d\n   ├─ up         : %d\n   └─ down       : %d\nmemory           : %d bytes\n\n",
		st.Chunks, st.Chunks-st.Storage.Files, st.Storage.Spilled, st.Storage.Files, st.Storage.FilesUp, st.Storage.Files-st.Storage.FilesUp, st.Storage.Memory)
	fmt.Fprintln(b, "===== Given up =====")
	for r := range reasons {
		fmt.Fprintf(b, "%-12s : %d records\n", r, p.lost[r].Load())
	}
}
