// Package seldom keeps what others do wrong from filling the log.
package seldom

import (
	"fmt"
	"log/slog"
	"sync"
)

// Log warns of the first complaint, the tenth, the hundredth and so on; all others are for debugging. It is
// safe for several goroutines.
type Log struct {
	To *slog.Logger

	mu          sync.Mutex
	count, next int
}

// Warn logs one complaint: what was done about it, and why.
func (l *Log) Warn(what string, why error) {
	l.mu.Lock()
	l.count++
	n, say := l.count, l.count >= l.next
	if say {
		l.next = l.count * 10
	}
	l.mu.Unlock()
	switch {
	case !say:
		l.To.Debug(fmt.Sprintf("%s: %v", what, why))
	case n == 1:
		l.To.Warn(fmt.Sprintf("%s: %v", what, why))
	default:
		l.To.Warn(fmt.Sprintf("%s: %v (%d so far)", what, why, n))
	}
}
