// Package logger writes slog records as Fluent Bit's log lines:
//
//	[2026/11/22 19:47:12.123] [ info] [input:cpu:cpu.0] initializing
//
// The component in brackets is the attribute [Component]; other attributes follow the message as key=value.
package logger

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
)

// Component is the key of the attribute that names who speaks: "input:cpu:cpu.0".
const Component = "component"

// Levels beyond those of slog.
const (
	LevelTrace = slog.LevelDebug - 4
	LevelOff   = slog.LevelError + 100
)

// ParseLevel reads one of Fluent Bit's level names.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "off":
		return LevelOff, nil
	case "error":
		return slog.LevelError, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "info":
		return slog.LevelInfo, nil
	case "debug":
		return slog.LevelDebug, nil
	case "trace":
		return LevelTrace, nil
	}
	return 0, fmt.Errorf("is no log level (off, error, warn, info, debug, trace)")
}

// Sink is where lines go; loggers of one agent share it.
type Sink struct {
	mu    sync.Mutex
	w     io.Writer
	color bool
	buf   []byte
	lines [len(names)]atomic.Uint64 // by level, as in names
}

// NewSink returns a sink that writes each line to w with one call; color is for terminals.
func NewSink(w io.Writer, color bool) *Sink { return &Sink{w: w, color: color} }

// Options are what a logger can be told beside its sink.
type Options struct {
	Level    slog.Level
	Suppress time.Duration // hide a repeated line within this span; 0 for never
	Attrs    []slog.Attr
	Mask     *strings.Replacer // hides secrets in every line; may be nil
}

// New returns a logger for one component.
func New(s *Sink, component string, o Options) *slog.Logger {
	h := &handler{sink: s, level: o.Level, component: component, suppress: o.Suppress, mask: o.Mask, last: new(repeat)}
	return slog.New(h.WithAttrs(o.Attrs))
}

type handler struct {
	sink      *Sink
	level     slog.Level
	component string
	suffix    string // attributes of WithAttrs, rendered
	group     string
	suppress  time.Duration
	mask      *strings.Replacer
	last      *repeat
}

// repeat remembers the last line, for suppression.
type repeat struct {
	mu     sync.Mutex
	line   string
	at     time.Time
	hidden int
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		if a.Key == Component {
			c.component = a.Value.String()
			continue
		}
		c.suffix = appendAttr(c.suffix, c.group, a)
	}
	return &c
}

func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}

// oneLine keeps what is logged, such as a tag, from looking like a line of its own: only an indented one follows.
var oneLine = strings.NewReplacer("\n", "\n    ", "\r", `\r`, "\x1b", `\x1b`)

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	component, attrs := h.component, h.suffix
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == Component {
			component = a.Value.String()
			return true
		}
		attrs = appendAttr(attrs, h.group, a)
		return true
	})
	text := r.Message + attrs
	if component != "" {
		text = "[" + component + "] " + text
	}
	text = strings.TrimRight(text, "\n")
	if h.mask != nil {
		text = h.mask.Replace(text)
	}
	text = oneLine.Replace(text)
	if h.suppress > 0 {
		hidden, show := h.last.pass(text, r.Time, h.suppress)
		if !show {
			return nil
		}
		if hidden > 0 {
			text += fmt.Sprintf(" (said %d more times)", hidden)
		}
	}
	return h.sink.line(r.Time, r.Level, text)
}

func (p *repeat) pass(line string, at time.Time, span time.Duration) (hidden int, show bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if line == p.line && at.Sub(p.at) < span {
		p.hidden++
		return 0, false
	}
	if line == p.line {
		hidden = p.hidden
	}
	p.line, p.at, p.hidden = line, at, 0
	return hidden, true
}

func appendAttr(dst, group string, a slog.Attr) string {
	v := a.Value.Resolve().String()
	if strings.ContainsAny(v, " \t\n\"=") || v == "" {
		v = strconv.Quote(v)
	}
	return dst + " " + group + a.Key + "=" + v
}

var names = [...]struct {
	from        slog.Level
	name, color string
}{
	{slog.LevelError, "error", "\x1b[91m"},
	{slog.LevelWarn, " warn", "\x1b[93m"},
	{slog.LevelInfo, " info", "\x1b[92m"},
	{slog.LevelDebug, "debug", "\x1b[95m"},
	{LevelTrace, "trace", "\x1b[94m"},
}

func (s *Sink) line(at time.Time, level slog.Level, text string) error {
	i := 0
	for i < len(names)-1 && level < names[i].from {
		i++
	}
	n := names[i]
	s.lines[i].Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := append(s.buf[:0], '[')
	if s.color {
		b = append(s.buf[:0], "\x1b[1m["...)
	}
	b = at.AppendFormat(b, "2006/01/02 15:04:05.000")
	if s.color {
		b = append(b, "]\x1b[0m ["+n.color+n.name+"\x1b[0m] "...)
	} else {
		b = append(b, "] ["+n.name+"] "...)
	}
	b = append(append(b, text...), '\n')
	s.buf = b
	_, err := s.w.Write(b)
	return err
}

// Lines tells how many lines of each level were written, errors first.
func (s *Sink) Lines() []stats.Log {
	list := make([]stats.Log, len(names))
	for i := range names {
		list[i] = stats.Log{Level: strings.TrimSpace(names[i].name), Lines: s.lines[i].Load()}
	}
	return list
}

// Raw writes text as it stands: what a signal says has neither level nor milliseconds.
func (s *Sink) Raw(at time.Time, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, "[%s] %s\n", at.Format("2006/01/02 15:04:05"), text)
}
