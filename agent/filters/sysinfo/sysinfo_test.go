package sysinfo

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/plugin"
)

// machine makes a file system of the given files.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// started builds the filter for a machine and returns it with its log.
func started(t *testing.T, root string, conf ...string) (*filter, *bytes.Buffer) {
	t.Helper()
	p, err := filtertest.Build(Plugin, filtertest.Properties(conf...))
	if err != nil {
		t.Fatal(err)
	}
	f, text := p.(*filter), new(bytes.Buffer)
	f.root, f.log = root, slog.New(slog.NewTextHandler(text, nil))
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return f, text
}

func filtered(t *testing.T, f plugin.Filter, line string) string {
	t.Helper()
	b := filtertest.Batch(t, line)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(filtertest.Lines(b), "\n")
}

func TestFactsAreAddedUnderTheKeysAskedFor(t *testing.T) {
	root := machine(t, map[string]string{
		"proc/sys/kernel/version":   "#1 SMP sample\n",
		"proc/sys/kernel/osrelease": "6.1.0-sample\n",
	})
	f, log := started(t, root, "kernel_version_key kernel", "os_version_key ver", "os_name_key os", "fluentbit_version_key fb")
	if got, want := filtered(t, f, `{"a":1}`), `{"a":1,"fb":"5.1.1","os":"linux","ver":"#1 SMP sample","kernel":"6.1.0-sample"}`; got != want || log.Len() > 0 {
		t.Errorf("got %s, want %s; log: %s", got, want, log)
	}
}

func TestTheHostHasAName(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := started(t, "/", "hostname_key h")
	if got, want := filtered(t, f, `{}`), `{"h":"`+host+`"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	f, log := started(t, t.TempDir(), "kernel_version_key k", "os_version_key v", "os_name_key os")
	if got := filtered(t, f, `{"a":1}`); got != `{"a":1,"os":"linux","v":"unknown","k":"unknown"}` {
		t.Error(got)
	}
	for _, want := range []string{"kernel_version_key stays unknown: open ", "os_version_key stays unknown: open "} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
}

func TestNothingToAddCostsNothing(t *testing.T) {
	if n := filtertest.Allocs(t, Plugin, nil, `{"a":1}`); n > 0.1 {
		t.Errorf("%v allocations per record", n)
	}
}
