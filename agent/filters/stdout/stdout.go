// Package stdout is the filter stdout: it prints the records that pass by and leaves them as they are.
package stdout

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter stdout.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "stdout",
	Summary: "Print the records that pass by on standard output",
	Config:  func() plugin.Config[plugin.Filter] { return config{} },
}

type config struct{}

func (config) Options() []option.Option { return nil }

func (config) New(plugin.Env) (plugin.Filter, error) { return &filter{w: os.Stdout}, nil }

type filter struct {
	w    io.Writer
	text []byte // kept for its memory
}

// Filter prints the batch with one Write, so that batches do not mix.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	dst, i := f.text[:0], 0
	for r := range b.Records() {
		dst = appendRecord(dst, i, b.Tag, r)
		i++
	}
	f.text = dst
	if _, err := f.w.Write(dst); err != nil {
		return fmt.Errorf("print %d records: %w", b.Len(), err)
	}
	return nil
}

// appendRecord appends [i] tag: [time, {metadata}, {body}].
func appendRecord(dst []byte, i int, tag string, r *event.Record) []byte {
	dst = append(strconv.AppendInt(append(dst, '['), int64(i), 10), "] "...)
	dst = append(append(dst, tag...), ": ["...)
	dst = append(format.AppendSeconds(dst, r.Time(), 9), ", "...)
	dst = append(format.AppendText(dst, r.Meta()), ", "...)
	return append(format.AppendText(dst, r.Body()), "]\n"...)
}
