package cmd

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/option"
)

// commandLine is what the arguments ask for.
type commandLine struct {
	// Show is something to print in place of running, and ends the reading of options where it stands.
	Show show
	Of   pluginName // of showPluginHelp and showPluginSchema

	ConfigFile  string   // -c
	WorkDir     string   // -w
	ParserFiles []string // -R, in their order
	DryRun      bool     // -D
	Quiet       bool     // -q: no banner
	Supervisor  bool     // --supervisor
	SOSReport   bool     // -S

	// Tree holds plugin files (-e), plugin sections and stream tasks in their order, and as service
	// properties all options that have a service key: a configuration file, applied later, overrides them.
	// Variables in values are not replaced yet.
	Tree config.Tree

	Trace traceOptions // --trace…

	verbosity int
	last      *config.Section // where -p, -m and -t go
	lastHelp  pluginName      // what -h and -J after it explain
}

type show uint8

const (
	showNothing show = iota
	showHelp
	showPluginHelp
	showSchema
	showPluginSchema
	showVersion
)

// pluginName names a plugin by its kind (input, filter, output, custom, processor) and name, as written.
type pluginName struct{ Kind, Name string }

// traceOptions ask for a chunk trace from the start on.
type traceOptions struct {
	Input, Output string
	Props         []option.Property // of the output
}

var onCommandLine = option.Pos{File: "command line"}

// parseArgs reads the arguments behind the program's name. An error is an [unknownOption], an [*option.Error],
// or says by itself which option was wrong.
func parseArgs(args []string) (commandLine, error) {
	var c commandLine
	rest, err := getopt(flags(), args, func(g given) (bool, error) {
		err := g.flag.apply(&c, g)
		return c.Show == showNothing, err
	})
	for _, word := range rest {
		cure := "quote values that contain blanks"
		if word == args[0] { // subcommands come first
			cure = cmp.Or(option.Suggest(word, []string{"plugin", "build", "dlq"}), "fluent-bit -h lists options and subcommands")
		}
		c.warn(fmt.Sprintf("'%s' is no option and was ignored", word), cure)
	}
	return c, err
}

