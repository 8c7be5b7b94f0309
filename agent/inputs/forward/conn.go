package forward

import (
	"net"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/event"
)

// conn is a connection with the acknowledgements that are owed on it. They are written by a goroutine of
// their own, since a batch settles wherever and whenever it does.
type conn struct {
	in  *input
	raw net.Conn

	mu      sync.Mutex
	owed    int      // batches that are not settled
	due     []string // chunks to acknowledge, still encoded
	reading bool     // more may come
	wake    chan struct{}
	over    bool // nobody will read acknowledgements any more
}

// ackTime is how long a client may take to read acknowledgements.
const ackTime = 10 * time.Second

func (in *input) enter(raw net.Conn) *conn {
	c := &conn{in: in, raw: raw, reading: true, wake: make(chan struct{}, 1)}
	in.mu.Lock()
	in.open[c] = true
	in.mu.Unlock()
	in.acks.Go(c.acknowledge)
	return c
}

// owe has chunk acknowledged when b is settled. In whatever way that was: what was given up by rule would be
// given up again if the client sent it once more.
func (c *conn) owe(b *event.Batch, chunk string) {
	c.mu.Lock()
	c.owed++
	c.mu.Unlock()
	b.OnSettled(func(event.Outcome) {
		c.mu.Lock()
		c.owed--
		c.due = append(c.due, chunk)
		c.mu.Unlock()
		c.signal()
	})
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// finish says that no more messages come: the connection ends with the last acknowledgement.
func (c *conn) finish() {
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	c.signal()
}

// abandon ends the connection without waiting for what is owed.
func (c *conn) abandon() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.signal()
}

// next waits for acknowledgements to send; false when there will be none.
func (c *conn) next() ([]string, bool) {
	for {
		c.mu.Lock()
		due := c.due
		c.due = nil
		over := c.over || !c.reading && c.owed == 0
		c.mu.Unlock()
		switch {
		case len(due) > 0:
			return due, true
		case over:
			return nil, false
		}
		<-c.wake
	}
}

func (c *conn) acknowledge() {
	defer func() {
		c.raw.Close()
		c.in.mu.Lock()
		delete(c.in.open, c)
		c.in.mu.Unlock()
	}()
	for {
		due, more := c.next()
		if !more {
			return
		}
		var text []byte
		for _, chunk := range due {
			text = forward.AppendAck(text, event.Value(chunk))
		}
		_ = c.raw.SetWriteDeadline(time.Now().Add(ackTime))
		if _, err := c.raw.Write(text); err != nil {
			// The client sends its chunks again on another connection.
			c.raw.Close()
			c.abandon()
		}
	}
}
