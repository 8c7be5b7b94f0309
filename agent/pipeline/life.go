package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/plugin"
)

// life is the goroutines of one instance. It begins with launch and outlives pipelines: a reload passes an
// instance that has not changed on to the next one.
type life struct{ *living }

type living struct {
	quit, hard  context.Context // an input's sign to end; everybody's
	leave, kill context.CancelFunc
	reading     sync.WaitGroup // the input
	work        sync.WaitGroup // all else
}

func (l life) begun() bool { return l.living != nil }

func newLife() life {
	l := new(living)
	l.hard, l.kill = context.WithCancel(context.Background())
	l.quit, l.leave = context.WithCancel(l.hard)
	return life{l}
}

// launch starts the goroutines of all instances that do not run yet: who receives before who sends.
func (p *Pipeline) launch() {
	fresh := map[*instance]bool{}
	for _, one := range p.parts() {
		if one.begun() {
			continue
		}
		fresh[one.instance] = true
		one.life = newLife()
		if b, ok := one.plugin.(plugin.Background); ok {
			one.work.Go(func() { p.report(one.instance, guard(func() error { return b.Background(one.hard) })) })
		}
	}
	p.adjust()
	p.takeUp()
	for _, o := range p.outputs {
		for range o.workers {
			if fresh[&o.instance] {
				o.work.Go(func() { o.deliver(o.hard) })
			}
		}
	}
	for _, in := range p.inputs {
		if fresh[&in.instance] {
			in.reading.Go(func() { p.report(&in.instance, guard(func() error { return in.plugin.Run(in.quit, in) })) })
		}
	}
}

// within waits for what f waits for, at most until the deadline.
func within(f func(), deadline <-chan time.Time) bool {
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
		return true
	case <-deadline:
		return false
	}
}
