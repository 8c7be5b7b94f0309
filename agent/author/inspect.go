package author

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fluent/fluent-bit-go/agent/worker"
	"github.com/fluent/fluent-bit-go/event"
)

// inspect tells what a plugin file is.
func (t *Tools) inspect(ctx context.Context, args []string) error {
	f := t.flags("plugin inspect", "FILE", "Tell what a plugin file is, what it was built with, what it needs of the machine, and what will not work.")
	if err := parse(f, args, 1, 1); err != nil {
		return err
	}
	file := f.Arg(0)
	w := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", key, value)
		}
	}
	line("file", file)
	var notes []string
	if st, err := os.Stat(file); err == nil {
		line("size", fmt.Sprintf("%.1f MB", float64(st.Size())/1e6))
	}
	describeELF(file, line)
	describeBuild(file, line)
	info, err := worker.Probe(ctx, file)
	if err != nil {
		line("verdict", "this agent cannot load it")
		_ = w.Flush() // the error below says more
		return err
	}
	line("plugin", fmt.Sprintf("%s '%s'", info.Type, info.Name))
	line("description", info.Description)
	line("takes", kindsOf(info))
	api := "classic"
	if info.Typed != nil {
		api = "package plugin"
		if info.Type == worker.Filter {
			notes = append(notes, "the C Fluent Bit knows no filters in Go and refuses it")
		}
	} else {
		line("records as", map[worker.EventFormat]string{worker.V1: "[time, body]", worker.V2: "[[time, metadata], body]"}[info.EventFormat])
		if info.EventFormat == worker.V1 {
			notes = append(notes, "its SDK is older than metadata of records, which it will not see")
		}
		if len(info.ConfigKeys) == 0 {
			notes = append(notes, "it declares no properties, so that misspelt keys are only warned about, and only after its Init")
		}
	}
	line("API", api)
	line("options", strings.Join(optionsOf(info), ", "))
	if info.Executable {
		notes = append(notes, "an executable runs in this project's agent only")
	}
	line("verdict", "this agent can load it: fluent-bit -e "+file)
	for _, n := range notes {
		line("note", n)
	}
	return w.Flush()
}

func kindsOf(i worker.Info) string {
	var list []string
	for _, k := range []struct {
		kind event.Kinds
		name string
	}{{event.Logs, "logs"}, {event.Metrics, "metrics"}, {event.Traces, "traces"}} {
		if i.Kinds().Has(k.kind) {
			list = append(list, k.name)
		}
	}
	return strings.Join(list, ", ")
}

func optionsOf(i worker.Info) []string {
	if i.Typed == nil {
		return i.ConfigKeys
	}
	var list []string
	for _, o := range i.Typed.Options {
		name := o.Name
		if o.Needed {
			name += " (required)"
		}
		list = append(list, name)
	}
	return list
}

// describeELF tells what the dynamic linker will look for.
func describeELF(file string, line func(key, value string)) {
	f, err := elf.Open(file)
	if err != nil {
		return // the probe says it better
	}
	defer f.Close()
	line("machine", strings.TrimPrefix(f.Machine.String(), "EM_"))
	libs, _ := f.ImportedLibraries() // a static file has none
	if len(libs) == 0 {
		line("libraries", "none: it runs with any libc")
	} else {
		line("libraries", strings.Join(libs, ", "))
	}
	if v := newestGlibc(f); v != "" {
		line("glibc", v+" or newer")
	}
	var exports []string
	symbols, _ := f.DynamicSymbols()
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && strings.HasPrefix(s.Name, "FLBPlugin") {
			exports = append(exports, s.Name)
		}
	}
	slices.Sort(exports)
	line("exports", strings.Join(exports, " "))
}

// newestGlibc returns the newest version of glibc that a symbol asks for.
func newestGlibc(f *elf.File) string {
	symbols, _ := f.ImportedSymbols()
	var newest [2]int
	for _, s := range symbols {
		var v [2]int
		if n, _ := fmt.Sscanf(s.Version, "GLIBC_%d.%d", &v[0], &v[1]); n == 2 && slices.Compare(v[:], newest[:]) > 0 {
			newest = v
		}
	}
	if newest == [2]int{} {
		return ""
	}
	return fmt.Sprintf("%d.%d", newest[0], newest[1])
}

// describeBuild tells what Go wrote into the file.
func describeBuild(file string, line func(key, value string)) {
	b, err := buildinfo.ReadFile(file)
	if err != nil {
		line("built with", "unknown: not by Go, or stripped of its build information")
		return
	}
	line("built with", b.GoVersion)
	line("main", b.Path)
	for _, d := range b.Deps {
		if d.Path != "github.com/fluent/fluent-bit-go" {
			continue
		}
		v := d.Version
		if d.Replace != nil {
			v = strings.TrimSpace(d.Replace.Path + " " + d.Replace.Version)
		}
		line("SDK", v)
	}
	for _, s := range b.Settings {
		if s.Key == "-race" && s.Value == "true" {
			line("note", "it was built with the race detector, which makes it slow")
		}
	}
}
