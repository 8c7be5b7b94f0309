// Package iotimeout is net.io_timeout: a limit for each read and each write of a connection.
package iotimeout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Wrap limits each read and write of conn. Once ctx has ended, reads fail at once. Without a limit conn stays
// as it is.
func Wrap(ctx context.Context, conn net.Conn, limit time.Duration) net.Conn {
	if limit <= 0 {
		return conn
	}
	return &Conn{conn, ctx, limit}
}

// Conn is a connection with a limit.
type Conn struct {
	net.Conn
	ctx   context.Context
	limit time.Duration
}

// NetConn returns the connection without the limit.
func (c *Conn) NetConn() net.Conn { return c.Conn }

func (c *Conn) Read(p []byte) (int, error) {
	// The context is looked at behind the deadline, so that one set at its end is not undone.
	if err := errors.Join(c.SetReadDeadline(time.Now().Add(c.limit)), c.ctx.Err()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	return n, c.explain(err)
}

func (c *Conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	return n, c.explain(err)
}

func (c *Conn) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && c.ctx.Err() == nil {
		return fmt.Errorf("nothing moved within net.io_timeout of %v: %w", c.limit, err)
	}
	return err
}
