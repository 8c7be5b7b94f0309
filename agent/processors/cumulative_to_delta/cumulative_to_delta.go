// Package cumulative_to_delta is the processor cumulative_to_delta: it turns counters and histograms that count
// since their start into ones that count since the last time.
package cumulative_to_delta

import (
	"container/list"
	"context"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/payload"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor cumulative_to_delta.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "cumulative_to_delta",
	Summary: "Turn counters and histograms that only grow into differences",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// initial is what becomes of a series' first point.
type initial string

const (
	unset initial = "unset"
	auto  initial = "auto"
	keep  initial = "keep"
	drop  initial = "drop"
)

type config struct {
	initial                initial
	dropFirst, dropOnReset bool
	staleness              time.Duration
	series                 int
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Enum("initial_value", &c.initial, unset, auto, keep, drop).Default("unset").
			Help("What becomes of the first point of a series: it is kept as it is (keep), dropped (drop), or kept if its count began after the agent's start (auto). unset does what drop_first says."),
		option.Switch("drop_first", &c.dropFirst).Default("true").Help("Drop the first point of a series, unless initial_value says what to do."),
		option.Switch("drop_on_reset", &c.dropOnReset).Default("true").Help("Drop the point with which a series began anew, smaller than before; otherwise it counts from 0."),
		option.Duration("max_staleness", &c.staleness).Default("1h").Help("Forget a series of which nothing came for so long; 0 for never."),
		option.Var("max_series", "integer", &c.series, option.AtLeast(option.ParseInt, 0)).Default("65536").Help("How many series are remembered; the one that was silent longest is forgotten first. 0 for no limit."),
	}
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if c.initial == unset {
		c.initial = keep
		if c.dropFirst {
			c.initial = drop
		}
	}
	return &filter{config: *c, began: time.Now(), known: map[string]*list.Element{}, order: list.New()}, nil
}

type filter struct {
	config
	began time.Time
	known map[string]*list.Element
	order *list.List // of *state, the one that was silent longest first
	key   []byte
}

// state is the last point of a series.
type state struct {
	key  string
	seen time.Time
	last metric.Point
}

// Filter turns all sets of the batch.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	now := time.Now()
	f.forget(now)
	return payload.EditMetrics(b, func(s *metric.Set) {
		for i := range s.Families {
			x := &s.Families[i]
			if x.Aggregation != metric.Cumulative || x.Type != metric.TypeCounter && x.Type != metric.TypeHistogram && x.Type != metric.TypeExponential {
				continue
			}
			x.Aggregation = metric.Delta
			kept := x.Points[:0]
			for _, p := range x.Points {
				if f.turn(s, x, &p, now) {
					kept = append(kept, p)
				}
			}
			x.Points = kept
		}
	})
}

func (f *filter) forget(now time.Time) {
	for e := f.order.Front(); e != nil; e = f.order.Front() {
		s := e.Value.(*state)
		if f.staleness <= 0 || now.Sub(s.seen) <= f.staleness {
			return
		}
		f.order.Remove(e)
		delete(f.known, s.key)
	}
}

// turn makes the difference between p and the point before, and reports whether there is one.
func (f *filter) turn(set *metric.Set, x *metric.Family, p *metric.Point, now time.Time) bool {
	f.key = appendKey(f.key[:0], set, x, p)
	e := f.known[string(f.key)]
	if e == nil {
		f.remember(string(f.key), *p, now)
		since := p.Start
		if since == 0 {
			since = p.Time
		}
		return f.initial == keep || f.initial == auto && since >= f.began.UnixNano()
	}
	s := e.Value.(*state)
	if p.Time <= s.last.Time {
		return false // older than what was counted already; a time from the future is forgotten when it is stale
	}
	f.order.MoveToBack(e)
	s.seen = now
	last := s.last
	s.last = *p
	d, ok := difference(x.Type, p, &last)
	if !ok && f.dropOnReset {
		return false
	}
	if !ok {
		if p.Start == 0 {
			p.Start = p.Time
		}
		return true
	}
	d.Start = last.Time
	*p = d
	return true
}

func (f *filter) remember(key string, p metric.Point, now time.Time) {
	f.known[key] = f.order.PushBack(&state{key, now, p})
	if f.series > 0 && len(f.known) > f.series {
		e := f.order.Front()
		f.order.Remove(e)
		delete(f.known, e.Value.(*state).key)
	}
}

// appendKey makes what tells a series from all others, whatever set it comes in.
func appendKey(dst []byte, set *metric.Set, x *metric.Family, p *metric.Point) []byte {
	text := func(s string) { dst = append(append(dst, s...), 0) }
	text(x.FullName())
	dst = append(dst, byte(x.Type)) // its name is the same for both kinds of histogram
	for _, list := range [][]metric.Label{set.Labels, p.Labels} {
		for _, l := range list {
			text(l.Name)
			text(l.Value)
		}
		dst = append(dst, 1)
	}
	return append(dst, set.External...)
}
