package author

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fluent/fluent-bit-go/agent/worker"
)

// lookEvery is how often dev looks for files that were saved.
const lookEvery = 200 * time.Millisecond

// dev runs an agent with a plugin, and swaps the plugin whenever its source is saved: what the agent holds is
// delivered by the old worker, what comes is taken by the new one.
func (t *Tools) dev(ctx context.Context, args []string) error {
	f := t.flags("plugin dev", "[OPTIONS] DIR [-- OPTIONS OF THE AGENT]", "Run an agent with the plugin in DIR, built and loaded again at each save. Without options of the agent it gets records of the input dummy, or prints to stdout.")
	var props properties
	f.Var(&props, "p", "a property of the plugin, as `KEY=VALUE`, when there are no options of the agent; may be repeated")
	if err := parse(f, args, 1, 1); err != nil {
		return err
	}
	dir, rest := f.Arg(0), f.Args()[1:]
	if len(rest) > 0 {
		rest = rest[1:] // the --
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, err := compile(ctx, dir, "", shared)
	if err != nil {
		return err
	}
	info, err := worker.Probe(ctx, file)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		rest = usual(info, props)
	}
	agent, err := t.agent(append([]string{"-Y", "-e", file}, rest...))
	if err != nil {
		return err
	}
	return t.watch(ctx, dir, file, agent)
}

// usual are the agent's options around one plugin.
func usual(i worker.Info, props properties) []string {
	section := map[worker.Type]string{worker.Input: "-i", worker.Filter: "-F", worker.Output: "-o"}[i.Type]
	own := []string{section, i.Name}
	for _, p := range props {
		own = append(own, "-p", p)
	}
	switch i.Type {
	case worker.Input:
		return append(own, "-o", "stdout", "-m", "*", "-f", "1")
	case worker.Filter:
		return append(append([]string{"-i", "dummy"}, append(own, "-m", "*")...), "-o", "stdout", "-m", "*", "-f", "1")
	}
	return append(append([]string{"-i", "dummy"}, own...), "-m", "*", "-f", "1")
}

// agent starts this very program as an agent.
func (t *Tools) agent(args []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = t.Out, t.Err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is for dev, which tells it
	return cmd, cmd.Start()
}

// watch builds again at each save until ctx or the agent ends.
func (t *Tools) watch(ctx context.Context, dir, file string, agent *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	last := stamp(dir)
	built := last
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			_ = agent.Process.Signal(syscall.SIGTERM) // it may have ended just now
			return <-ended
		case <-tick.C:
		}
		now := stamp(dir)
		if now != last { // an editor may still be at it
			last = now
			continue
		}
		if now == built {
			continue
		}
		built = now
		if err := t.swap(ctx, dir, file, agent); err != nil && ctx.Err() == nil {
			fmt.Fprintln(t.Err, "fluent-bit plugin dev: the plugin that runs stays:", err)
		}
	}
}

func (t *Tools) swap(ctx context.Context, dir, file string, agent *exec.Cmd) error {
	begin := time.Now()
	next := file + ".next"
	defer os.Remove(next)
	if _, err := compile(ctx, dir, next, shared); err != nil {
		return err
	}
	if _, err := worker.Probe(ctx, next); err != nil {
		return err
	}
	if err := os.Rename(next, file); err != nil {
		return err
	}
	if err := agent.Process.Signal(syscall.SIGHUP); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	fmt.Fprintf(t.Err, "fluent-bit plugin dev: built in %v, the agent reloads it\n", time.Since(begin).Round(10*time.Millisecond))
	return nil
}

// stamp sums up when the source below dir was written.
func stamp(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it is gone again
		}
		if d.IsDir() && path != dir && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".mod" {
			return nil
		}
		if st, err := d.Info(); err == nil {
			sum = sum*31 + st.ModTime().UnixNano() + st.Size()
		}
		return nil
	})
	return sum
}
