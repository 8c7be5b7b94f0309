package httpserver

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Wait says how long the answer to a request waits.
type Wait uint8

const (
	ForRoom    Wait = iota // until the pipeline holds the records
	ForStorage             // until they are settled, in whatever way
	ForOutputs             // the same, and records that were given up are no success
)

// WaitOf returns ForStorage for an input with file storage, since that takes no longer than storing, and
// ForRoom for all others.
func WaitOf(properties []option.Property) Wait {
	if v, ok := option.Lookup(properties, "storage.type"); ok && strings.EqualFold(v.Text, "filesystem") {
		return ForStorage
	}
	return ForRoom
}

// patience is how long a request waits for room while the input is paused.
const patience = 5 * time.Second

// Deliver brings the batches of one request to the pipeline and waits as it is told. Errors are refusals.
func (w Wait) Deliver(ctx context.Context, to plugin.Emitter, batches ...*event.Batch) error {
	settled := make(chan event.Outcome, len(batches))
	take, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, b := range batches {
		if w != ForRoom {
			b.OnSettled(func(o event.Outcome) { settled <- o })
		}
		if err := to.Emit(take, b); err != nil {
			return &Refusal{http.StatusServiceUnavailable, fmt.Sprintf("the agent has no room now: %v", err)}
		}
	}
	if w == ForRoom {
		return nil
	}
	worst := event.Filtered
	for range batches {
		select {
		case o := <-settled:
			worst = max(worst, o)
		case <-ctx.Done():
			return &Refusal{http.StatusServiceUnavailable, "the agent stops before all is settled; send it again"}
		}
	}
	if w == ForOutputs && worst == event.GivenUp {
		return &Refusal{http.StatusInternalServerError, "given up and lost by rule; the agent's log says which rule"}
	}
	return nil
}
