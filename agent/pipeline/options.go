package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
)

// common are the settings that every instance has.
type common struct {
	alias    string
	level    slog.Level
	hasLevel bool
	suppress time.Duration
	active   bool
}

func (c *common) options() []option.Option {
	return []option.Option{
		option.String("alias", &c.alias).Help("Name of the instance in logs and metrics, instead of plugin.N."),
		option.Var("log_level", "string", &c.level, func(s string) (slog.Level, error) {
			c.hasLevel = true
			return logger.ParseLevel(s)
		}).Help("Log level of this instance: off, error, warn, info, debug or trace. Without it the service's."),
		option.Var("log_suppress_interval", "time", &c.suppress, option.AtLeast(option.ParseDuration, 0)).Default("0").Help("Hide a log line that repeats itself within this time."),
		option.Switch("active", &c.active).Default("true").Help("off: a filter or processor is checked but not used. Inputs and outputs cannot be switched off."),
	}
}

// matching are the settings of what takes records by tag.
type matching struct {
	match      string
	matchRegex *regex.Regexp
}

func (m *matching) options() []option.Option {
	opts := option.Ordered("string", m.set, "match", "match_regex")
	return []option.Option{
		opts[0].Help("Which tags to take; * stands for any run of characters."),
		opts[1].Help("Which tags to take, as a regular expression that has to hit the tag's beginning. With match, either is enough."),
	}
}

// set takes one of the two; of a list, as of a key that is repeated, the last item counts.
func (m *matching) set(key string, v option.Value) (err error) {
	switch {
	case v.Kind == option.KindMap || v.Kind == option.KindList:
		return errors.New("takes one pattern, not a map")
	case strings.EqualFold(key, "match"):
		m.match = v.Text
	default:
		m.matchRegex, err = regex.Compile(v.Text)
	}
	return err
}

// inputSettings are the settings that every input has.
type inputSettings struct {
	common
	tag            string
	routable       bool
	memBufLimit    int64
	storage        string
	pauseOverlimit bool
	threaded       bool
	ignoredInt     int
	rate           rateSettings
	tagRecords     *bool // nil: as the service says
	processors     []option.Value
	routes         []option.Value
}

func (s *inputSettings) options() []option.Option {
	return append(append(s.common.options(), s.rate.options()...),
		option.String("tag", &s.tag).Help("Tag of the records; the instance's name when not given."),
		option.Switch("routable", &s.routable).Default("true").Help("off: records are counted and processed but go to no output."),
		option.Var("mem_buf_limit", "size", &s.memBufLimit, option.AtLeast(option.ParseSize, 0)).Default("0").Help("Pause the input while records that no output has taken yet need more memory than this; 0 for no limit."),
		option.Enum("storage.type", &s.storage, "memory", "filesystem", "memrb").Default("memory").Help("Where records wait for delivery: in memory, in files below the service's storage.path, which survive the end of the agent, or in memory where the oldest make room for the newest beyond mem_buf_limit."),
		option.Switch("storage.pause_on_chunks_overlimit", &s.pauseOverlimit).Default("false").Help("With file storage: pause the input while storage.max_chunks_up chunks wait, instead of going on with files alone."),
		option.Switch("threaded", &s.threaded).Default("false").Help("Taken for compatibility: every input runs on its own here."),
		option.Var("thread.ring_buffer.capacity", "integer", &s.ignoredInt, option.AtLeast(option.ParseInt, 1)).Default("1024").Help("Taken for compatibility; there is no ring buffer."),
		option.Var("thread.ring_buffer.window", "integer", &s.ignoredInt, option.Between(option.ParseInt, 1, 100)).Default("5").Help("Taken for compatibility; there is no ring buffer."),
		option.Nested("telemetry", "nested", func(v option.Value) error { return config.DecodeTelemetry(v, &s.tagRecords) }).
			Help("metrics.logs.tag_records.enabled: count records by tag, or do not, whatever the service says (YAML only)."),
		option.Nested("processors", "nested", func(v option.Value) error { s.processors = append(s.processors, v); return nil }).
			Help("Processors for what this input brings, by signal (YAML only)."),
		option.Nested("routes", "nested", func(v option.Value) error { s.routes = append(s.routes, v); return nil }).
			Help("Which records go to which outputs, by signal (YAML only). The outputs need no match then."),
	)
}

