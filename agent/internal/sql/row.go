package sql

import (
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// Row is one record as a query sees it: of its keys, those that the query names. A Row is used again for
// record after record and belongs to one goroutine.
type Row struct {
	Tag  string
	Time event.Time

	q      *Query
	body   event.Value
	vals   []event.Value // under each of the query's paths; nil where the record has none
	fields []event.Field
}

// NewRow returns a row for q.
func NewRow(q *Query) *Row { return &Row{q: q, vals: make([]event.Value, len(q.paths))} }

// Read looks at a record, and reports whether it meets the query's condition. The row is good until the
// record's bytes change.
func (r *Row) Read(tag string, t event.Time, body event.Value) bool {
	r.Tag, r.Time, r.body = tag, t, body
	clear(r.vals)
	if len(r.q.paths) > 0 {
		for k, v := range body.Pairs() {
			r.see(k.Str(), v)
		}
	}
	return r.q.where == nil || r.q.where.eval(r).truth()
}

// see keeps v under the paths that begin with key.
func (r *Row) see(key []byte, v event.Value) {
	for i, p := range r.q.paths {
		if len(key) != len(p[0]) || string(key) != p[0] {
			continue
		}
		val := v
		for _, sub := range p[1:] {
			val = val.Get(sub)
		}
		r.vals[i] = val
	}
}

// AppendResult appends the result of a query that does not aggregate, a map. ok is false when the record
// has none of the selected keys.
func (r *Row) AppendResult(dst []byte, now time.Time) (out []byte, ok bool) {
	fields := r.fields[:0]
	for i := range r.q.Columns {
		c := &r.q.Columns[i]
		switch {
		case c.Func != Plain:
			fields = append(fields, event.Field{Key: c.key, Val: r.call(c.Func, now)})
		case c.Path < 0:
			fields = event.AppendFields(fields, r.body)
		case r.vals[c.Path] != nil:
			fields = append(fields, event.Field{Key: c.key, Val: r.vals[c.Path]})
		}
	}
	r.fields = fields
	if len(fields) == 0 {
		return dst, false
	}
	return event.AppendMapOf(dst, fields), true
}

// call returns the result of a function that needs no key.
func (r *Row) call(f Func, now time.Time) event.Value {
	switch f {
	case Now:
		return event.AppendStr(nil, now.Local().Format(time.DateTime))
	case UnixTimestamp:
		return event.AppendInt(nil, now.Unix())
	case RecordTag:
		return event.AppendStr(nil, r.Tag)
	}
	return event.AppendFloat(nil, seconds(r.Time))
}

// AppendKept appends the record with the keys that the query selects, in the record's own order and under
// their new names. whole tells that it was left as it is, and nothing was appended.
func (r *Row) AppendKept(dst []byte) (out []byte, whole bool) {
	fields := r.fields[:0]
	total := 0
	renamed := false
	for k, v := range r.body.Pairs() {
		total++
		c := r.q.selects(k.Str())
		if c == nil {
			continue
		}
		if c.Path >= 0 && string(k.Str()) != c.Name {
			k, renamed = c.key, true
		}
		fields = append(fields, event.Field{Key: k, Val: v})
	}
	r.fields = fields
	if len(fields) == total && !renamed {
		return dst, true
	}
	return event.AppendMapOf(dst, fields), false
}

// selects returns the column that takes key: the one that names it, or *.
func (q *Query) selects(key []byte) *Column {
	var all *Column
	for i := range q.Columns {
		c := &q.Columns[i]
		if c.Path < 0 {
			all = c
		} else if q.paths[c.Path][0] == string(key) {
			return c
		}
	}
	return all
}
