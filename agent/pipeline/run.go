package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/plugin"
)

// closeTimeout is what plugins get to let go of their things when the grace period is used up.
const closeTimeout = 500 * time.Millisecond

// Start opens what the plugins need: sockets, files, workers. After a failure everything that was opened
// is closed again.
func (p *Pipeline) Start(ctx context.Context) error {
	for _, part := range p.parts() {
		s, ok := part.plugin.(plugin.Starter)
		if !ok {
			continue
		}
		if err := guard(func() error { return s.Start(ctx) }); err != nil {
			p.close(time.Now().Add(closeTimeout))
			return fmt.Errorf("[%s] could not start: %w", part.shown(), err)
		}
	}
	return nil
}

type part struct {
	*instance
	plugin any
}

// parts lists all instances in the order in which they start: who receives starts before who sends.
func (p *Pipeline) parts() []part {
	var all []part
	for _, c := range p.customs {
		all = append(all, part{&c.instance, c.plugin})
	}
	steps := func(list []*step) {
		for _, s := range list {
			all = append(all, part{&s.instance, s.plugin})
		}
	}
	for _, o := range p.outputs {
		all = append(all, part{&o.instance, o.plugin})
		steps(o.processors)
	}
	steps(p.filters)
	for _, in := range p.inputs {
		steps(in.processors)
		all = append(all, part{&in.instance, in.plugin})
	}
	return all
}

// Run moves records until ctx ends or a plugin asks for the end, then shuts down within the grace period.
// It returns the exit code. The pipeline must have been started.
func (p *Pipeline) Run(ctx context.Context) int {
	var inputs, others sync.WaitGroup
	hard, kill := context.WithCancel(context.WithoutCancel(ctx)) // ends with the grace period
	defer kill()
	quit, stopInputs := context.WithCancel(hard)
	defer stopInputs()

	for _, part := range p.parts() {
		if b, ok := part.plugin.(plugin.Background); ok {
			others.Go(func() { p.report(part.instance, guard(func() error { return b.Background(hard) })) })
		}
	}
	for _, o := range p.outputs {
		for range o.workers {
			others.Go(func() { o.work(hard) })
		}
	}
	for _, in := range p.inputs {
		inputs.Go(func() { p.report(&in.instance, guard(func() error { return in.plugin.Run(quit, in) })) })
	}

	code := p.loop(ctx)
	p.shutdown(stopInputs, kill, &inputs, &others)
	return code
}

func (p *Pipeline) report(i *instance, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errPaused) {
		i.log.Error(fmt.Sprintf("ended: %v", err))
	}
}

// loop sends off the open chunks at every flush interval until it is time to stop.
func (p *Pipeline) loop(ctx context.Context) (code int) {
	tick := time.NewTicker(p.set.Flush)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0
		case code := <-p.stop:
			return code
		case <-tick.C:
			p.flush()
		}
	}
}

func (p *Pipeline) flush() {
	for _, in := range p.inputs {
		in.flush()
	}
	p.emitter.flush()
}

// shutdown pauses the inputs, tries everything that is pending at once, and ends within the grace period.
func (p *Pipeline) shutdown(stopInputs, kill context.CancelFunc, inputs, others *sync.WaitGroup) {
	var deadline <-chan time.Time // nil waits for ever
	begin := time.Now()
	if p.set.Grace >= 0 {
		deadline = time.After(p.set.Grace)
		p.log.Warn(fmt.Sprintf("service will shutdown in max %d seconds", int(p.set.Grace.Seconds())))
	} else {
		p.log.Warn("service will shutdown when all pending records are delivered")
	}
	stopInputs()
	half := deadline
	if p.set.Grace > 0 {
		half = time.After(p.set.Grace / 2)
	}
	if !within(inputs, half) {
		p.log.Warn("an input does not end; going on without it")
	}
	p.flush()
	for _, o := range p.outputs {
		o.hurry()
	}
	select {
	case <-p.pending.wait():
	case <-deadline:
	}
	left := p.pending.count()
	kill()
	ended := within(others, time.After(closeTimeout))
	p.flush() // what an input that does not end brought meanwhile
	for _, o := range p.outputs {
		o.abandon()
	}
	lost := p.lost[Shutdown].Load() // by abandon, and by the workers whose last attempt was cut short
	p.close(begin.Add(max(p.set.Grace, time.Since(begin)+closeTimeout)))
	if lost > 0 {
		p.log.Error(fmt.Sprintf("%d records could not be delivered within the grace period of %v and are lost", lost, p.set.Grace))
	}
	if !ended {
		p.log.Warn("a plugin did not end in time")
	}
	p.log.Info(fmt.Sprintf("service has stopped (%d pending tasks) after %v", left, time.Since(begin).Round(time.Millisecond)))
}

// within waits for wg, at most until the deadline.
func within(wg *sync.WaitGroup, deadline <-chan time.Time) bool {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-deadline:
		return false
	}
}

// close lets all plugins go at the same time, and does not wait for them beyond the deadline.
func (p *Pipeline) close(deadline time.Time) {
	parts := p.parts()
	var wg sync.WaitGroup
	for i := len(parts) - 1; i >= 0; i-- {
		c, ok := parts[i].plugin.(io.Closer)
		if !ok {
			continue
		}
		wg.Go(func() {
			if err := guard(c.Close); err != nil {
				parts[i].log.Warn(fmt.Sprintf("close: %v", err))
			}
		})
	}
	within(&wg, time.After(time.Until(deadline)))
}
