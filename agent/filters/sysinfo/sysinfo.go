// Package sysinfo is the filter sysinfo: it adds facts about the machine to records.
package sysinfo

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/version"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter sysinfo.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "sysinfo",
	Summary: "Add facts about the machine to records",
	Config:  func() plugin.Config[plugin.Filter] { return &config{root: "/"} },
}

// facts are what can be asked for, in the order in which they are added.
var facts = []struct {
	option, help string
	read         func(root string) (string, error)
}{
	{"fluentbit_version_key", "The key for the version of Fluent Bit whose behaviour this agent has.",
		func(string) (string, error) { return version.FluentBit, nil }},
	{"os_name_key", "The key for the operating system: linux.",
		func(string) (string, error) { return runtime.GOOS, nil }},
	{"hostname_key", "The key for the name of the host.",
		func(string) (string, error) { return os.Hostname() }},
	{"os_version_key", "The key for the distribution and its version, as /etc/os-release has it.", osVersion},
	{"kernel_version_key", "The key for the release of the kernel.", kernelVersion},
}

type config struct {
	root string    // of the file system
	keys [5]string // in the order of facts
}

func (c *config) Options() []option.Option {
	var opts []option.Option
	for i, f := range facts {
		opts = append(opts, option.String(f.option, &c.keys[i]).Help(f.help+" Nothing is added when it is not set."))
	}
	return opts
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	return &filter{config: *c, log: env.Log}, nil
}

type filter struct {
	config
	log    *slog.Logger
	add    []event.Field
	fields []event.Field // of the record in hand; kept for its memory
}

// Start reads the facts. One that cannot be read is left out.
func (f *filter) Start(context.Context) error {
	f.add = nil
	for i, fact := range facts {
		if f.keys[i] == "" {
			continue
		}
		text, err := fact.read(f.root)
		if err != nil {
			f.log.Warn(fmt.Sprintf("%s is not added: %v", fact.option, err))
			continue
		}
		f.add = append(f.add, event.Field{Key: event.AppendStr(nil, f.keys[i]), Val: event.AppendStr(nil, text)})
	}
	return nil
}

// Filter adds the facts at the end of each record.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	if len(f.add) == 0 {
		return nil
	}
	for e := range b.Edit() {
		f.fields = append(event.AppendFields(f.fields[:0], e.Body()), f.add...)
		e.SetFields(f.fields)
	}
	return nil
}

// osVersion returns the distribution's name in full; see os-release(5).
func osVersion(root string) (string, error) {
	path := filepath.Join(root, "etc/os-release")
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	name := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if key != "PRETTY_NAME" {
			continue
		}
		if name, err = strconv.Unquote(value); err != nil {
			name = strings.Trim(value, `"'`)
		}
	}
	if name == "" {
		return "", fmt.Errorf("%s has no PRETTY_NAME", path)
	}
	return name, nil
}

func kernelVersion(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "proc/sys/kernel/osrelease"))
	return strings.TrimSpace(string(text)), err
}
