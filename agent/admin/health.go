package admin

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
)

// Limits are from when on the agent counts as unhealthy: more errors, or more chunks given up after their
// retries, than the limit within the period.
type Limits struct {
	On                    bool
	Errors, RetriesFailed uint64
	Period                time.Duration
}

// health remembers the counters of the last period, one sample a second.
type health struct {
	limits Limits

	mu      sync.Mutex
	samples []sample // the oldest first
}

type sample struct {
	at                    time.Time
	errors, retriesFailed uint64
}

func sampleOf(s stats.Stats, at time.Time) sample {
	x := sample{at: at}
	for _, o := range s.Outputs {
		x.errors += o.Errors
		x.retriesFailed += o.RetriesFailed
	}
	return x
}

// note adds a sample and forgets those before the period.
func (h *health) note(x sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = append(h.samples, x)
	for len(h.samples) > 1 && x.at.Sub(h.samples[1].at) >= h.limits.Period {
		h.samples = h.samples[1:]
	}
}

// verdict compares now with the beginning of the period. Counters that went down belong to outputs that a
// reload has removed.
func (h *health) verdict(now sample) (errors, failed uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var then sample
	if len(h.samples) > 0 {
		then = h.samples[0]
	}
	errors = now.errors - min(now.errors, then.errors)
	failed = now.retriesFailed - min(now.retriesFailed, then.retriesFailed)
	return errors, failed, errors <= h.limits.Errors && failed <= h.limits.RetriesFailed
}

func (s *Server) watchHealth(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.health.note(sampleOf(s.agent.Stats(), now))
		}
	}
}

func (s *Server) health1(w http.ResponseWriter, _ *http.Request) {
	if !s.opts.Health.On {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	answer := "ok\n"
	if _, _, ok := s.health.verdict(sampleOf(s.agent.Stats(), time.Now())); !ok {
		answer = "error\n"
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = w.Write([]byte(answer))
}

func (s *Server) health2(w http.ResponseWriter, _ *http.Request) {
	errors, failed, ok := s.health.verdict(sampleOf(s.agent.Stats(), time.Now()))
	status, code := "ok", http.StatusOK
	if !ok {
		status, code = "error", http.StatusInternalServerError
	}
	l := s.opts.Health
	replyWith(w, code, ordered{
		{"status", status}, {"errors", errors}, {"retries_failed", failed},
		{"error_limit", l.Errors}, {"retry_failure_limit", l.RetriesFailed}, {"period_limit", int(l.Period.Seconds())},
	})
}
