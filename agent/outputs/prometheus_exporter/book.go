package prometheus_exporter

import (
	"slices"
	"sync"

	"github.com/fluent/fluent-bit-go/metric"
)

// source is where metrics come from. What comes replaces what came from there before.
type source struct{ instance, tag string }

// maxSources bounds the memory when tags come from outside. The source that was silent longest goes first.
const maxSources = 1000

// book keeps the last sets of all sources.
type book struct {
	labels []metric.Label

	mu      sync.Mutex
	entries []entry // in the order of their first appearance
	turn    uint64
	built   []byte // the page; nil when it has to be built
}

type entry struct {
	source
	turn uint64 // when it came last
	sets []*metric.Set
}

func (b *book) put(s source, sets []*metric.Set) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.built = nil
	b.turn++
	if i := slices.IndexFunc(b.entries, func(e entry) bool { return e.source == s }); i >= 0 {
		b.entries[i].turn, b.entries[i].sets = b.turn, sets
		return
	}
	if len(b.entries) == maxSources {
		oldest := 0
		for i := range b.entries {
			if b.entries[i].turn < b.entries[oldest].turn {
				oldest = i
			}
		}
		b.entries = slices.Delete(b.entries, oldest, oldest+1)
	}
	b.entries = append(b.entries, entry{s, b.turn, sets})
}

// page returns the text of all that is known, which must not be changed.
func (b *book) page(timed bool) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.built == nil {
		m := merger{families: map[string]*merged{}, first: map[string]int{}}
		for _, e := range b.entries {
			for _, s := range e.sets {
				m.add(s, append(slices.Clip(s.Labels), b.labels...))
			}
		}
		slices.SortStableFunc(m.set.Families, func(x, y metric.Family) int { return m.first[x.FullName()] - m.first[y.FullName()] })
		b.built = metric.AppendPrometheus([]byte{}, &m.set, timed)
	}
	return b.built
}

// merger makes one family of all of a name, and one point of all with the same labels: a page that says
// something twice is refused as a whole.
type merger struct {
	set      metric.Set
	families map[string]*merged
	first    map[string]int // where each name came up: families that differ in their bounds go together
	key      []byte
}

type merged struct {
	at     int // in the set's families
	points map[string]int
}

func (m *merger) add(s *metric.Set, static []metric.Label) {
	for i := range s.Families {
		f := s.Families[i]
		full := metric.PrometheusName(f.FullName(), true)
		if full != f.FullName() {
			f.Namespace, f.Subsystem, f.Name = "", "", full
		}
		for j := range f.Points {
			m.point(full, &f, f.Points[j], static)
		}
	}
}

func (m *merger) point(name string, f *metric.Family, p metric.Point, static []metric.Label) {
	p.Labels = fit(join(static, p.Labels))
	m.key = append(append(m.key[:0], name...), byte(f.Type))
	for _, list := range [][]float64{f.Bounds, f.Ranks} {
		for _, v := range list {
			m.key = append(metric.AppendBound(m.key, v), ' ')
		}
	}
	to := m.families[string(m.key)]
	if to == nil {
		to = &merged{len(m.set.Families), map[string]int{}}
		m.families[string(m.key)] = to
		if _, known := m.first[name]; !known {
			m.first[name] = to.at
		}
		one := *f
		one.Points = nil
		m.set.Families = append(m.set.Families, one)
	}
	m.key = m.key[:0]
	for _, l := range p.Labels {
		m.key = append(append(append(append(m.key, l.Name...), 0), l.Value...), 0)
	}
	g := &m.set.Families[to.at]
	if i, twice := to.points[string(m.key)]; twice {
		g.Points[i] = p
		return
	}
	to.points[string(m.key)] = len(g.Points)
	g.Points = append(g.Points, p)
}

// join puts static labels before a point's own, which win.
func join(static, own []metric.Label) []metric.Label {
	if len(static) == 0 {
		return own
	}
	all := make([]metric.Label, 0, len(static)+len(own))
	for i, l := range static {
		named := func(x metric.Label) bool { return x.Name == l.Name }
		if !slices.ContainsFunc(own, named) && !slices.ContainsFunc(static[:i], named) {
			all = append(all, l)
		}
	}
	return append(all, own...)
}
