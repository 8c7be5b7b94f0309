package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// settings are the agent's own options for an instance of a Go plugin; all other keys are the plugin's.
type settings struct {
	flushTimeout time.Duration
	initTimeout  time.Duration
	format       EventFormat
	memoryLimit  int64
	maxProcs     int
	rest         []option.Property
}

// ownPrefix begins the keys that are never shown to the plugin.
const ownPrefix = "plugin."

// options are the agent's own and those that the plugin declares.
func (s *settings) options(info Info) []option.Option {
	if info.Typed != nil {
		return append(s.own(), option.Declared(info.Typed.Options)...)
	}
	return append(s.own(),
		option.Enum("plugin.event_format", &s.format, Auto, V1, V2).Default(string(Auto)).
			Help("How records are encoded for the plugin: v1 is [time, body], v2 is [[time, metadata], body]; auto looks at the age of its SDK."),
		option.Rest("", &s.rest))
}

func (s *settings) own() []option.Option {
	return []option.Option{
		option.Var("plugin.flush_timeout", "time", &s.flushTimeout, option.AtLeast(option.ParseDuration, 0)).Default("300s").
			Help("How long one flush may take before the plugin counts as hung and its worker is started anew; 0 waits for ever."),
		option.Var("plugin.init_timeout", "time", &s.initTimeout, option.Above(option.ParseDuration, 0)).Default("60s").
			Help("How long the plugin's Init may take."),
		option.Size("plugin.memory_limit", &s.memoryLimit).
			Help("Memory at which the plugin's Go runtime collects garbage harder (GOMEMLIMIT), for all instances of the file together."),
		option.Int("plugin.max_procs", &s.maxProcs).
			Help("How many processors the plugin's Go runtime uses at a time (GOMAXPROCS), for all instances of the file together."),
	}
}

// instance is one configured section that a plugin file serves.
type instance struct {
	m    *Module
	env  plugin.Env
	set  settings
	id   uint32
	link *link // nil while it has no worker; guarded by m.mu
	ran  bool  // its PreRun is due in every new worker; guarded by m.mu
	run  sync.Once
	gone bool // closed; guarded by m.mu
}

func (m *Module) newInstance(env plugin.Env, set settings) (*instance, error) {
	if env.Log == nil {
		env.Log = m.log
	}
	if err := m.checkKeys(set.rest); err != nil {
		return nil, err
	}
	if set.memoryLimit < 0 || set.maxProcs < 0 {
		return nil, &option.Error{Pos: position(env.Properties), Msg: "plugin.memory_limit and plugin.max_procs cannot be negative", Cure: "leave them out for no limit"}
	}
	mask := option.Masker(set.options(m.info), env.Properties)
	m.mu.Lock()
	if mask != nil {
		m.masks[env.Name] = mask
	}
	m.memoryLimit = max(m.memoryLimit, set.memoryLimit)
	m.maxProcs = max(m.maxProcs, set.maxProcs)
	m.mu.Unlock()
	i := &instance{m: m, env: env, set: set}
	return i, m.check(i)
}

// checkKeys refuses keys that the plugin's config map, if it has one, does not name.
func (m *Module) checkKeys(props []option.Property) error {
	if len(m.info.ConfigKeys) == 0 {
		return nil
	}
	var errs []error
	for _, p := range props {
		if !slices.ContainsFunc(m.info.ConfigKeys, p.Is) {
			errs = append(errs, &option.Error{
				Pos:  p.Pos,
				Msg:  fmt.Sprintf("the plugin '%s' has no configuration property '%s'", m.info.Name, p.Key),
				Cure: option.Suggest(p.Key, m.info.ConfigKeys),
			})
		}
	}
	return errors.Join(errs...)
}

// position returns where an instance stands in the configuration, as far as its properties tell.
func position(props []option.Property) option.Pos {
	for _, p := range props {
		if p.Pos != (option.Pos{}) {
			return p.Pos
		}
	}
	return option.Pos{}
}

// where names the instance and the place in the configuration that it comes from.
func (i *instance) where() string {
	if pos := position(i.env.Properties); pos != (option.Pos{}) {
		return fmt.Sprintf("%s (%v)", i.env.Name, pos)
	}
	return i.env.Name
}

// properties encodes what the plugin may look up, key NUL value NUL each. NUL cannot stand in a C string,
// so that a text ends before it.
func (i *instance) properties() []byte {
	var b []byte
	for _, p := range i.env.Properties {
		if strings.HasPrefix(strings.ToLower(p.Key), ownPrefix) {
			continue
		}
		values := []option.Value{p.Value}
		if p.Value.Kind == option.KindList {
			values = p.Value.List
		}
		for _, v := range values {
			b = appendText(appendText(b, p.Key), v.Text)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	s, _, _ = strings.Cut(s, "\x00")
	return append(append(b, s...), 0)
}

// maxLanes bounds the threads of one instance.
const maxLanes = 128

// lanes is how many requests of this instance may overlap; 0 means that it takes turns with the other
// instances of its file, which classic outputs with unguarded package variables need.
func (i *instance) lanes() int {
	if i.m.info.Type != Output {
		return 1
	}
	if v, ok := option.Lookup(i.env.Properties, "workers"); ok {
		if n, err := option.ParseInt(v.Text); err == nil && n > 0 {
			return min(n, maxLanes)
		}
	}
	if i.m.info.Typed != nil {
		return i.m.workers()
	}
	return 0
}

// levelTrace is slog's level for Fluent Bit's trace.
const levelTrace = slog.LevelDebug - 4

// logLevel is the instance's level in Fluent Bit's numbers.
func (i *instance) logLevel() uint32 {
	for _, l := range []struct {
		slog slog.Level
		flb  uint32
	}{{levelTrace, abi.LogTrace}, {slog.LevelDebug, abi.LogDebug}, {slog.LevelInfo, abi.LogInfo}, {slog.LevelWarn, abi.LogWarn}, {slog.LevelError, abi.LogError}} {
		if i.env.Log.Enabled(context.Background(), l.slog) {
			return l.flb
		}
	}
	return abi.LogOff
}

// slogLevel translates a level of log_print.
func slogLevel(flb int) slog.Level {
	switch {
	case flb <= abi.LogError:
		return slog.LevelError
	case flb == abi.LogWarn:
		return slog.LevelWarn
	case flb == abi.LogInfo:
		return slog.LevelInfo
	case flb == abi.LogDebug:
		return slog.LevelDebug
	}
	return levelTrace
}

// warnUnasked points at keys that Init never looked up: most of them are spelt wrong.
func (i *instance) warnUnasked(asked []string) {
	for _, p := range i.set.rest {
		if slices.ContainsFunc(asked, p.Is) {
			continue
		}
		e := &option.Error{Pos: p.Pos, Msg: fmt.Sprintf("the plugin has not asked for the property '%s'", p.Key)}
		var left []string // what it asked for and nobody configured
		for _, k := range asked {
			if _, set := option.Lookup(i.env.Properties, k); !set {
				left = append(left, k)
			}
		}
		if e.Cure = option.Suggest(p.Key, left); e.Cure == "" {
			e.Cure = "remove it, unless the plugin reads it later"
		}
		i.env.Log.Warn(e.Error())
	}
}
