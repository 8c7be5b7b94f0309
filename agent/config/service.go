package config

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

// Service is the whole agent's settings. The fields carry the names of the keys.
type Service struct {
	Flush         time.Duration
	FlushAdaptive FlushAdaptive
	Grace         time.Duration // negative: wait until all is delivered
	Daemon        bool
	LogFile       string // "" is standard error
	LogLevel      LogLevel

	ParsersFile []string
	PluginsFile []string
	StreamsFile []string

	HTTPServer bool
	HTTPListen string
	HTTPPort   int

	HealthCheck         bool
	HCErrorsCount       int
	HCRetryFailureCount int
	HCPeriod            time.Duration

	HotReload                   bool
	HotReloadEnsureThreadSafety bool
	HotReloadTimeout            time.Duration // 0: none

	CoroStackSize int64 // accepted; Go has no such thing
	SchedulerBase time.Duration
	SchedulerCap  time.Duration

	JSONConvertNaNToNull  bool
	JSONEscapeUnicode     bool
	SPConvertFromStrToNum bool
	MultilineBufferLimit  int64 // bytes
	DNSMode               string
	DNSResolver           string
	DNSPreferIPv4         bool
	DNSPreferIPv6         bool
	Storage               Storage
	EnableChunkTrace      bool
	SecurityFIPSMode      bool
	WindowsMaxStdio       int
	TagRecords            TagRecords
}

// FlushAdaptive is the group of keys flush.adaptive….
type FlushAdaptive struct {
	On                       bool
	MinInterval, MaxInterval time.Duration
	Low, Medium, High        float64 // percent of a full queue
	UpSteps, DownSteps       int
}

// Storage is the group of keys storage.….
type Storage struct {
	Path                      string // "" keeps all in memory
	Sync                      string // normal, full
	Checksum                  bool
	Metrics                   bool
	MaxChunksUp               int
	BacklogMemLimit           int64 // bytes
	BacklogFlushOnShutdown    bool
	DeleteIrrecoverableChunks bool
	TrimFiles                 bool
	Type                      string // of inputs without their own; "" is memory
	Inherit                   bool
	KeepRejected              bool
	RejectedPath              string
	RejectedLimit             int64 // bytes; 0: none
	MemoryBudget              int64 // bytes
	SpillLimit                int64 // bytes
}

// TagRecords is the nested group telemetry.metrics.logs.tag_records: counters of records by tag.
type TagRecords struct {
	Enabled      bool
	MaxSeries    int // tags beyond it are counted together
	MaxTagLength int // bytes
}

func (t *TagRecords) options() []option.Option {
	return []option.Option{
		option.Switch("enabled", &t.Enabled).Default("off"),
		atLeast("max_series", &t.MaxSeries, 1).Default("500"),
		atLeast("max_tag_length", &t.MaxTagLength, 1).Default("128"),
	}
}

// Decode reads the value of the service's key telemetry.
func (t *TagRecords) Decode(v option.Value) error { return telemetry(v, t.options()) }

// DecodeTelemetry reads the value of an input's key telemetry, which says no more than whether its records
// are counted by tag. on stays as it is when that is not said.
func DecodeTelemetry(v option.Value, on **bool) error {
	enabled := option.Var("enabled", "boolean", on, func(text string) (*bool, error) {
		b, err := option.ParseBool(text)
		return &b, err
	})
	return telemetry(v, []option.Option{enabled})
}

// telemetry decodes the keys of telemetry.metrics.logs.tag_records.
func telemetry(v option.Value, opts []option.Option) error {
	leaf := func(v option.Value) error { return within(v, opts) }
	logs := func(v option.Value) error {
		return within(v, []option.Option{option.Nested("tag_records", "nested", leaf)})
	}
	metrics := func(v option.Value) error { return within(v, []option.Option{option.Nested("logs", "nested", logs)}) }
	return within(v, []option.Option{option.Nested("metrics", "nested", metrics)})
}

// within decodes the keys of a nested map.
func within(v option.Value, opts []option.Option) error {
	if v.Kind != option.KindMap {
		return errors.New("is not a map")
	}
	return option.Decode(opts, v.Map, v.Pos)
}

