// Command demo runs a command for ten seconds, ends it as Ctrl-C would, and says what to try next.
// `make demo` calls it, so that the demonstration needs nothing but Go, gcc and make.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const next = `
That was an example plugin, a shared object built from examples/out_gstdout, in a process of its own beside
the agent. To see more:

  bin/fluent-bit -i cpu -o stdout -p format=json_lines     a built-in output in its place
  bin/fluent-bit -e bin/out_gstdout.so -i dummy -o gstdout  other records for the plugin
  bin/fluent-bit -h                                         all options and plugins
  bin/fluent-bit -i cpu -h                                  one plugin's options

README.md shows how to write a plugin.
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: demo COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	if err := demo(os.Stdout, 10*time.Second, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo shows and runs command, interrupts it after d, and gives it ten seconds to stop. A command that
// ends by itself before d, or with a failure, is an error.
func demo(w io.Writer, d time.Duration, command []string) error {
	fmt.Fprintf(w, "$ %s      (for %v)\n\n", strings.Join(command, " "), d)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() == nil && err == nil:
		return fmt.Errorf("%s ended before its time", command[0])
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", command[0], err)
	}
	fmt.Fprint(w, next)
	return nil
}
