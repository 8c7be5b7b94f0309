// Package iotimeout is net.io_timeout: a limit for each read and each write of a connection.
package iotimeout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Wrap limits each read and write of conn. Once ctx has ended, reads fail at once. Without a limit conn stays
// as it is.
func Wrap(ctx context.Context, conn net.Conn, limit time.Duration) net.Conn {
	if limit <= 0 {
		return conn
	}
	return &Conn{Conn: conn, ctx: ctx, limit: limit}
}

// Conn is a connection with a limit.
type Conn struct {
	net.Conn
	ctx   context.Context
	limit time.Duration

	mu          sync.Mutex
	read, write time.Time // deadlines that were set; an earlier limit goes before
}

// NetConn returns the connection without the limit.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the time at which reading ends, however little time each read takes.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline does the same for writing.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}

func (c *Conn) Read(p []byte) (int, error) {
	limited, err := c.begin(&c.read, c.Conn.SetReadDeadline)
	// The context is looked at behind the deadline, so that one set at its end is not undone.
	if err := errors.Join(err, c.ctx.Err()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	return n, c.explain(err, limited)
}

func (c *Conn) Write(p []byte) (int, error) {
	limited, err := c.begin(&c.write, c.Conn.SetWriteDeadline)
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	return n, c.explain(err, limited)
}

// begin sets the deadline of one read or write and reports whether it is the limit's.
func (c *Conn) begin(deadline *time.Time, set func(time.Time) error) (limited bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := time.Now().Add(c.limit)
	if !deadline.IsZero() && deadline.Before(end) {
		return false, set(*deadline)
	}
	return true, set(end)
}

func (c *Conn) explain(err error, limited bool) error {
	if limited && errors.Is(err, os.ErrDeadlineExceeded) && c.ctx.Err() == nil {
		return fmt.Errorf("nothing moved within net.io_timeout of %v: %w", c.limit, err)
	}
	return err
}
