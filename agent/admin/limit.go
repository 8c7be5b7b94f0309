package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// limited is a listener that holds at most so many connections. When another one comes, the one goes that has
// been without a complete request for longest: clients that connect and dawdle must not keep a health check
// out.
type limited struct {
	net.Listener
	most int

	mu     sync.Mutex
	places map[*place]bool
}

func newLimited(ln net.Listener, most int) *limited {
	return &limited{Listener: ln, most: most, places: map[*place]bool{}}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p := l.admit(c); p != nil {
			return p, nil
		}
		_ = c.Close() // all others are being answered
	}
}

func (l *limited) admit(c net.Conn) *place {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.places) >= l.most {
		var oldest *place
		for p := range l.places {
			if !p.busy && (oldest == nil || p.since.Before(oldest.since)) {
				oldest = p
			}
		}
		if oldest == nil {
			return nil
		}
		delete(l.places, oldest)
		_ = oldest.Conn.Close()
	}
	p := &place{Conn: c, of: l, since: time.Now()}
	l.places[p] = true
	return p
}

// place is a connection of a limited listener.
type place struct {
	net.Conn
	of    *limited
	busy  bool      // a request is being answered
	since time.Time // how long it was not
}

// Close implements [net.Conn].
func (p *place) Close() error {
	p.of.mu.Lock()
	delete(p.of.places, p)
	p.of.mu.Unlock()
	return p.Conn.Close()
}

type placeKey struct{}

// remember is for [http.Server.ConnContext]; [answering] finds the place again.
func remember(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, c)
}

// answering marks the connections whose requests have arrived, with their bodies, which mean nothing here.
func answering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			status := http.StatusBadRequest
			if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			}
			w.WriteHeader(status)
			return
		}
		if p, ok := r.Context().Value(placeKey{}).(*place); ok {
			p.mark(true)
			defer p.mark(false)
		}
		h.ServeHTTP(w, r)
	})
}

func (p *place) mark(busy bool) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.busy, p.since = busy, time.Now()
}
