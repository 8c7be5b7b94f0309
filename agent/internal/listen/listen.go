package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/iotimeout"
)

// Listener accepts connections. Open belongs into an input's Start, Serve into its Run.
type Listener struct {
	set    Settings
	log    *slog.Logger
	inner  net.Listener
	socket *socket
	tls    *tls.Config
	close  sync.Once
	count  burst.Log // connections that were refused or closed for a fault
}

// Open begins to listen. Connections wait until Serve.
func (s *Settings) Open(log *slog.Logger) (*Listener, error) {
	l := &Listener{set: *s, log: log, count: burst.Log{Counter: s.Refused}}
	var err error
	if l.tls, err = s.TLS.Server(log); err != nil {
		return nil, err
	}
	if l.inner, l.socket, err = s.stream(); err != nil {
		return nil, s.failed(err)
	}
	log.Info("listening on " + s.Address())
	l.socket.watch(log)
	return l, nil
}

// Addr is the address that it listens on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// TLS is the configuration of TLS, nil without.
func (l *Listener) TLS() *tls.Config { return l.tls }

// Close ends listening. What was accepted goes on.
func (l *Listener) Close() error {
	var err error
	l.close.Do(func() {
		err = l.inner.Close()
		if l.socket.leave() && l.set.Unix != "" {
			_ = os.Remove(l.set.Unix)
		}
	})
	return err
}

// Serve calls handle for each connection, in a goroutine of its own, until ctx ends; then it waits for
// them. The end of ctx fails what a connection reads, so that handle finds its end; what it writes goes on
// for another second. handle need not close the connection; when it returns [Keep], somebody else will.
func (l *Listener) Serve(ctx context.Context, handle func(ctx context.Context, c net.Conn) After) error {
	defer l.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		raw, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			l.count.Warn(l.log, fmt.Sprintf("cannot accept a connection: %v", err))
			select { // out of descriptors or memory: the next try would fail as well
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		open.Go(func() {
			defer l.survive(raw)
			conn := l.shake(ctx, raw)
			if conn == nil {
				raw.Close()
				return
			}
			stop := context.AfterFunc(ctx, func() {
				_ = raw.SetReadDeadline(past)
				_ = raw.SetWriteDeadline(time.Now().Add(time.Second))
			})
			after := Close
			defer func() {
				if stop(); after == Close {
					conn.Close()
				}
			}()
			after = handle(ctx, conn)
		})
	}
}

// survive has a panic cost its connection and not the agent: what a client sends may lead to one.
func (l *Listener) survive(c net.Conn) {
	if r := recover(); r != nil {
		l.count.Error(l.log, fmt.Sprintf("connection closed: %s: panic: %v\n%s", c.RemoteAddr(), r, debug.Stack()))
	}
}

// After is what becomes of a connection when its handler has returned.
type After bool

// The choices.
const (
	Close After = false
	Keep  After = true
)

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Accept waits for a connection, without TLS.
func (l *Listener) Accept() (net.Conn, error) {
	l.socket.use()
	return l.inner.Accept()
}

// shake does the handshake of TLS, if any, and returns nil when it fails.
func (l *Listener) shake(ctx context.Context, raw net.Conn) net.Conn {
	timed := iotimeout.Wrap(ctx, raw, l.set.IOTimeout)
	if l.tls == nil {
		return timed
	}
	if l.set.AcceptTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.set.AcceptTimeout)
		defer cancel()
	}
	conn := tls.Server(timed, l.tls)
	err := conn.HandshakeContext(ctx)
	switch {
	case err == nil:
		return conn
	case ctx.Err() != nil && !l.set.LogTimeout:
		l.log.Debug(fmt.Sprintf("%s: no TLS handshake within net.accept_timeout of %v", raw.RemoteAddr(), l.set.AcceptTimeout))
	case ctx.Err() != nil:
		l.count.Warn(l.log, fmt.Sprintf("connection closed: no TLS handshake within net.accept_timeout of %v", l.set.AcceptTimeout))
	default:
		l.count.Warn(l.log, fmt.Sprintf("connection refused: %s: TLS: %v", raw.RemoteAddr(), err))
	}
	return nil
}

// Refuse counts and logs why a connection was closed.
func (l *Listener) Refuse(c net.Conn, why error) {
	l.count.Warn(l.log, fmt.Sprintf("connection closed: %s: %v", c.RemoteAddr(), why))
}
