// Package stats is what a running agent tells about itself.
package stats

import "time"

// Stats are the counters of all instances, in the order of the configuration. Names are aliases where there
// are any.
type Stats struct {
	Inputs  []Input
	Filters []Filter
	Outputs []Output
	Chunks  int // that wait, in memory or in files
	Storage Storage
	Reloads uint64
	Lost    map[string]uint64 // records that were given up, by reason
	Logs    []Log
}

// Storage is where the chunks are that wait.
type Storage struct {
	Files, FilesUp int // in files; of these, also in memory
	Spilled        int // in the temporary file
	Memory         int64
	Damaged        uint64 // chunks whose files were damaged, since the start
}

// Input is what one input has done.
type Input struct {
	Name                   string
	Records, Bytes         uint64
	RateRecords, RateBytes float64 // a second, over the last one
	RateLimited            bool    // the rate gate is closed
	Retries                int     // of the busy chunks
	Ring                   bool    // storage.type memrb; the next two are what had to make room
	RingChunks, RingBytes  uint64
	Paused                 bool
	Waiting                int64 // bytes that no output has taken yet
	Limit                  int64 // mem_buf_limit
	Open                   int   // chunks that still grow
	OpenBytes              int64
	Busy                   int // chunks that outputs have not settled
	BusyBytes              int64
	Down                   int // of the busy ones: not in memory
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
	Chunks                                int    // that wait
	Oldest                                time.Duration
	Limit                                 int64 // storage.total_limit_size, 0 for none
}

// Capacity is how much of its limit an output has left, in percent.
func (o *Output) Capacity() float64 {
	if o.Limit <= 0 {
		return 100
	}
	return max(0, 100*(1-float64(o.Queue)/float64(o.Limit)))
}

// Log is how many lines of one level the log has.
type Log struct {
	Level string
	Lines uint64
}
