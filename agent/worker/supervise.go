package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fluent/fluent-bit-go/internal/wire"
)

// supervise replaces the worker whenever it ends, until ctx ends or no instance is left.
func (m *Module) supervise(ctx context.Context, p *process, done chan struct{}) {
	defer close(done)
	var wait time.Duration
	since := time.Now()
	for {
		var retry <-chan time.Time
		if m.missing() {
			retry = time.After(max(wait, m.backoff))
		}
		select {
		case <-ctx.Done():
			return
		case <-retry:
			wait = min(max(2*wait, m.backoff), maxBackoff)
			m.bindMissing(ctx, p)
			continue
		case <-p.exited:
		}
		m.bury(p)
		if time.Since(since) >= healthy {
			wait = 0
		}
		for {
			if !sleep(ctx, wait) {
				return
			}
			wait = min(max(2*wait, m.backoff), maxBackoff)
			next, err := m.replace(ctx)
			if errors.Is(err, errClosed) || ctx.Err() != nil {
				return
			}
			if err == nil {
				m.opts.Restarts.Inc()
				p, since = next, time.Now()
				break
			}
			m.log.Error(fmt.Sprintf("plugin %s: a new worker does not start: %v; next attempt in %v", m.info.Path, err, wait))
		}
	}
}

// sleep waits for d and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bury reports a worker's end and takes its place from every instance.
func (m *Module) bury(p *process) {
	p.ctl.Close()
	m.life.Lock()
	defer m.life.Unlock()
	m.mu.Lock()
	m.proc = nil
	var names []string
	var links []*link
	for _, i := range m.instances {
		names = append(names, i.where())
		if i.link != nil {
			links = append(links, i.link)
		}
		m.setLinkLocked(i, nil)
	}
	m.mu.Unlock()
	closeLinks(p, links)
	if len(names) == 0 {
		return // it ended in the first Init, whose caller is told
	}
	args := []any{"instances", strings.Join(names, ", ")}
	for _, f := range p.lost {
		args = append(args, "in_flight", f.String())
	}
	if words := m.hide(lastWords(p.stderr.last())); words != "" {
		args = append(args, "stderr", words)
	}
	m.log.Error(fmt.Sprintf("the worker of plugin '%s' ended: %s; it is started anew, and what it had not delivered is tried again", m.info.Name, p.cause), args...)
}

func closeLinks(p *process, links []*link) {
	for _, l := range links {
		l.release()
	}
	if p.shared != nil {
		p.shared.close()
	}
}

// replace starts a new worker with all instances. Those whose Init fails in it are left for later.
func (m *Module) replace(ctx context.Context) (*process, error) {
	m.life.Lock()
	defer m.life.Unlock()
	m.mu.Lock()
	if m.closed || len(m.instances) == 0 {
		m.halt = nil // the next instance starts a worker of its own
		m.wakeLocked()
		m.mu.Unlock()
		return nil, errClosed
	}
	m.mu.Unlock()
	p, err := m.spawn(ctx)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.proc = p
	m.wakeLocked() // an instance that waits to be started need not wait for the others to succeed
	m.mu.Unlock()
	m.bindAllLocked(ctx, p)
	return p, nil
}

// missing reports whether an instance waits for its Init to succeed.
func (m *Module) missing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.instances, func(i *instance) bool { return i.link == nil })
}

func (m *Module) bindMissing(ctx context.Context, p *process) {
	m.life.Lock()
	defer m.life.Unlock()
	m.bindAllLocked(ctx, p)
}

// bindAllLocked gives every instance that has none a place in p. It expects the lock life.
func (m *Module) bindAllLocked(ctx context.Context, p *process) {
	m.mu.Lock()
	todo := slices.DeleteFunc(slices.Clone(m.instances), func(i *instance) bool { return i.link != nil })
	m.mu.Unlock()
	for _, i := range todo {
		l, err := m.bind(ctx, p, i)
		if err != nil {
			i.env.Log.Error(fmt.Sprintf("the plugin is not back yet: %v", err))
		} else {
			m.mu.Lock()
			m.setLinkLocked(i, l)
			m.mu.Unlock()
		}
		if !p.alive() {
			return
		}
	}
}

// end calls PreExit and Exit for an instance and takes it out of the module.
func (m *Module) end(i *instance) error {
	m.life.Lock()
	defer m.life.Unlock()
	m.mu.Lock()
	at := slices.Index(m.instances, i)
	if at >= 0 {
		m.instances = slices.Delete(m.instances, at, at+1)
	}
	l := i.link
	i.gone = true
	m.setLinkLocked(i, nil)
	m.mu.Unlock()
	if at < 0 || l == nil {
		return nil
	}
	defer l.release()
	if !l.p.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.opts.Grace)
	defer cancel()
	f := wire.Frame{Op: wire.OpPreExit, Inst: i.id, Flags: m.reloadFlag()}
	_, _, err := l.p.call(ctx, f, "", m.opts.Grace)
	if err == nil {
		_, _, err = l.p.call(ctx, wire.Frame{Op: wire.OpExit, Inst: i.id}, "", m.opts.Grace)
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", i.where(), err)
	}
	return nil
}

// Close ends all instances and the worker. It takes no longer than ctx allows and a little more; no process
// is left behind. The error says what did not end by itself.
func (m *Module) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	halt, done := m.halt, m.done
	left := slices.Clone(m.instances)
	m.halt = nil
	m.wakeLocked()
	m.mu.Unlock()
	if halt == nil {
		return nil
	}
	// Whoever waits for the plugin now is released when ctx ends, be it a worker that is starting.
	release := context.AfterFunc(ctx, func() {
		halt()
		m.mu.Lock()
		p := m.proc
		m.mu.Unlock()
		if p != nil {
			p.kill("it has not ended in time")
		}
	})
	m.life.Lock() // an instance that is on its way into a new worker arrives there
	halt()
	m.life.Unlock()
	defer release()
	var errs []error
	for _, i := range left {
		errs = append(errs, m.end(i))
	}
	<-done
	m.life.Lock()
	defer m.life.Unlock()
	m.mu.Lock()
	p := m.proc
	m.proc = nil
	m.mu.Unlock()
	if p != nil {
		errs = append(errs, p.finish(ctx))
	}
	return errors.Join(errs...)
}

// finish calls Unregister and ends the process.
func (p *process) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var err error
	if p.alive() {
		_, _, err = p.call(ctx, wire.Frame{Op: wire.OpUnregister}, "", 2*time.Second)
	}
	p.ctl.Close() // the worker ends itself
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.kill("it has not ended in time")
		<-p.exited
	}
	if p.shared != nil {
		p.shared.close()
	}
	return err
}

// String renders a flight for the crash report.
func (f flight) String() string { return fmt.Sprintf("%s tag=%s chunk=%d", f.instance, f.tag, f.chunk) }

func closeFD(fd int) { unix.Close(fd) }

func writeAll(fd int, b []byte) error {
	for at := 0; at < len(b); {
		n, err := unix.Pwrite(fd, b[at:], int64(at))
		if err != nil && err != unix.EINTR {
			return err
		}
		at += max(n, 0)
	}
	return nil
}
