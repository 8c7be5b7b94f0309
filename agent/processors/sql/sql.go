// Package sql is the processor sql: it keeps the records that meet a condition, and of these the keys that
// a query selects.
package sql

import (
	"context"
	"errors"

	query "github.com/fluent/fluent-bit-go/agent/internal/sql"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor sql.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "sql",
	Summary: "Select and rename keys, and keep the records that meet a condition",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct{ query option.Value }

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Nested("query", "string", func(v option.Value) error { c.query = v; return nil }).Required().
			Help("SELECT keys FROM STREAM [WHERE condition]; a key may be renamed with AS, * stands for all."),
	}
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	q, err := query.ParseSelect(c.query.Text)
	if e := (*query.Error)(nil); errors.As(err, &e) {
		return nil, e.At(c.query.Pos)
	}
	return &filter{row: query.NewRow(q)}, err
}

type filter struct {
	row  *query.Row
	body []byte // kept for its memory
}

// Filter implements [plugin.Filter].
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	for e := range b.Edit() {
		if !f.row.Read(b.Tag, e.Time(), e.Body()) {
			e.Drop()
			continue
		}
		body, whole := f.row.AppendKept(f.body[:0])
		if f.body = body; !whole {
			e.SetBody(body)
		}
	}
	return nil
}
