package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// chain is two agents: the first reads the log and forwards it, the second receives it and prints.
type chain struct {
	*storm
	second *Agent
}

// newChain prepares a chain over a port of 127.0.0.1. storage are keys of the service and of the second
// agent's input.
func newChain(t *testing.T, port int, service2, input2 string, output1 ...string) *chain {
	t.Helper()
	s := newStorm(t)
	c := &chain{s, NewAgent(t, agentBinary(t))}
	conf := service + "[INPUT]\n    name tail\n    read_from_head on\n    path DIR/a.log*\n    exclude_path *.db*\n    db DIR/tail.db\n    rotate_wait 1\n    mem_buf_limit 1M\n" +
		fmt.Sprintf("[OUTPUT]\n    name forward\n    match *\n    port %d\n    require_ack_response on\n    net.connect_timeout 5\n", port)
	for _, key := range output1 {
		conf += "    " + key + "\n"
	}
	s.configure(conf)
	c.second.Configure(strings.ReplaceAll(service+service2, "DIR", c.second.Dir) + toStdout + fmt.Sprintf("[INPUT]\n    name forward\n    listen 127.0.0.1\n    port %d\n%s", port, input2))
	return c
}

// arrived waits until the second agent has printed all that was written.
func (c *chain) arrived() {
	c.t.Helper()
	c.Continue()
	c.second.Continue()
	c.second.Unblock()
	c.Finish()
	c.second.Until(fmt.Sprintf("all %d lines", c.Next), func() bool { return c.second.Tally.Distinct() >= c.Next })
}

// again ends one of the agents by kill -9, or now and then in an orderly manner, and starts it anew.
func (c *chain) again() {
	c.t.Helper()
	a := c.Agent
	if c.rnd.IntN(2) == 0 {
		a = c.second
	}
	if a.Continue(); c.rnd.IntN(4) == 0 {
		c.second.Unblock()
		a.Terminate()
	} else {
		a.Kill()
	}
	c.Write(c.rnd.IntN(100))
	a.Start()
}

// hold pauses one of the agents, has nobody read what the second prints, or ends one of these.
func (c *chain) hold() {
	switch {
	case c.Stopped():
		c.Continue()
	case c.second.Stopped():
		c.second.Continue()
	case c.second.Blocked():
		c.second.Unblock()
	case c.rnd.IntN(3) == 0:
		c.Stop()
	case c.rnd.IntN(2) == 0:
		c.second.Stop()
	default:
		c.second.Block()
	}
}

// end waits for all lines, ends both agents, and reports.
func (c *chain) end() {
	c.t.Helper()
	c.arrived()
	c.held()
	c.Terminate()
	c.second.Terminate()
	c.second.Close()
	r := c.second.Tally.Of(c.Next)
	c.t.Logf("%d lines, %d MB; renamed %d times; agents killed %d and %d, terminated %d and %d, stopped %d and %d times, output blocked %d times; lost %d, duplicated %d; %.1f s",
		c.Next, c.Size/1e6, c.Renames, c.Kills, c.second.Kills, c.Terminations, c.second.Terminations, c.Stops, c.second.Stops, c.second.Blocks,
		len(r.Lost), r.Duplicated, time.Since(c.begin).Seconds())
	if len(r.Lost) > 0 {
		c.t.Errorf("lost, among others: %v", r.Lost[:min(20, len(r.Lost))])
	}
	if len(r.Strange) > 0 {
		c.t.Errorf("strange output: %q", r.Strange)
	}
}

// Two agents joined by forward with acknowledgements: a line counts as read in the first one's database when
// the second has it in files, or has delivered it.
func TestAChainOfAgentsLosesNothing(t *testing.T) {
	check := func(name string, port int, service2, input2 string, output1 ...string) {
		t.Run(name, func(t *testing.T) {
			c := newChain(t, port, service2, input2, output1...)
			c.second.Start()
			c.Start()
			c.play(lines(10_000, 200_000), c.again, c.again, c.hold, c.hold, c.rest, c.rename)
			c.end()
		})
	}
	check("memory", 21978, "", "")
	check("files", 21979, "    storage.path DIR/store\n", "    storage.type filesystem\n", "compress gzip")
}
