package netif

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

const head = "Inter-|   Receive  |  Transmit\n face |bytes    packets|bytes    packets\n"

func procfs(t *testing.T) (root string, write func(text string)) {
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "net"), 0o777); err != nil {
		t.Fatal(err)
	}
	return root, func(text string) {
		if err := os.WriteFile(filepath.Join(root, "net/dev"), []byte(head+text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordsHoldTheTrafficSinceTheLastSample(t *testing.T) {
	check := func(name string, settings []string, want ...string) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, write := procfs(t)
				ctx, stop := context.WithCancel(t.Context())
				write("  eth0:100 2 3 4 5 6 7 8 200 10 11 12 13 14 15 16\n eth01: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n")
				k := inputtest.New()
				run := k.Start(t, ctx, &config{root: root}, append(settings, "interface", "eth0")...)
				done := make(chan error)
				go func() { done <- run() }()
				time.Sleep(time.Second / 2) // write between the samples
				for _, text := range []string{
					" eth01: 99 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n  eth0: 101 4 6 8 10 12 14 16 209 20 22 24 26 28 30 32\n",
					"    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
					"  eth0: 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5\n",
					"  eth0: 6 4 5 5 5 5 5 5 5 5 5 5 5 5 5 5\n",
				} {
					write(text)
					time.Sleep(time.Second)
				}
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
				k.Want(t, want...)
				if !strings.Contains(k.Log(), "there is no interface eth0") {
					t.Errorf("its absence is not in the log:\n%s", k.Log())
				}
			})
		})
	}
	check("six keys", nil,
		`{"eth0.rx.bytes":1,"eth0.rx.packets":2,"eth0.rx.errors":3,"eth0.tx.bytes":9,"eth0.tx.packets":10,"eth0.tx.errors":11}`,
		`{"eth0.rx.bytes":1,"eth0.rx.packets":4,"eth0.rx.errors":0,"eth0.tx.bytes":0,"eth0.tx.packets":0,"eth0.tx.errors":0}`)
	check("verbose", []string{"verbose", "on"},
		`{"eth0.rx.bytes":1,"eth0.rx.packets":2,"eth0.rx.errors":3,"eth0.rx.drop":4,"eth0.rx.fifo":5,"eth0.rx.frame":6,"eth0.rx.compressed":7,"eth0.rx.multicast":8,"eth0.tx.bytes":9,"eth0.tx.packets":10,"eth0.tx.errors":11,"eth0.tx.drop":12,"eth0.tx.fifo":13,"eth0.tx.collisions":14,"eth0.tx.carrier":15,"eth0.tx.compressepd":16}`,
		`{"eth0.rx.bytes":1,"eth0.rx.packets":4,"eth0.rx.errors":0,"eth0.rx.drop":0,"eth0.rx.fifo":0,"eth0.rx.frame":0,"eth0.rx.compressed":0,"eth0.rx.multicast":0,"eth0.tx.bytes":0,"eth0.tx.packets":0,"eth0.tx.errors":0,"eth0.tx.drop":0,"eth0.tx.fifo":0,"eth0.tx.collisions":0,"eth0.tx.carrier":0,"eth0.tx.compressepd":0}`)
}

func TestAbsentInterfaceFailsTheStartWhenAsked(t *testing.T) {
	root, write := procfs(t)
	write("    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n")
	for setting, fails := range map[string]bool{"on": true, "off": false} {
		in, err := inputtest.New().Build(&config{root: root}, "interface", "eth0", "test_at_init", setting)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.(*input).Start(t.Context()); (err != nil) != fails {
			t.Errorf("test_at_init %s: got %v", setting, err)
		}
	}
}

func TestInterfaceMustBeNamed(t *testing.T) {
	for want, settings := range map[string][]string{
		"test.conf: the property 'interface' is missing": nil,
		"test.conf:1:1: interface: the name is empty":    {"interface", ""},
	} {
		if _, err := inputtest.New().Build(&config{}, settings...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}

func TestRealProcfsIsUnderstood(t *testing.T) {
	data, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		t.Skip(err)
	}
	if _, err := parseDev(data, "lo"); err != nil {
		t.Error(err)
	}
}

func FuzzDev(f *testing.F) {
	f.Add([]byte(head+"  eth0:100 2 3 4 5 6 7 8 200 10 11 12 13 14 15 16\n"), "eth0")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if _, err := parseDev(data, name); err == nil && !strings.Contains(string(data), name) {
			t.Errorf("found %q where it is not", name)
		}
	})
}
