package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
		u.mu.Lock()
		c.hangUpLocked()
		u.mu.Unlock()
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
	if !c.unbind() {
		c.Conn.Close()
		return
	}
	_ = c.SetDeadline(time.Time{})
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	if c.u.closed || !n.Keepalive || n.MaxRecycle > 0 && c.uses >= n.MaxRecycle {
		c.hangUpLocked()
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
			c.hangUpLocked()
			return
		}
	}
}

// Close closes the connections that nobody uses; those on loan are closed when they come back.
func (u *Upstream) Close() {
	u.mu.Lock()
	for _, c := range u.idle {
		c.expire.Stop()
		c.hangUpLocked()
	}
	u.idle = nil
	u.closed = true
	u.mu.Unlock()
	u.leaving.Wait()
}

// farewell is how long the other side may take to end its half of a connection.
const farewell = time.Second

// hangUpLocked ends a connection and waits in the background for the other side to do the same. To close one in
// which something lies unread, be it the tickets of TLS, would make the system throw away what was written and has
// not arrived yet.
func (c *Conn) hangUpLocked() {
	if c.u.closed { // nobody waits any more
		c.Conn.Close()
		return
	}
	c.u.leaving.Go(func() {
		defer c.Conn.Close()
		secure, socket := c.layers()
		if secure != nil {
			_ = secure.CloseWrite()
		}
		if half, ok := socket.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
			return
		}
		_ = socket.SetReadDeadline(time.Now().Add(farewell))
		_, _ = io.Copy(io.Discard, socket)
	})
}

// layers returns TLS, nil without, and the socket below it.
func (c *Conn) layers() (secure *tls.Conn, socket net.Conn) {
	for socket = c.Conn; ; {
		outer, ok := socket.(interface{ NetConn() net.Conn })
		if !ok {
			return secure, socket
		}
		if t, ok := socket.(*tls.Conn); ok && secure == nil {
			secure = t
		}
		socket = outer.NetConn()
	}
}

// quiet reports whether nothing has come in while the connection was idle. What comes is the other side's
// farewell, and data written after it would vanish without an error. Only what TLS says to itself, such as
// tickets for other connections, means nothing.
func (c *Conn) quiet() bool {
	if c.silent() {
		return true // fast path
	}
	secure, _ := c.layers()
	if secure == nil {
		return false
	}
	_ = secure.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := secure.Read(make([]byte, 1))
	_ = secure.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded) && c.silent()
}

// silent reports whether there is nothing to read from the socket.
func (c *Conn) silent() bool {
	_, socket := c.layers()
	s, ok := socket.(syscall.Conn)
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