// LogLevel is the least severe level that is logged.
type LogLevel string

var logLevels = []string{"off", "error", "warn", "info", "debug", "trace"}

// ParseLogLevel reads a level's name in any case; warning is another name for warn.
func ParseLogLevel(s string) (LogLevel, error) {
	level := strings.ToLower(strings.TrimSpace(s))
	if level == "warning" {
		level = "warn"
	}
	if !slices.Contains(logLevels, level) {
		return "", errors.New("is none of " + strings.Join(logLevels, ", "))
	}
	return LogLevel(level), nil
}

func logLevel(name string, l *LogLevel) option.Option {
	o := option.Var(name, "string", l, ParseLogLevel)
	o.Choices = logLevels
	return o
}

// ServiceOptions declares the keys of the service section; they fill s.
func ServiceOptions(s *Service) []option.Option {
	a, st := &s.FlushAdaptive, &s.Storage
	return []option.Option{
		positive("flush", &s.Flush).Default("1").
			Help("How often collected records go to the outputs, in seconds; fractions are fine."),
		option.Switch("flush.adaptive", &a.On).Default("off").
			Help("Flush more often when the queues of the outputs fill up."),
		positive("flush.min_interval", &a.MinInterval).Default("0.5").
			Help("Shortest interval of adaptive flushing, in seconds."),
		positive("flush.max_interval", &a.MaxInterval).Default("2").
			Help("Longest interval of adaptive flushing, in seconds."),
		percent("flush.low_pressure", &a.Low).Default("25").
			Help("Fill of the fullest queue, in percent, from which pressure counts as low."),
		percent("flush.medium_pressure", &a.Medium).Default("50").
			Help("Fill of the fullest queue, in percent, from which pressure counts as medium."),
		percent("flush.high_pressure", &a.High).Default("75").
			Help("Fill of the fullest queue, in percent, from which pressure counts as high."),
		atLeast("flush.up_steps", &a.UpSteps, 1).Default("2").
			Help("Flushes in a row under more pressure before the interval becomes shorter."),
		atLeast("flush.down_steps", &a.DownSteps, 1).Default("3").
			Help("Flushes in a row under less pressure before the interval becomes longer."),
		option.Duration("grace", &s.Grace).Default("5").
			Help("How long pending records may take to be delivered at shutdown, in seconds and at least one; -1 waits until all are."),
		option.Switch("daemon", &s.Daemon).Default("off").
			Help("Detach from the terminal and run in the background."),
		option.String("log_file", &s.LogFile).
			Help("File that the agent's own log is appended to; standard error without it."),
		logLevel("log_level", &s.LogLevel).Default("info").
			Help("Least severe level that the agent logs about itself."),
		option.Strings("parsers_file", &s.ParsersFile).
			Help("File with parsers and multiline parsers; may be repeated."),
		option.Strings("plugins_file", &s.PluginsFile).
			Help("File that lists plugins to load; may be repeated."),
		option.Strings("streams_file", &s.StreamsFile).
			Help("File with stream processor tasks."),

		option.Switch("http_server", &s.HTTPServer).Default("off").
			Help("Serve health, metrics and reload over HTTP."),
		option.String("http_listen", &s.HTTPListen).Default("0.0.0.0").
			Help("Address on which the HTTP server listens."),
		option.Port("http_port", &s.HTTPPort).Default("2020").
			Help("Port of the HTTP server."),
		option.Switch("health_check", &s.HealthCheck).Default("off").
			Help("Let /api/v1/health judge the outputs by their errors."),
		atLeast("hc_errors_count", &s.HCErrorsCount, 0).Default("5").
			Help("Output errors within the period that make the agent unhealthy."),
		atLeast("hc_retry_failure_count", &s.HCRetryFailureCount, 0).Default("5").
			Help("Retries given up within the period that make the agent unhealthy."),
		positive("hc_period", &s.HCPeriod).Default("60").
			Help("Period over which the health check counts, in seconds."),

		option.Switch("hot_reload", &s.HotReload).Default("off").
			Help("Let SIGHUP and the HTTP server reload the configuration."),
		option.Switch("hot_reload.ensure_thread_safety", &s.HotReloadEnsureThreadSafety).Default("on").
			Help("Accepted for compatibility: a reload never touches a running plugin."),
		option.Var("hot_reload.timeout", "time", &s.HotReloadTimeout, option.AtLeast(option.ParseDuration, 0)).Default("0").
			Help("Longest time that a reload may take, in seconds; 0 is no limit."),
		size("coro_stack_size", &s.CoroStackSize).Default("65536").
			Help("Accepted for compatibility and without effect."),
		positive("scheduler.base", &s.SchedulerBase).Default("5").
			Help("Shortest wait before a retry, in seconds; it doubles with each one."),
		positive("scheduler.cap", &s.SchedulerCap).Default("2000").
			Help("Longest wait before a retry, in seconds."),

		option.Switch("json.convert_nan_to_null", &s.JSONConvertNaNToNull).Default("off").
			Help("Write numbers that are none (NaN) as null in JSON."),
		option.Switch("json.escape_unicode", &s.JSONEscapeUnicode).Default("on").
			Help("Write characters outside ASCII as \\u escapes in JSON."),
		option.Switch("sp.convert_from_str_to_num", &s.SPConvertFromStrToNum).Default("on").
			Help("Let the stream processor read texts that look like numbers as numbers."),
		option.Var("multiline_buffer_limit", "size", &s.MultilineBufferLimit, binarySize).Default("2MB").
			Help("Longest text that a multiline parser may join: 1MB is 1024 * 1024 bytes here. 0 is no limit."),
		option.Enum("dns.mode", &s.DNSMode, "UDP", "TCP").Default("UDP").
			Help("Protocol for name queries."),
		option.String("dns.resolver", &s.DNSResolver).
			Help("How names are resolved: LEGACY asks the system, ASYNC a name server."),
		option.Switch("dns.prefer_ipv4", &s.DNSPreferIPv4).Default("off").
			Help("Try the IPv4 addresses of a name first."),
		option.Switch("dns.prefer_ipv6", &s.DNSPreferIPv6).Default("off").
			Help("Try the IPv6 addresses of a name first."),

		option.String("storage.path", &st.Path).
			Help("Folder for chunks on disk; without it all records stay in memory."),
		option.Enum("storage.sync", &st.Sync, "normal", "full").Default("normal").
			Help("full flushes each write to the disk itself, which is safer and slower."),
		option.Switch("storage.checksum", &st.Checksum).Default("off").
			Help("Keep and check a CRC32 of each chunk on disk."),
		option.Switch("storage.metrics", &st.Metrics).Default("on").
			Help("Serve the storage's figures over HTTP."),
		atLeast("storage.max_chunks_up", &st.MaxChunksUp, 1).Default("128").
			Help("Chunks of file storage that may be in memory at a time."),
		size("storage.backlog.mem_limit", &st.BacklogMemLimit).Default("100M").
			Help("Memory for chunks that an earlier run left behind, beyond those that are being delivered."),
		option.Switch("storage.backlog.flush_on_shutdown", &st.BacklogFlushOnShutdown).Default("off").
			Help("At the end, try also the chunks of an earlier run that were not tried yet."),
		option.Switch("storage.delete_irrecoverable_chunks", &st.DeleteIrrecoverableChunks).Default("off").
			Help("Delete broken chunk files at start instead of keeping them aside."),
		option.Switch("storage.trim_files", &st.TrimFiles).Default("off").
			Help("Accepted for compatibility: chunk files are never longer than their content."),
		option.Enum("storage.type", &st.Type, "memory", "filesystem", "memrb").
			Help("Storage of inputs that do not set their own."),
		option.Switch("storage.inherit", &st.Inherit).Default("off").
			Help("Let inputs without a storage type take the one of the service."),
		option.Switch("storage.keep.rejected", &st.KeepRejected).Default("off").
			Help("Keep chunks that an output gave up in the dead-letter store."),
		option.String("storage.rejected.path", &st.RejectedPath).Default("rejected").
			Help("Folder of the dead-letter store, below storage.path."),
		size("storage.rejected.limit", &st.RejectedLimit).
			Help("Size up to which the dead-letter store grows."),
		size("storage.memory_budget", &st.MemoryBudget).Default("256M").
			Help("Memory for the records of the whole agent; what is beyond it waits on disk."),
		size("storage.spill_limit", &st.SpillLimit).Default("1G").
			Help("Size up to which records of memory storage may wait in a temporary file."),

		option.Switch("enable_chunk_trace", &s.EnableChunkTrace).Default("off").
			Help("Let the HTTP server trace chunks through the pipeline."),
		option.Switch("security.fips_mode", &s.SecurityFIPSMode).Default("off").
			Help("Use approved cryptography only."),
		option.Int("windows.maxstdio", &s.WindowsMaxStdio).Default("512").
			Help("Accepted for compatibility; it counts open files on Windows."),
		option.Nested("telemetry", "nested", s.TagRecords.Decode).
			Help("What the agent counts about the records themselves: metrics.logs.tag_records with enabled, max_series and max_tag_length."),
	}
}

