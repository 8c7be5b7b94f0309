// Package stats is what a running pipeline tells about itself.
package stats

// Stats are the counters of all instances, in the order of the configuration. Names are aliases where there
// are any.
type Stats struct {
	Inputs  []Input
	Filters []Filter
	Outputs []Output
	Chunks  int // that wait in memory
	Reloads uint64
	Lost    map[string]uint64 // records that were given up, by reason
}

// Input is what one input has done.
type Input struct {
	Name           string
	Records, Bytes uint64
	Paused         bool
	Waiting        int64 // bytes that no output has taken yet
	Limit          int64 // mem_buf_limit
	Open           int   // chunks that still grow
}

// Filter is what one filter has done.
type Filter struct {
	Name                                        string
	Records, Bytes, Added, Dropped, DroppedByte uint64
}

// Output is what one output has done.
type Output struct {
	Name                                  string
	Records, Bytes                        uint64
	Errors, Retries, RetriesFailed        uint64
	DroppedRecords, RetriedRecords, Queue uint64 // Queue: bytes that wait
}
