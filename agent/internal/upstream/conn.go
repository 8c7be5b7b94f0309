package upstream

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Conn is a connection on loan: who got it hands it back with Release, or closes it after a failure. It is
// bound to the context that it was got with, whose end fails what it does.
type Conn struct {
	net.Conn
	u      *Upstream
	uses   int
	expire *time.Timer
	unbind func() bool

	// Data is for the protocol: what it knows about a connection that was used before. nil on a fresh one.
	Data any
}

// Send writes data to a connection and hands that back, for protocols without answers.
func (u *Upstream) Send(ctx context.Context, data []byte) error {
	conn, err := u.Get(ctx)
	if err != nil {
		return err
	}
	return conn.Send(data)
}

// Send writes data and hands the connection back.
func (c *Conn) Send(data []byte) error {
	if _, err := c.Write(data); err != nil {
		c.Close()
		return fmt.Errorf("send to %s: %w", c.u, err)
	}
	c.Release()
	return nil
}

// Get returns a connection: one that was handed back and is still good, or a fresh one.
func (u *Upstream) Get(ctx context.Context) (*Conn, error) {
	for {
		c := u.take()
		if c == nil {
			break
		}
		if c.quiet() {
			return c.bind(ctx), nil
		}
		c.Conn.Close()
	}
	conn, err := u.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return (&Conn{Conn: conn, u: u}).bind(ctx), nil
}

func (u *Upstream) take() *Conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.idle) - 1
	if n < 0 {
		return nil
	}
	c := u.idle[n]
	u.idle = u.idle[:n]
	c.expire.Stop()
	return c
}

// bind lets the end of ctx interrupt the connection.
func (c *Conn) bind(ctx context.Context) *Conn {
	c.uses++
	c.u.set.Net.meter.work(1)
	c.unbind = context.AfterFunc(ctx, func() { c.Conn.Close() })
	return c
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.u.set.Net.meter.work(-1)
	c.unbind()
	return c.Conn.Close()
}

// Release hands the connection back for the next who asks, or closes it when it has served its time.
func (c *Conn) Release() {
	n := &c.u.set.Net
	n.meter.work(-1)
	if !c.unbind() || !n.Keepalive || n.MaxRecycle > 0 && c.uses >= n.MaxRecycle {
		c.Conn.Close()
		return
	}
	_ = c.SetDeadline(time.Time{})
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	if c.u.closed {
		c.Conn.Close()
		return
	}
	c.u.idle = append(c.u.idle, c)
	c.expire = time.AfterFunc(n.IdleTimeout, func() { c.u.drop(c) })
}

// drop closes an idle connection, unless somebody has taken it meanwhile.
func (u *Upstream) drop(c *Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, other := range u.idle {
		if other == c {
			u.idle = append(u.idle[:i], u.idle[i+1:]...)
			c.Conn.Close()
			return
		}
	}
}

// Close closes the connections that nobody uses; those on loan are closed when they come back.
func (u *Upstream) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for _, c := range u.idle {
		c.expire.Stop()
		c.Conn.Close()
	}
	u.idle = nil
}

// quiet reports whether nothing has come in while the connection was idle. What comes is the other side's
// farewell, and data written after it would vanish without an error.
func (c *Conn) quiet() bool {
	conn := c.Conn
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	s, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	still := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		still = err == syscall.EAGAIN
		return true
	})
	return err == nil && still
}
