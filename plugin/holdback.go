package plugin

import (
	"context"

	"github.com/fluent/fluent-bit-go/event"
)

// Origin is what a filter sees of the input whose batch it is given. Two batches of one input have the same
// Origin; it can be compared and be the key of a map.
type Origin interface {
	// Continue sends records that the filter has held back to where they would have gone: to the processors
	// and filters behind it, and into the input's chunks. It owns the batch. It must not be called within
	// Filter, nor with a lock that Filter needs.
	Continue(ctx context.Context, b *event.Batch)

	// Paused reports whether the input is held back: then the records that a filter waits for are not late.
	Paused() bool
}

// Drainer is optional for filters that hold records back until later ones come: only those find an
// [OriginOf] their batches. Records that are held back share the settlement of the batch that they came in
// ([event.Batch.Hold]). Drain gives all of them out, because the inputs have ended or the filter is taken
// away; further batches may still come.
type Drainer interface {
	Drain(ctx context.Context) error
}

type originKey struct{}

// WithOrigin is for who calls Filter.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of the batch that Filter is given with ctx; nil when nothing may be held back,
// as in the processors of an output.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
