// Package alter_size is the filter alter_size: it makes batches longer or shorter, to test what comes after it.
package alter_size

import (
	"context"
	"errors"
	"strconv"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter alter_size.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "alter_size",
	Summary: "Make batches longer or shorter, for tests",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct{ add, remove int }

func (c *config) Options() []option.Option {
	count := func(name string, p *int) option.Option {
		return option.Var(name, "integer", p, option.Between(option.ParseInt, 0, 1_000_000)).Default("0")
	}
	return []option.Option{
		count("add", &c.add).Help("How many records to add behind the last record of each batch: {\"key\": \"alter_size N\"}, N counting from 0."),
		count("remove", &c.remove).Help("How many records to take off the end of each batch."),
	}
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if c.add > 0 && c.remove > 0 {
		return nil, errors.New("add and remove exclude each other; keep one")
	}
	return &filter{*c}, nil
}

type filter struct{ config }

// Filter changes the number of records.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	for i := range f.add {
		body := event.AppendStr(event.AppendMap(nil, 1), "key")
		b.Append(event.Now(), nil, event.AppendStr(body, "alter_size "+strconv.Itoa(i)))
	}
	if f.remove == 0 {
		return nil
	}
	left := b.Len() - f.remove
	for e := range b.Edit() {
		if left <= 0 {
			e.Drop()
		}
		left--
	}
	return nil
}
