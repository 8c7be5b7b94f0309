package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/fluent/fluent-bit-go/metric"
)

// meter counts what an instance's connections do. A nil one counts nothing.
type meter struct {
	total, busy atomic.Int64
	failed      map[string]*metric.Counter
}

// The reasons why a connection fails, as far as one can tell them apart.
const (
	failDNS     = "dns"
	failTLS     = "tls"
	failTimeout = "timeout"
	failRefused = "refused"
	failProxy   = "proxy"
	failOther   = "other"
)

// CountIn has connections and failures to connect count among an instance's metrics.
func (n *Net) CountIn(r *metric.Registry) {
	m := &meter{failed: map[string]*metric.Counter{}}
	for _, reason := range []string{failDNS, failTLS, failTimeout, failRefused, failProxy, failOther} {
		m.failed[reason] = r.Counter("upstream_connect_failures_total", "Connections that could not be opened, by reason", metric.L("reason", reason))
	}
	r.GaugeFunc("upstream_total_connections", "Connections that are open", func() float64 { return float64(m.total.Load()) })
	r.GaugeFunc("upstream_busy_connections", "Connections that are in use", func() float64 { return float64(m.busy.Load()) })
	n.meter = m
}

func (m *meter) work(n int64) {
	if m != nil {
		m.busy.Add(n)
	}
}

func (m *meter) fail(err error) {
	if m != nil {
		m.failed[reasonOf(err)].Inc()
	}
}

// errProxy and errTLS mark where a failure happened.
var (
	errProxy = errors.New("proxy")
	errTLS   = errors.New("TLS")
)

func reasonOf(err error) string {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errProxy):
		return failProxy
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errTimeout):
		return failTimeout
	case errors.As(err, &dns):
		return failDNS
	case errors.Is(err, errTLS), errors.As(err, &cert):
		return failTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return failRefused
	}
	return failOther
}

// tracked is an open connection that is counted until it is closed, and knows how often it was used.
type tracked struct {
	net.Conn
	m    *meter
	uses atomic.Int64
	over atomic.Bool
}

func (u *Upstream) track(c net.Conn) net.Conn {
	if m := u.set.Net.meter; m != nil {
		m.total.Add(1)
	}
	return &tracked{Conn: c, m: u.set.Net.meter}
}

// NetConn returns the connection that is tracked.
func (t *tracked) NetConn() net.Conn { return t.Conn }

// Use counts one more request and returns how many there were.
func (t *tracked) Use() int64 { return t.uses.Add(1) }

func (t *tracked) Close() error {
	if !t.over.Swap(true) && t.m != nil {
		t.m.total.Add(-1)
	}
	return t.Conn.Close()
}

// Working counts a request that is under way until done is called.
func (u *Upstream) Working() (done func()) {
	u.set.Net.meter.work(1)
	return func() { u.set.Net.meter.work(-1) }
}

// kind gives err the text that begins with a word, which [reasonOf] finds again.
type kind struct {
	error
	word error
}

func (k kind) Error() string   { return strings.TrimSpace(k.word.Error() + " " + k.error.Error()) }
func (k kind) Unwrap() []error { return []error{k.word, k.error} }
