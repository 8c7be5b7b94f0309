// Package sysinfo is the filter sysinfo: it adds facts about the machine to records.
package sysinfo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
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
	{"os_version_key", "The key for the build of the kernel, as uname -v prints it.",
		func(root string) (string, error) { return kernelFile(root, "version") }},
	{"kernel_version_key", "The key for the release of the kernel, as uname -r prints it.",
		func(root string) (string, error) { return kernelFile(root, "osrelease") }},
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

// Start reads the facts. One that cannot be read becomes "unknown".
func (f *filter) Start(context.Context) error {
	f.add = nil
	for i, fact := range facts {
		if f.keys[i] == "" {
			continue
		}
		text, err := fact.read(f.root)
		if err != nil {
			f.log.Warn(fmt.Sprintf("%s stays unknown: %v", fact.option, err))
			text = "unknown"
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

// kernelFile reads a file of /proc/sys/kernel; see proc_sys_kernel(5).
func kernelFile(root, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "proc/sys/kernel", name))
	return strings.TrimSpace(string(text)), err
}
