// Package file is the output file: it appends records to files.
package file

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the output file.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "file",
	Summary: "Append records to files",
	Kinds:   event.Logs | event.Metrics,
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type output struct {
	config
	style event.JSONStyle
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	free    [][]byte             // buffers of earlier flushes
	inUse   map[string]time.Time // files with a variable name: when something last went there
	columns map[string][]string  // the header in force at the end of a csv file
}

// Flush appends the chunk to its file, or to several when names depend on the record. Either all of it is
// written, or, as far as the file system lets us, nothing.
func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.target.fixed() && o.format == formatMsgPack {
		return o.write([]*part{{path: o.target.render(c.Tag, nil), buf: c.Bytes()}})
	}
	if c.Kind == event.Metrics {
		return o.flushMetrics(c)
	}
	parts, err := o.split(c)
	defer o.keep(parts)
	if err != nil {
		return err
	}
	return o.write(parts)
}

// part is what goes into one file.
type part struct {
	path string
	buf  []byte
	head []byte // csv: the header in force where buf begins, for a file that is still empty

	columns []string // csv: the header in force where buf ends
}

// split formats the records of a chunk, each for its file.
func (o *output) split(c *event.Chunk) ([]*part, error) {
	var parts []*part
	var current *part
	byPath := map[string]*part{}
	dropped := 0
	for r := range c.Records() {
		if current == nil || !o.target.fixed() {
			path, keep, err := o.route(c.Tag, r)
			if err != nil {
				return parts, err
			}
			if !keep {
				dropped++
				continue
			}
			if current = byPath[path]; current == nil {
				current = o.newPart(path)
				byPath[path] = current
				parts = append(parts, current)
			}
		}
		o.appendRecord(current, c.Tag, r)
	}
	if dropped > 0 {
		o.log.Warn("records without a file were dropped, as on_missing_field or on_limit_reached says", "tag", c.Tag, "records", dropped)
	}
	return parts, nil
}
