package builtin

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
	"github.com/fluent/fluent-bit-go/plugintest"
)

// inputLines configure each input with as little as it works with. DIR is a folder of the test's own with a
// file "list" of two lines, FREE a port that nobody listens on.
var inputLines = map[string][]string{
	"cpu":                     nil,
	"disk":                    nil,
	"dummy":                   {"rate 1000"},
	"exec":                    {"command echo x", "interval_sec 0", "interval_nsec 1000000"},
	"fluentbit_metrics":       {"scrape_on_start on"},
	"forward":                 {"listen 127.0.0.1", "port FREE"},
	"head":                    {"file DIR/list"},
	"health":                  {"host 127.0.0.1", "port 1"},
	"http":                    {"listen 127.0.0.1", "port FREE"},
	"mem":                     nil,
	"mqtt":                    {"listen 127.0.0.1", "port FREE"},
	"netif":                   {"interface lo"},
	"node_exporter_metrics":   nil,
	"proc":                    {"proc_name no such process"},
	"prometheus_remote_write": {"listen 127.0.0.1", "port FREE"},
	"prometheus_scrape":       {"host 127.0.0.1", "port 1"},
	"prometheus_textfile":     {"path DIR/list"},
	"random":                  nil,
	"statsd":                  {"listen 127.0.0.1", "port FREE"},
	"stdin":                   nil,
	"syslog":                  {"mode tcp", "parser text", "listen 127.0.0.1", "port FREE"},
	"tail":                    {"path DIR/list", "read_from_head on"},
	"tcp":                     {"listen 127.0.0.1", "port FREE"},
	"udp":                     {"listen 127.0.0.1", "port FREE"},
}

// outputLines configure each output in the same way; what most of them deliver to refuses them.
var outputLines = map[string][]string{
	"counter":                 nil,
	"exit":                    {"record_count 1"},
	"file":                    {"path DIR", "file out"},
	"flowcounter":             nil,
	"forward":                 {"host 127.0.0.1", "port 1"},
	"gelf":                    {"host 127.0.0.1", "port 1", "mode tcp", "gelf_short_message_key log"},
	"http":                    {"host 127.0.0.1", "port 1"},
	"null":                    nil,
	"plot":                    {"key log", "file DIR/plot"},
	"prometheus_exporter":     {"host 127.0.0.1", "port FREE"},
	"prometheus_remote_write": {"host 127.0.0.1", "port 1"},
	"stdout":                  nil,
	"syslog":                  {"host 127.0.0.1", "port 1", "mode tcp", "syslog_message_key log"},
	"tcp":                     {"host 127.0.0.1", "port 1"},
	"udp":                     {"host 127.0.0.1", "port 1"},
	"websocket":               {"host 127.0.0.1", "port 1"},
}

// surrounded returns the configuration of a plugin, with what it needs around it.
func surrounded(t *testing.T, lines map[string][]string, name string) []string {
	t.Helper()
	own, known := lines[name]
	if !known {
		t.Fatal("this plugin is not checked: give it a line in the map")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	free := freePort(t)
	all := make([]string, len(own))
	for i, line := range own {
		all[i] = strings.NewReplacer("DIR", dir, "FREE", free).Replace(line)
	}
	return all
}

// freePort returns a port that nobody listens on. It is none that the system gives to others by itself, as it
// would between now and the plugin's Start.
func freePort(t *testing.T) string {
	t.Helper()
	for port := 20100; port < 20200; port++ {
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			l.Close()
			return fmt.Sprint(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// closing returns the port of a server that reads a little from each client and hangs up.
func closing(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 512))
			c.Close()
		}
	})
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// silent has the process write to nowhere and read nothing, until the test ends.
func silent(t *testing.T) {
	t.Helper()
	nowhere, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, out := os.Stdin, os.Stdout
	os.Stdin, os.Stdout = nowhere, nowhere
	t.Cleanup(func() {
		os.Stdin, os.Stdout = in, out
		nowhere.Close()
	})
}

// lendAll gives plugins what the host of package plugintest has not: parsers, and metrics of an agent.
func lendAll(env *plugin.Env) {
	env.Agent = func() (s metric.Set) {
		env.Metrics.Counter("things_total", "Things.").Inc()
		env.Metrics.Collect(&s, time.Unix(1700000000, 0))
		return s
	}
	env.Parser = func(string) (plugin.Parser, bool) { return textParser{}, true }
	env.Multiline = multiline.NewSet(0).Use
}

func TestInputsConform(t *testing.T) {
	for _, spec := range Plugins().Inputs {
		t.Run(spec.Name, func(t *testing.T) {
			silent(t)
			lines := surrounded(t, inputLines, spec.Name)
			plugintest.Conform(t, filtertest.With(spec, lendAll), lines...)
		})
	}
}

func TestOutputsConform(t *testing.T) {
	for _, spec := range Plugins().Outputs {
		t.Run(spec.Name, func(t *testing.T) {
			silent(t)
			lines := surrounded(t, outputLines, spec.Name)
			spec = filtertest.With(spec, lendAll)
			plugintest.Conform(t, spec, lines...)
			if i := slices.Index(lines, "port 1"); i >= 0 {
				lines[i] = "port " + closing(t)
				t.Run("hung up on", func(t *testing.T) { plugintest.Conform(t, spec, lines...) })
			}
		})
	}
}
