package pipeline

import "github.com/fluent/fluent-bit-go/agent/internal/stats"

// Stats are the counters of all instances, with their names as the log has them.
func (p *Pipeline) Stats() stats.Stats {
	s := stats.Stats{Lost: map[string]uint64{}}
	for _, in := range p.inputs {
		in.gate.mu.Lock()
		x := stats.Input{Name: in.shown(), Paused: in.gate.paused, Waiting: in.gate.waiting, Limit: in.settings.memBufLimit}
		in.gate.mu.Unlock()
		in.mu.Lock()
		x.Open = len(in.open)
		in.mu.Unlock()
		x.Records, x.Bytes = in.counters.Records.Load(), in.counters.Bytes.Load()
		s.Inputs = append(s.Inputs, x)
		s.Chunks += x.Open
	}
	for _, f := range p.filters {
		c := &f.counters
		s.Filters = append(s.Filters, stats.Filter{
			Name: f.shown(), Records: c.Records.Load(), Bytes: c.Bytes.Load(),
			Added: c.Added.Load(), Dropped: c.Dropped.Load(), DroppedByte: c.DroppedBytes.Load(),
		})
	}
	for _, o := range p.outputs {
		c := &o.counters
		s.Outputs = append(s.Outputs, stats.Output{
			Name: o.shown(), Records: c.Records.Load(), Bytes: c.Bytes.Load(),
			Errors: c.Errors.Load(), Retries: c.Retries.Load(), RetriesFailed: c.RetriesFailed.Load(),
			DroppedRecords: c.DroppedRecords.Load(), RetriedRecords: c.RetriedRecords.Load(), Queue: c.Queued.Load(),
		})
		s.Chunks += o.pending.count()
	}
	for r := range reasons {
		s.Lost[r.String()] = p.lost[r].Load()
	}
	return s
}

// Stats are those of the pipeline that runs now.
func (r *Runner) Stats() stats.Stats {
	s := r.Pipeline().Stats()
	s.Reloads = r.Reloads()
	return s
}
