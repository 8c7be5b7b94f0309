package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/logger"
)

var names = map[os.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGQUIT: "SIGQUIT", syscall.SIGHUP: "SIGHUP", syscall.SIGCONT: "SIGCONT"}

// signalContext ends with the first SIGINT, SIGTERM or SIGQUIT; more of them change nothing. SIGPIPE is
// taken so that writing to a closed pipe is an error and not the end.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE)
	go func() {
		for s := range c {
			if s != syscall.SIGPIPE {
				cancel()
			}
		}
	}()
	return ctx, func() { signal.Stop(c); close(c); cancel() }
}

// listen keeps signals for onSignals from the beginning on, since a SIGHUP that nobody takes ends the process.
func listen() chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGCONT, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	return c
}

// onSignals logs every signal and handles those that do not end the agent, until the returned function is
// called.
func (h *host) onSignals(ctx context.Context, a *agent, c chan os.Signal) func() {
	go func() {
		for s := range c {
			if a.level < logger.LevelOff {
				a.sink.Raw(time.Now(), "[engine] caught signal ("+names[s]+")")
			}
			switch s {
			case syscall.SIGHUP:
				h.onHangup(ctx)
			case syscall.SIGCONT:
				h.run.Pipeline().Dump(os.Stderr)
			}
		}
	}()
	return func() { signal.Stop(c); close(c) }
}
