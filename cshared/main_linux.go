package cshared

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/fluent/fluent-bit-go/internal/serve"
	"github.com/fluent/fluent-bit-go/internal/wire"
)

// runWorker serves the agent that started this process.
func runWorker() error {
	_ = os.Unsetenv(wire.EnvKey) // children of the plugin are no workers
	syscall.CloseOnExec(serve.Control)
	// Stopping is the agent's business; a terminal's ^C reaches the whole session.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	serve.Serve(serve.Control, held, 0)
	return nil
}