// filterSettings are the settings that every filter has.
type filterSettings struct {
	common
	matching
}

func (s *filterSettings) options() []option.Option {
	return append(s.common.options(), s.matching.options()...)
}

// outputSettings are the settings that every output has.
type outputSettings struct {
	common
	matching
	retries    retryLimit
	workers    int
	totalLimit int64
	block      bool
	processors []option.Value
}

func (s *outputSettings) options() []option.Option {
	return append(append(s.common.options(), s.matching.options()...),
		option.Var("retry_limit", "string", &s.retries, parseRetryLimit).Default("no_limits").
			Help("How often a chunk is tried again after its first failure: a number, no_limits or no_retries."),
		option.Int("workers", &s.workers).Default("0").Help("How many chunks may be delivered at the same time; 0 for the plugin's own number."),
		option.Var("storage.total_limit_size", "size", &s.totalLimit, func(t string) (int64, error) {
			if strings.EqualFold(t, "off") {
				return 0, nil
			}
			return option.AtLeast(option.ParseSize, 0)(t)
		}).Default("0").Help("How many bytes may wait for this output; beyond it storage.full_action says what happens. 0 or off for no limit of its own."),
		fullAction(&s.block),
		option.Nested("processors", "nested", func(v option.Value) error { s.processors = append(s.processors, v); return nil }).
			Help("Processors for what this output delivers, by signal (YAML only)."),
	)
}

func fullAction(block *bool) option.Option {
	o := option.Var("storage.full_action", "string", block, func(t string) (bool, error) {
		switch strings.ToLower(t) {
		case "block":
			return true, nil
		case "drop_oldest":
			return false, nil
		}
		return false, errors.New("is neither drop_oldest nor block")
	}).Default("drop_oldest").
		Help("What happens when storage.total_limit_size or the whole memory and spill are used up: drop_oldest gives up the oldest chunks, block lets the inputs wait.")
	o.Choices = []string{"drop_oldest", "block"}
	return o
}

// retryLimit is how many retries follow the first attempt; negative for no limit.
type retryLimit int

const unlimited retryLimit = -1

func parseRetryLimit(s string) (retryLimit, error) {
	switch strings.ToLower(s) {
	case "no_limits", "false", "off":
		return unlimited, nil
	case "no_retries":
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("is no retry limit (a number from 1, no_limits or no_retries)")
	}
	return retryLimit(max(1, n)), nil // what is below 1 is warned about
}

// network are the keys of listeners and clients. The C agent takes them on any input and output, so they are
// no unknown keys, whoever reads them. A plugin that declares one of a group knows the whole group.
func network(kind string, own []option.Option) []option.Option {
	var all, opts []option.Option
	switch kind {
	case "input":
		all = append(new(listen.Settings).Options(), new(upstream.Net).Options()...)
	case "output":
		all = new(upstream.Settings).Options()
		opts = append(opts, option.Rest("_debug.http.", new([]option.Property)))
	default:
		return nil
	}
	for _, o := range append(all, option.Switch("ipv6", new(bool))) {
		group, _, _ := strings.Cut(o.Name, ".")
		declared := func(o option.Option) bool { return o.Name == group || strings.HasPrefix(o.Name, group+".") }
		if !slices.ContainsFunc(own, declared) {
			opts = append(opts, option.Strings(o.Name, new([]string)))
		}
	}
	return opts
}

// Common returns the options that every plugin of a kind has beside its own, for help and schema.
func Common(kind string) []option.Option {
	switch kind {
	case "input":
		return new(inputSettings).options()
	case "output":
		return new(outputSettings).options()
	case "custom", "processor":
		return new(common).options()
	}
	return new(filterSettings).options()
}
