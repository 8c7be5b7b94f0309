package plugin

import (
	"errors"
	"fmt"
)

// Rejection is the error of a Flush whose destination took a chunk except for some of its records, which a
// retry cannot help. Those are given up, counted and kept where the agent keeps dead letters; the others
// count as delivered.
type Rejection struct {
	Records []int // positions among the chunk's records, ascending
	Err     error // why, for the log
}

// Reject returns a [*Rejection], or nil when no record is named.
func Reject(err error, records ...int) error {
	if len(records) == 0 {
		return nil
	}
	return &Rejection{records, err}
}

func (r *Rejection) Error() string {
	return fmt.Sprintf("%d record(s) rejected: %v", len(r.Records), r.Err)
}

func (r *Rejection) Unwrap() error { return r.Err }

// Rejected returns the rejection within err, or nil.
func Rejected(err error) *Rejection {
	var r *Rejection
	errors.As(err, &r)
	return r
}
