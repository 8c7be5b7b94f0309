package format

import (
	"fmt"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// AppendMetrics appends a chunk of metrics as text, a line per point. What cannot be read is an error that
// retrying cannot mend.
func AppendMetrics(dst []byte, c *event.Chunk) ([]byte, error) {
	for s, err := range metric.All(c.Bytes()) {
		if err != nil {
			return dst, plugin.Drop(fmt.Errorf("chunk of %d bytes: %w", len(c.Bytes()), err))
		}
		dst = metric.AppendText(dst, s)
	}
	return dst, nil
}
