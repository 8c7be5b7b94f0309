package worker

import (
	"context"
	"slices"
	"time"

	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/metric"
)

// metricsWait is how long Collect waits for a worker that does something else, such as starting an instance.
const metricsWait = time.Second

// Collect adds what the instances of a typed plugin count to s. A worker that is busy with something else, or
// down just now, adds nothing.
func (m *Module) Collect(s *metric.Set) {
	if m.info.Typed == nil {
		return
	}
	m.mu.Lock()
	p, list := m.proc, slices.Clone(m.instances)
	m.mu.Unlock()
	if p == nil || !p.alive() {
		return
	}
	for _, i := range list {
		if !p.idle(metricsWait) {
			return
		}
		_, payload, err := p.call(context.Background(), wire.Frame{Op: wire.OpMetrics, Inst: i.id}, "", controlTimeout)
		if err != nil {
			return
		}
		for set, err := range metric.All(payload) {
			if err != nil {
				i.env.Log.Debug("its metrics are not understood: " + err.Error())
				break
			}
			for _, f := range set.Families {
				s.Add(f)
			}
		}
	}
}

// idle waits until no control request is at work, at most for d.
func (p *process) idle(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case p.busy <- struct{}{}:
		<-p.busy
		return true
	case <-t.C:
	case <-p.exited:
	}
	return false
}
