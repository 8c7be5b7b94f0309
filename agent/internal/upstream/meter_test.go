package upstream

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/metric"
)

func TestConnectionsAndFailuresAreCounted(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "server", "127.0.0.1")
	s := serve(t)
	secure := serve(t, "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	r := metric.NewRegistry("fluentbit", "output")
	read := func(name, reason string) (value float64) {
		t.Helper()
		var all metric.Set
		r.Collect(&all, time.Now())
		for _, f := range all.Families {
			for _, p := range f.Points {
				if f.Name == name && (reason == "" || len(p.Labels) > 0 && p.Labels[0].Value == reason) {
					value += p.Value
				}
			}
		}
		return value
	}
	start := func(pairs ...string) *Upstream {
		t.Helper()
		set := settings(t, pairs...)
		set.Net.CountIn(r)
		if set.Port == mute.Addr().(*net.TCPAddr).Port {
			set.Net.ConnectTimeout = 20 * time.Millisecond
		}
		return open(t, set)
	}
	u := start("port", s.port())
	c, err := u.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := func(total, busy float64) {
		t.Helper()
		if gotTotal, gotBusy := float64(u.set.Net.meter.total.Load()), float64(u.set.Net.meter.busy.Load()); gotTotal != total || gotBusy != busy {
			t.Errorf("%v open, %v in use, want %v and %v", gotTotal, gotBusy, total, busy)
		}
	}
	want(1, 1)
	c.Release()
	want(1, 0)
	if c, err = u.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	want(0, 0)
	fails := func(reason string, pairs ...string) {
		t.Helper()
		before := read("upstream_connect_failures_total", reason)
		if _, err := start(pairs...).Get(t.Context()); err == nil {
			t.Error("connected")
		} else if after := read("upstream_connect_failures_total", reason); after != before+1 {
			t.Errorf("%s: %v, then %v: %v", reason, before, after, err)
		}
	}
	fails("refused", "port", "1")
	fails("tls", "port", secure.port(), "tls", "on")
	fails("dns", "host", "nowhere.invalid", "port", "1")
	fails("timeout", "port", fmt.Sprint(mute.Addr().(*net.TCPAddr).Port), "tls", "on")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	fails("proxy", "port", s.port())
}