// flags lists the options in the order in which the help shows them.
func flags() []flag {
	return []flag{
		{'b', []string{"storage_path"}, "PATH", "keep buffered data below this folder", service("storage.path")},
		{'c', []string{"config"}, "FILE", "specify an optional configuration file", func(c *commandLine, g given) error {
			c.ConfigFile = g.arg
			return nil
		}},
		{'d', []string{"daemon"}, "", "run in the background", serviceIs("daemon", "on")},
		{'D', []string{"dry-run"}, "", "check the configuration and end", func(c *commandLine, _ given) error {
			c.DryRun = true
			return nil
		}},
		{'f', []string{"flush"}, "SECONDS", "deliver what was collected this often (default: 1)", flush},
		{'C', []string{"custom"}, "CUSTOM", "add a custom plugin", section("custom")},
		{'i', []string{"input"}, "INPUT", "add an input", section("input")},
		{'F', []string{"filter"}, "FILTER", "add a filter", section("filter")},
		{'m', []string{"match"}, "MATCH", "the tags that the last filter or output takes, as -p match=...", match},
		{'o', []string{"output"}, "OUTPUT", "add an output", section("output")},
		{'p', []string{"prop"}, `"A=B"`, "set a property of the last plugin", prop},
		{'R', []string{"parser"}, "FILE", "read parsers from this file", func(c *commandLine, g given) error {
			c.ParserFiles = append(c.ParserFiles, g.arg)
			return nil
		}},
		{'e', []string{"plugin"}, "FILE", "load an external plugin (shared lib)", func(c *commandLine, g given) error {
			c.Tree.Plugins = append(c.Tree.Plugins, config.PluginFile{Path: g.arg, Pos: onCommandLine})
			return nil
		}},
		{'r', []string{"processor"}, "PROCESSOR", "name a processor, for -h and -J behind it", processor},
		{'l', []string{"log_file"}, "FILE", "write the log to this file", service("log_file")},
		{'t', []string{"tag"}, "TAG", "the tag of the last plugin, as -p tag=...", tag},
		{'T', []string{"sp-task"}, "SQL", "add a stream processor task", streamTask},
		{'v', []string{"verbose"}, "", "log more; -vv logs more still", verbose},
		{0, []string{"trace"}, `"A=B C=D"`, "trace an input's chunks: input=..., output=..., output.KEY=...", trace},
		{0, []string{"trace-input"}, "INPUT", "the input whose chunks are traced", func(c *commandLine, g given) error {
			c.Trace.Input = g.arg
			return nil
		}},
		{0, []string{"trace-output"}, "OUTPUT", "the output that gets the trace (default: stdout)", func(c *commandLine, g given) error {
			c.Trace.Output = g.arg
			return nil
		}},
		{0, []string{"trace-output-property"}, `"A=B"`, "set a property of the trace's output", traceProp},
		{'Z', []string{"enable-chunk-trace"}, "", "let chunks be traced", serviceIs("enable_chunk_trace", "on")},
		{'w', []string{"workdir"}, "PATH", "change to this folder first", func(c *commandLine, g given) error {
			c.WorkDir = g.arg
			return nil
		}},
		{'H', []string{"http", "http_server"}, "", "serve health and metrics over HTTP", serviceIs("http_server", "on")},
		{'L', []string{"http_listen"}, "ADDR", "the HTTP server's address (default: 0.0.0.0)", service("http_listen")},
		{'P', []string{"port", "http_port"}, "PORT", "the HTTP server's port (default: 2020)", service("http_port")},
		{'s', []string{"coro_stack_size"}, "BYTES", "accepted for compatibility; goroutines size their stacks", coroStack},
		{'q', []string{"quiet"}, "", "no log and no banner", func(c *commandLine, _ given) error {
			c.Quiet = true
			c.service("log_level", "off")
			return nil
		}},
		{'S', []string{"sosreport"}, "", "start, print a report for support, and end", func(c *commandLine, _ given) error {
			c.SOSReport = true
			return nil
		}},
		{'Y', []string{"enable-hot-reload"}, "", "reload on SIGHUP and over HTTP", serviceIs("hot_reload", "on")},
		{'W', []string{"disable-thread-safety-on-hot-reload"}, "", "accepted for compatibility; reloads are always safe", serviceIs("hot_reload.ensure_thread_safety", "off")},
		{0, []string{"enable-fips"}, "", "use only cryptography that FIPS 140 approves", serviceIs("security.fips_mode", "on")},
		{0, []string{"supervisor"}, "", "run below a process that starts the agent anew when it dies", func(c *commandLine, _ given) error {
			c.Supervisor = true
			return nil
		}},
		{'V', []string{"version"}, "", "print the version and end", func(c *commandLine, _ given) error {
			c.Show = showVersion
			return nil
		}},
		{'J', []string{"help-json"}, "", "describe all plugins, or the last one, as JSON", shown(showSchema, showPluginSchema)},
		{'h', []string{"help"}, "", "print this help, or the last plugin's", shown(showHelp, showPluginHelp)},
	}
}

func (c *commandLine) service(key, value string) {
	c.Tree.Service = append(c.Tree.Service, property(key, value))
}

func (c *commandLine) warn(msg, cure string) {
	c.Tree.Warnings = append(c.Tree.Warnings, &option.Error{Pos: onCommandLine, Msg: msg, Cure: cure})
}

func property(key, value string) option.Property {
	v := option.Value{Kind: option.KindText, Text: strings.TrimSpace(value), Pos: onCommandLine}
	return option.Property{Key: strings.ToLower(key), Value: v, Pos: onCommandLine}
}

func faulty(g given, why, cure string) error {
	return &option.Error{Pos: onCommandLine, Msg: g.as + " " + g.arg + ": " + why, Cure: cure}
}

func service(key string) func(*commandLine, given) error {
	return func(c *commandLine, g given) error {
		c.service(key, g.arg)
		return nil
	}
}

func serviceIs(key, value string) func(*commandLine, given) error {
	return func(c *commandLine, _ given) error {
		c.service(key, value)
		return nil
	}
}

func flush(c *commandLine, g given) error {
	if d, err := option.ParseDuration(g.arg); err != nil || d <= 0 {
		return faulty(g, "invalid flush value", "give a number of seconds above 0, such as 1 or 0.2")
	}
	c.service("flush", g.arg)
	return nil
}

