package pipeline

import (
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
)

// pace finds the flush interval. With flush.adaptive it depends on the fullest queue that has a limit: the fuller
// that is, the sooner comes the next flush, so that outputs with free workers get their chunks early.
type pace struct {
	level int // 0 to 3, one step at a time
	hits  int // flushes in a row that asked for a higher level, or when negative for a lower one
}

// factors are the intervals of the levels, as shares of the flush interval.
var factors = [...]float64{2, 1, 0.75, 0.5}

func newPace() *pace { return &pace{level: 1} }

// next returns how long to wait after a flush that found the fullest queue filled to that percentage.
func (p *pace) next(flush time.Duration, a config.FlushAdaptive, fill float64) time.Duration {
	if !a.On {
		return flush
	}
	switch want := levelOf(a, fill); {
	case want > p.level:
		if p.hits = max(p.hits, 0) + 1; p.hits >= a.UpSteps {
			p.level, p.hits = p.level+1, 0
		}
	case want < p.level:
		if p.hits = min(p.hits, 0) - 1; -p.hits >= a.DownSteps {
			p.level, p.hits = p.level-1, 0
		}
	default:
		p.hits = 0
	}
	every := time.Duration(float64(flush) * factors[p.level])
	return min(max(every, a.MinInterval), max(a.MinInterval, a.MaxInterval))
}

func levelOf(a config.FlushAdaptive, fill float64) int {
	switch {
	case fill >= a.High:
		return 3
	case fill >= a.Medium:
		return 2
	case fill > a.Low:
		return 1
	}
	return 0
}

// fill is how full the fullest of the queues with a storage.total_limit_size is, in percent.
func (g *group) fill() (most float64) {
	for _, o := range g.outputs {
		if limit := o.settings.totalLimit; limit > 0 {
			most = max(most, 100*float64(o.counters.Queued.Load())/float64(limit))
		}
	}
	return most
}
