package pipeline

import (
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/metric"
)

// Stats are the counters of all instances, with their names as the log has them.
func (p *Pipeline) Stats() stats.Stats {
	now := time.Now()
	s := stats.Stats{Lost: map[string]uint64{}}
	for _, in := range p.inputs {
		in.gate.mu.Lock()
		x := stats.Input{Name: in.shown(), Paused: in.gate.paused, Waiting: in.gate.waiting, Limit: in.settings.memBufLimit}
		in.gate.mu.Unlock()
		x.Open, x.OpenBytes = int(in.growing.chunks.Load()), in.growing.bytes.Load()
		x.Busy, x.BusyBytes = int(in.busy.chunks.Load()), in.busy.bytes.Load()
		x.Records, x.Bytes = in.counters.Records.Load(), in.counters.Bytes.Load()
		x.RateRecords, x.RateBytes = in.rate.get()
		x.RateLimited, x.Retries = in.rated.isClosed(), int(in.busy.retries.Load())
		x.Ring, x.RingChunks, x.RingBytes = in.storage == memrb, in.ring.chunks.Load(), in.ring.bytes.Load()
		x.Down = max(0, x.Busy-int(in.busy.up.Load()))
		s.Inputs = append(s.Inputs, x)
		s.Chunks += x.Open + x.Busy
		if in.storage == filesystem {
			s.Storage.FilesUp += x.Open
		}
	}
	p.storageStats(&s)
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
			Chunks: o.pending.count(), Oldest: o.oldestAge(now), Limit: o.settings.totalLimit,
		})
	}
	for r := range reasons {
		s.Lost[r.String()] = p.lost[r].Load()
	}
	return s
}

func (p *Pipeline) storageStats(s *stats.Stats) {
	p.memory.mu.Lock()
	s.Storage.FilesUp += p.memory.filesUp
	s.Storage.Spilled, s.Storage.Memory = p.memory.spilled, p.memory.used
	p.memory.mu.Unlock()
	s.Chunks += int(p.emitter.busy.chunks.Load()) // and what earlier runs left
	if p.disk.store() == nil {
		return
	}
	s.Storage.Files, s.Storage.Damaged = p.disk.store().Files(), p.disk.store().Damaged()
	p.disk.mu.Lock()
	s.Chunks += len(p.disk.parked)
	p.disk.mu.Unlock()
}

// Stats are those of the pipeline that runs now.
func (r *Runner) Stats() stats.Stats {
	s := r.Pipeline().Stats()
	s.Reloads = r.Reloads()
	return s
}

// Collect adds what plugins and the ways between them count to set.
func (r *Runner) Collect(set *metric.Set, now time.Time) {
	p := r.Pipeline()
	p.meter.Collect(set, now)
	for _, one := range p.parts() {
		one.meter.Collect(set, now)
	}
}
