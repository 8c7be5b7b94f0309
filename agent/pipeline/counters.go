package pipeline

import "sync/atomic"

// Reason is why records were given up.
type Reason uint8

// The reasons, with the words under which they are counted.
const (
	NoRoute Reason = iota
	RetryLimit
	StorageFull
	Rejected
	Shutdown
	Damaged
	Poisoned
	RingFull
	reasons
)

func (r Reason) String() string {
	return [...]string{"no_route", "retry_limit", "storage_full", "rejected", "shutdown", "damaged", "poisoned", "ring_full"}[r]
}

// InputCounters count what an input brought.
type InputCounters struct{ Records, Bytes atomic.Uint64 }

// FilterCounters count what a filter saw and changed.
type FilterCounters struct{ Records, Bytes, Added, Dropped, DroppedBytes atomic.Uint64 }

// OutputCounters count what became of the chunks of an output.
type OutputCounters struct {
	Records, Bytes                         atomic.Uint64 // delivered
	Errors, Retries, RetriesFailed         atomic.Uint64 // events
	DroppedRecords, RetriedRecords, Queued atomic.Uint64 // records; Queued are bytes that wait
}

// losses count records that were given up, by reason.
type losses [reasons]atomic.Uint64
