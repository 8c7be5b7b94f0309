package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/plugin"
)

// closeTimeout is what plugins get to let go of their things when the grace period is used up.
const closeTimeout = 500 * time.Millisecond

// Start opens what the plugins need: sockets, files, workers. After a failure everything that was opened
// is closed again.
func (p *Pipeline) Start(ctx context.Context) error {
	if err := p.openStorage(); err != nil {
		return err
	}
	for i, one := range p.parts() {
		s, ok := one.plugin.(plugin.Starter)
		if !ok || one.begun() {
			continue
		}
		if err := guard(func() error { return s.Start(ctx) }); err != nil {
			p.undo(i + 1)
			return fmt.Errorf("[%s] could not start: %w", one.shown(), one.hide(err))
		}
	}
	return nil
}

// undo closes what Start has opened of the first n parts.
func (p *Pipeline) undo(n int) {
	opened := slices.DeleteFunc(p.parts()[:n], func(q part) bool { return q.begun() })
	closeAll(opened, time.Now().Add(closeTimeout))
}

type part struct {
	*instance
	plugin any
}

// parts lists all instances in the order in which they start: who receives starts before who sends.
func (g *group) parts() []part {
	var all []part
	for _, c := range g.customs {
		all = append(all, part{&c.instance, c.plugin})
	}
	steps := func(list []*step) {
		for _, s := range list {
			all = append(all, part{&s.instance, s.plugin})
		}
	}
	for _, o := range g.outputs {
		all = append(all, part{&o.instance, o.plugin})
		steps(o.processors)
	}
	steps(g.filters)
	for _, in := range g.inputs {
		steps(in.processors)
		for _, r := range in.routes {
			steps(r.processors)
		}
		all = append(all, part{&in.instance, in.plugin})
	}
	return all
}

// Run moves records until ctx ends or a plugin asks for the end, then shuts down within the grace period.
// It returns the exit code. The pipeline must have been started.
func (p *Pipeline) Run(ctx context.Context) int { return NewRunner(p).Run(ctx) }

func (p *Pipeline) report(i *instance, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errPaused) {
		i.log.Error(fmt.Sprintf("ended: %v", err))
	}
}

func (p *Pipeline) flush() {
	p.group.flush()
	p.emitter.flush()
}

func (g *group) flush() {
	for _, in := range g.inputs {
		in.flush()
	}
}

// shutdown pauses the inputs, tries everything that is pending at once, and ends within the grace period.
func (p *Pipeline) shutdown() {
	begin := time.Now()
	if p.set.Grace >= 0 {
		p.log.Warn(fmt.Sprintf("service will shutdown in max %d seconds", int(p.set.Grace.Seconds())))
	} else {
		p.log.Warn("service will shutdown when all pending records are delivered")
	}
	deadline := after(p.set.Grace)
	if !p.stopInputs(after(p.set.Grace / 2)) {
		p.log.Warn("an input does not end; going on without it")
	}
	p.giveOut(after(p.set.Grace / 2))
	p.flush()
	for _, o := range p.outputs {
		if !p.set.Storage.FlushBacklog {
			o.spare()
		}
	}
	left := p.deliver(deadline)
	ended := p.kill()
	p.giveOut(after(closeTimeout))
	p.flush() // what an input that does not end brought meanwhile
	for _, o := range p.outputs {
		o.abandon()
		o.sumUp(true)
	}
	p.syncStorage() // before inputs note how far they are
	closeAll(p.parts(), begin.Add(max(p.set.Grace, time.Since(begin)+closeTimeout)))
	p.reportRest()
	p.closeStorage()
	if !ended {
		p.log.Warn("a plugin did not end in time")
	}
	p.log.Info(fmt.Sprintf("service has stopped (%d pending tasks) after %v", left, time.Since(begin).Round(time.Millisecond)))
}

// after is time.After, and never for a negative grace period.
func after(d time.Duration) <-chan time.Time {
	if d < 0 {
		return nil
	}
	return time.After(d)
}

// stopInputs asks the inputs to end and waits for them: first the sources, then the stream processor's tasks,
// which may have something to say about the last records, those included that filters held back.
func (g *group) stopInputs(deadline <-chan time.Time) bool {
	g.leaveSources()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return within(func() {
		for _, in := range g.inputs {
			if in.task == nil {
				in.reading.Wait()
			}
		}
		g.drain(ctx)
		for _, in := range g.inputs {
			if in.task != nil {
				in.leave()
				in.reading.Wait()
			}
		}
	}, deadline)
}

// leaveSources asks the inputs to end, without waiting for them.
func (g *group) leaveSources() {
	for _, in := range g.inputs {
		if in.task == nil {
			in.leave()
		}
	}
}

// deliver has everything that is pending tried at once and waits until it is settled. It returns how much is
// left at the deadline.
func (g *group) deliver(deadline <-chan time.Time) (left int) {
	for _, o := range g.outputs {
		o.hurry()
	}
	for _, o := range g.outputs {
		select {
		case <-o.pending.wait():
		case <-deadline:
			deadline = time.After(0) // it fires once
		}
	}
	for _, o := range g.outputs {
		left += o.pending.count()
	}
	return left
}

// kill ends all goroutines, and reports whether they did end.
func (g *group) kill() bool {
	all := g.parts()
	for _, one := range all {
		one.kill()
	}
	return within(func() {
		for _, one := range all {
			one.work.Wait()
		}
	}, time.After(closeTimeout))
}

// closeAll lets all plugins go at the same time, and does not wait for them beyond the deadline.
func closeAll(parts []part, deadline time.Time) {
	var wg sync.WaitGroup
	closing := make([]atomic.Bool, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		c, ok := parts[i].plugin.(io.Closer)
		if !ok {
			continue
		}
		closing[i].Store(true)
		wg.Go(func() {
			if err := guard(c.Close); err != nil {
				parts[i].log.Warn(fmt.Sprintf("close: %v", err))
			}
			closing[i].Store(false)
		})
	}
	if within(wg.Wait, time.After(time.Until(deadline))) {
		return
	}
	for i := range parts {
		if closing[i].Load() {
			parts[i].log.Warn(fmt.Sprintf("close: %s (%v) has not ended in time and is left alone; have it end when it is told to", parts[i].shown(), parts[i].pos))
		}
	}
}