// ServiceOf decodes the service section. Keys that nobody knows are left out; [Load] warned about them.
func ServiceOf(t *Tree) (Service, error) {
	var s Service
	opts := ServiceOptions(&s)
	var known []option.Property
	for _, p := range t.Service {
		if option.Knows(opts, p.Key) {
			known = append(known, p)
		}
	}
	err := errors.Join(option.Decode(s.TagRecords.options(), nil, option.Pos{}), option.Decode(opts, known, option.Pos{}))
	s.SchedulerCap = max(s.SchedulerCap, s.SchedulerBase)
	if s.Grace >= 0 {
		s.Grace = max(s.Grace, time.Second) // the C agent looks once a second whether it is over
	}
	return s, err
}

func (r *reader) checkService(props []option.Property) {
	var s Service
	opts := ServiceOptions(&s)
	last := map[string]option.Pos{}
	for _, p := range props {
		i := slices.IndexFunc(opts, func(o option.Option) bool { return p.Is(o.Name) })
		if i < 0 {
			r.warn(p.Pos, option.Suggest(p.Key, option.Names(opts)), "the service key '%s' is unknown and has no effect", shorten(p.Key))
			continue
		}
		// What one file says may override another on purpose.
		if earlier, again := last[opts[i].Name]; again && !opts[i].Repeats && earlier.File == p.Pos.File {
			r.warn(p.Pos, "remove one of them", "'%s' is set again, after %v; the last one counts", p.Key, earlier)
		}
		last[opts[i].Name] = p.Pos
	}
}

// binarySize reads a size whose units are powers of 1024, as Fluent Bit reads this one.
func binarySize(s string) (int64, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	num := strings.TrimRight(s, "KMGIB")
	unit, ok := map[string]int64{"": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MB": 1 << 20, "MIB": 1 << 20, "G": 1 << 30, "GB": 1 << 30, "GIB": 1 << 30}[s[len(num):]]
	n, err := option.ParseFloat(num)
	switch {
	case s == "FALSE":
		return 0, nil
	case !ok || err != nil || n < 0 || n*float64(unit) >= 1<<62:
		return 0, errors.New("is not a size (a number of bytes, or one with K, M or G)")
	}
	return int64(n * float64(unit)), nil
}

func size(name string, p *int64) option.Option {
	return option.Var(name, "size", p, option.AtLeast(option.ParseSize, 0))
}

func positive(name string, p *time.Duration) option.Option {
	return option.Var(name, "time", p, option.Above(option.ParseDuration, 0))
}

func percent(name string, p *float64) option.Option {
	return option.Var(name, "double", p, option.Between(option.ParseFloat, 0, 100))
}

func atLeast(name string, p *int, least int) option.Option {
	return option.Var(name, "integer", p, option.AtLeast(option.ParseInt, least))
}
