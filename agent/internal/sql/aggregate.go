package sql

import (
	"math"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// These bound the memory of one span of time, and of a whole window: a GROUP BY over something like a request's
// number must not eat the agent.
const (
	maxGroups = 100_000
	maxSize   = 128 << 20
	perCell   = 96 // bytes
	perGroup  = 192
)

// Groups are the aggregates over a run of records, by the values of the keys of GROUP BY.
type Groups struct {
	q        *Query
	numbers  bool // texts that are numbers count as numbers
	byKey    map[string]*group
	order    []*group // as they came
	records  int
	size     int // about what the groups take, in bytes
	others   int // what other groups of the window take
	overflow int // records of groups that found no room
	scratch  []byte
}

type group struct {
	key     string
	values  []event.Value // of GROUP BY
	records int64
	cells   []cell // beside the query's columns
	tag     string
}

// cell is what one aggregate knows so far. A sum of whole numbers stays one as long as it can.
type cell struct {
	n        int64 // values that were numbers, or simply there for COUNT
	float    bool  // one of them was no whole number
	i        int64 // sum, minimum or maximum
	f        float64
	line     line
	hasValue bool
}

// line is what linear regression sums up, with times relative to origin.
type line struct {
	origin, latest  float64
	x, y, xy, xx, n float64
}

// NewGroups returns empty aggregates for q, which must aggregate. numbers has texts count as the numbers
// that they are.
func NewGroups(q *Query, numbers bool) *Groups {
	return &Groups{q: q, numbers: numbers, byKey: map[string]*group{}}
}

// Len returns the number of records that went in.
func (g *Groups) Len() int { return g.records }

// Overflow returns how many records were left out because they belong to too many groups.
func (g *Groups) Overflow() int { return g.overflow }

// Size returns about how many bytes the groups take.
func (g *Groups) Size() int { return g.size }

// Leave has the groups leave room for others of so many bytes.
func (g *Groups) Leave(others int) { g.others = others }

// Add takes the row's record in. Records without one of the keys of GROUP BY belong to no group.
func (g *Groups) Add(r *Row) {
	key, ok := g.key(r)
	if !ok {
		return
	}
	gr := g.byKey[string(key)]
	if gr == nil {
		if len(g.order) >= maxGroups || g.size+g.others >= maxSize {
			g.overflow++
			return
		}
		gr = g.add(string(key))
		for _, p := range g.q.GroupBy {
			gr.values = append(gr.values, g.groupValue(r.vals[p]))
		}
	}
	g.records++
	gr.records++
	gr.tag = r.Tag
	for i := range g.q.Columns {
		c := &g.q.Columns[i]
		if !c.Func.aggregates() || c.Path < 0 {
			continue
		}
		gr.cells[i].add(c, g.number(r.vals[c.Path]), seconds(r.Time))
	}
}

func (g *Groups) add(key string) *group {
	gr := &group{key: key, cells: make([]cell, len(g.q.Columns))}
	g.size += perGroup + perCell*len(gr.cells) + 2*len(key) // the values are as long as the key
	g.byKey[key] = gr
	g.order = append(g.order, gr)
	return gr
}

// number decodes a value that is to be aggregated.
func (g *Groups) number(v event.Value) value {
	x := valueOf(v)
	if x.kind == text && g.numbers {
		if n := number(x.s); n.kind != missing {
			return n
		}
	}
	return x
}

// key writes the values of GROUP BY so that equal ones are the same bytes, 1 and 1.0 included.
func (g *Groups) key(r *Row) (key []byte, ok bool) {
	dst := g.scratch[:0]
	for _, p := range g.q.GroupBy {
		v := r.vals[p]
		if v == nil {
			return nil, false
		}
		if x := g.number(v); x.isNumber() {
			dst = event.AppendFloat(dst, x.float())
			if x.kind == integer && int64(x.float()) != x.i {
				dst = event.AppendInt(dst, x.i) // too large to be told apart as a float
			}
		} else if s := v.Str(); s != nil {
			dst = event.AppendStr(dst, s) // others may have written the length in more bytes
		} else {
			dst = append(dst, v...)
		}
	}
	g.scratch = dst
	return dst, true
}

// groupValue is a value of GROUP BY as results show it.
func (g *Groups) groupValue(v event.Value) event.Value {
	if v.Type() == event.TypeStr {
		switch x := g.number(v); x.kind {
		case integer:
			return event.AppendInt(nil, x.i)
		case float:
			return event.AppendFloat(nil, x.f)
		}
	}
	return append(event.Value(nil), v...)
}

func (c *cell) add(col *Column, v value, at float64) {
	switch {
	case v.kind == missing || v.kind == null:
		return
	case col.Func == Count:
		c.n++
		return
	case !v.isNumber() || v.kind == float && math.IsNaN(v.f):
		return
	}
	one := cell{n: 1, float: v.kind == float, i: v.i, f: v.f, hasValue: true}
	if col.Func == Forecast {
		one.line = line{origin: at, latest: at, y: v.float(), n: 1}
	}
	c.merge(col.Func, &one)
}

// merge takes what another cell of the same column knows.
func (c *cell) merge(f Func, o *cell) {
	c.n += o.n
	if !o.hasValue {
		return
	}
	if f == Forecast {
		c.line.merge(o.line)
		c.hasValue = true
		return
	}
	if !c.hasValue {
		c.float, c.i, c.f, c.hasValue = o.float, o.i, o.f, true
		return
	}
	x := *o
	if sum := c.i + x.i; f == Sum || f == Avg {
		overflows := (sum > c.i) != (x.i > 0)
		if !c.float && !x.float && !overflows {
			c.i = sum
			return
		}
	}
	if c.float != x.float || f == Sum || f == Avg {
		c.toFloat()
		x.toFloat()
	}
	switch f {
	case Sum, Avg:
		c.f += x.f
	case Min:
		c.i, c.f = min(c.i, x.i), min(c.f, x.f)
	case Max:
		c.i, c.f = max(c.i, x.i), max(c.f, x.f)
	}
}

func (c *cell) toFloat() {
	if !c.float {
		c.float, c.f, c.i = true, float64(c.i), 0
	}
}

func (l *line) merge(o line) {
	if l.n == 0 {
		*l = o
		return
	}
	d := o.origin - l.origin
	l.xy += o.xy + d*o.y
	l.xx += o.xx + 2*d*o.x + o.n*d*d
	l.x += o.x + o.n*d
	l.y += o.y
	l.n += o.n
	l.latest = max(l.latest, o.latest)
}

// at is where the line is at a time after its last point.
func (l *line) at(ahead float64) float64 {
	meanX, meanY := l.x/l.n, l.y/l.n
	slope := 0.0
	if spread := l.xx/l.n - meanX*meanX; spread > 0 {
		slope = (l.xy/l.n - meanX*meanY) / spread
	}
	return meanY + slope*(l.latest-l.origin+ahead-meanX)
}

// Merge takes the records of o, which are of the same query and later, in.
func (g *Groups) Merge(o *Groups) {
	g.records += o.records
	g.overflow += o.overflow
	for _, from := range o.order {
		gr := g.byKey[from.key]
		if gr == nil {
			if len(g.order) >= maxGroups {
				g.records -= int(from.records)
				g.overflow += int(from.records)
				continue
			}
			gr = g.add(from.key)
			gr.values = from.values
		}
		gr.records += from.records
		gr.tag = from.tag
		for i := range gr.cells {
			gr.cells[i].merge(g.q.Columns[i].Func, &from.cells[i])
		}
	}
}

// Results calls yield with the result of each group, one encoded map that is good until yield returns, in
// the order in which the groups came, and at most as many as the query's LIMIT.
func (g *Groups) Results(now time.Time, yield func(body event.Value)) {
	var dst []byte
	row := Row{q: g.q, Time: event.At(now)}
	for n, gr := range g.order {
		if g.q.Limit > 0 && n == g.q.Limit {
			return
		}
		row.Tag = gr.tag
		dst = event.AppendMap(dst[:0], len(g.q.Columns))
		for i := range g.q.Columns {
			c := &g.q.Columns[i]
			dst = append(dst, c.key...)
			switch {
			case c.Func == Plain:
				dst = append(dst, gr.values[c.Group]...)
			case !c.Func.aggregates():
				dst = append(dst, row.call(c.Func, now)...)
			default:
				dst = gr.appendCell(dst, c, &gr.cells[i])
			}
		}
		yield(dst)
	}
}

func (gr *group) appendCell(dst []byte, col *Column, c *cell) []byte {
	switch {
	case col.Func == Count && col.Path < 0:
		return event.AppendInt(dst, gr.records)
	case col.Func == Count:
		return event.AppendInt(dst, c.n)
	case !c.hasValue && col.Func == Sum:
		return event.AppendInt(dst, 0)
	case !c.hasValue:
		return event.AppendNil(dst)
	case col.Func == Forecast:
		return event.AppendFloat(dst, c.line.at(col.Ahead.Seconds()))
	case col.Func == Avg && c.float:
		return event.AppendFloat(dst, c.f/float64(c.n))
	case col.Func == Avg:
		return event.AppendFloat(dst, float64(c.i)/float64(c.n))
	case c.float:
		return event.AppendFloat(dst, c.f)
	}
	return event.AppendInt(dst, c.i)
}
