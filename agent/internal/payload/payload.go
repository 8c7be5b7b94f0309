// Package payload edits what batches of other signals than logs carry.
package payload

import (
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

// EditMetrics calls edit for each set of a batch of metrics and puts the results back. Sets without a point
// are left out. After an error the batch is as it was.
func EditMetrics(b *event.Batch, edit func(*metric.Set)) error {
	out := make([]byte, 0, len(b.Bytes())+len(b.Bytes())/8)
	for s, err := range metric.All(b.Bytes()) {
		if err != nil {
			return err
		}
		edit(s)
		if s.Len() > 0 {
			out = metric.Append(out, s)
		}
	}
	b.SetPayload(out)
	return nil
}