func coroStack(c *commandLine, g given) error {
	if n, err := option.ParseSize(g.arg); err != nil || n < int64(os.Getpagesize()) {
		return faulty(g, "invalid coroutine stack size", fmt.Sprintf("give at least a memory page, %d bytes", os.Getpagesize()))
	}
	c.service("coro_stack_size", g.arg)
	return nil
}

func verbose(c *commandLine, _ given) error {
	c.verbosity++
	level := "debug"
	if c.verbosity > 1 {
		level = "trace"
	}
	c.service("log_level", level)
	return nil
}

func shown(alone, ofPlugin show) func(*commandLine, given) error {
	return func(c *commandLine, _ given) error {
		c.Show, c.Of = alone, c.lastHelp
		if c.Of != (pluginName{}) {
			c.Show = ofPlugin
		}
		return nil
	}
}

// section opens a section that the -p, -m and -t behind it fill.
func section(kind string) func(*commandLine, given) error {
	return func(c *commandLine, g given) error {
		if g.arg == "" {
			return faulty(g, "names no "+kind, "")
		}
		list := map[string]*[]config.Section{
			"custom": &c.Tree.Customs, "input": &c.Tree.Inputs, "filter": &c.Tree.Filters, "output": &c.Tree.Outputs,
		}[kind]
		*list = append(*list, config.Section{Kind: kind, Name: g.arg, Pos: onCommandLine})
		c.last = &(*list)[len(*list)-1]
		c.lastHelp = pluginName{kind, g.arg}
		return nil
	}
}

func processor(c *commandLine, g given) error {
	c.last = nil
	c.lastHelp = pluginName{"processor", g.arg}
	return nil
}

// set gives the last plugin a property.
func (c *commandLine) set(g given, key, value string) error {
	switch {
	case c.last == nil && c.lastHelp.Kind == "processor":
		return faulty(g, "a processor cannot be set up on the command line", "use a YAML file")
	case c.last == nil:
		return faulty(g, "there is no plugin before "+g.as+" that it could belong to", "put it after -i, -F, -o or -C")
	}
	c.last.Props = append(c.last.Props, property(key, value))
	return nil
}

func prop(c *commandLine, g given) error {
	p, err := keyValue(g, g.arg)
	if err != nil {
		return err
	}
	return c.set(g, p.Key, p.Value.Text)
}

func keyValue(g given, s string) (option.Property, error) {
	key, value, ok := strings.Cut(s, "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		return option.Property{}, faulty(g, "is not of the form KEY=VALUE", "")
	}
	return property(key, value), nil
}

func tag(c *commandLine, g given) error { return c.set(g, "tag", g.arg) }

func match(c *commandLine, g given) error {
	if c.last != nil && (c.last.Kind == "input" || c.last.Kind == "custom") {
		c.warn(fmt.Sprintf("%s %s has no effect on the %s %s", g.as, g.arg, c.last.Kind, c.last.Name), "put it after -F or -o")
		return nil
	}
	return c.set(g, "match", g.arg)
}

func streamTask(c *commandLine, g given) error {
	s := config.Section{Kind: "stream_task", Pos: onCommandLine, Props: []option.Property{property("exec", g.arg)}}
	s.Name = fmt.Sprintf("flb-console:%d", len(c.Tree.StreamTasks))
	c.Tree.StreamTasks = append(c.Tree.StreamTasks, s)
	return nil
}

func trace(c *commandLine, g given) error {
	for word := range strings.FieldsSeq(g.arg) {
		p, err := keyValue(g, word)
		if err != nil {
			return err
		}
		key, ofOutput := strings.CutPrefix(p.Key, "output.")
		switch {
		case ofOutput && key != "":
			c.Trace.Props = append(c.Trace.Props, property(key, p.Value.Text))
		case p.Key == "input":
			c.Trace.Input = p.Value.Text
		case p.Key == "output":
			c.Trace.Output = p.Value.Text
		default:
			return faulty(g, "unknown key '"+p.Key+"'", "take input, output or output.KEY")
		}
	}
	return nil
}

func traceProp(c *commandLine, g given) error {
	p, err := keyValue(g, g.arg)
	c.Trace.Props = append(c.Trace.Props, p)
	return err
}
