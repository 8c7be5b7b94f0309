package file

import (
	"errors"

	"github.com/fluent/fluent-bit-go/agent/internal/format"
	"github.com/fluent/fluent-bit-go/event"
)

// flushMetrics writes a chunk of metrics as text. They have no record that could choose a file: a name that
// asks for fields finds none.
func (o *output) flushMetrics(c *event.Chunk) error {
	none := event.New(c.Tag)
	none.Append(event.Time{Sec: o.now().Unix()}, nil, event.AppendMapOf(nil, nil))
	for r := range none.Records() {
		path, keep, err := o.route(c.Tag, r)
		if err != nil {
			return err
		}
		if !keep {
			o.log.Warn("metrics without a file were dropped, as on_missing_field or on_limit_reached says", "tag", c.Tag)
			return nil
		}
		p := o.newPart(path)
		defer o.keep([]*part{p})
		p.buf, err = format.AppendMetrics(p.buf, c)
		return errors.Join(o.write([]*part{p}), err)
	}
	panic("BUG: a batch of one record has none")
}
