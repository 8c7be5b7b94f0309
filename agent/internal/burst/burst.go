// Package burst logs a failure that may come back with every record: at once when it begins, then a count from
// time to time, so that it is neither overlooked nor fills the disk.
package burst

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/metric"
)

// quiet is how long a failure that was logged is only counted.
const quiet = 10 * time.Second

// Log counts the failures of one kind. Its zero value is ready.
type Log struct {
	Counter *metric.Counter // counts them too, unless it is nil

	mu    sync.Mutex
	total uint64 // all failures
	since uint64 // those since the last line
	next  time.Time
}

// Error logs what, which tells what went wrong, what it means for the records and what to do, unless a line
// stands in the log since less than ten seconds. Then it is counted, and the next line gives the number.
func (l *Log) Error(log *slog.Logger, what string) { l.add(log.Error, what) }

// Warn does the same for what others do wrong.
func (l *Log) Warn(log *slog.Logger, what string) { l.add(log.Warn, what) }

func (l *Log) add(log func(string, ...any), what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if l.Counter != nil {
		l.Counter.Inc()
	}
	now := time.Now()
	if now.Before(l.next) {
		l.since++
		return
	}
	l.next = now.Add(quiet)
	if l.since > 0 {
		what = fmt.Sprintf("%s (and %d more like it since, %d in all)", what, l.since, l.total)
	}
	l.since = 0
	log(what)
}

// Total returns how many there were.
func (l *Log) Total() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
