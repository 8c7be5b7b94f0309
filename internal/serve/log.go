package serve

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/fluent/fluent-bit-go/internal/abi"
)

// Printer writes one line to the host's log, at one of Fluent Bit's levels. Enabled tells whether the host
// wants lines of that level.
type Printer interface {
	Print(level int, line string)
	Enabled(level int) bool
}

// handler writes the message, and the attributes as key=value behind it.
type handler struct {
	to    Printer
	text  slog.Handler // renders message and attributes into line
	line  *bytes.Buffer
	turns chan struct{} // holds one while line is in use
}

func newLogger(to Printer) *slog.Logger {
	h := &handler{to: to, line: new(bytes.Buffer), turns: make(chan struct{}, 1)}
	h.text = slog.NewTextHandler(h.line, &slog.HandlerOptions{Level: slog.LevelDebug - 4, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{} // the host has its own, and the message goes first
		}
		return a
	}})
	return slog.New(h)
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return h.to.Enabled(level(l)) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	h.turns <- struct{}{}
	defer func() { <-h.turns }()
	h.line.Reset()
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	line := r.Message
	if attrs := bytes.TrimSpace(h.line.Bytes()); len(attrs) > 0 {
		line += " " + string(attrs)
	}
	h.to.Print(level(r.Level), line)
	return nil
}

func level(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return abi.LogError
	case l >= slog.LevelWarn:
		return abi.LogWarn
	case l >= slog.LevelInfo:
		return abi.LogInfo
	case l >= slog.LevelDebug:
		return abi.LogDebug
	}
	return abi.LogTrace
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.to, h.text.WithAttrs(attrs), h.line, h.turns}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.to, h.text.WithGroup(name), h.line, h.turns}
}
