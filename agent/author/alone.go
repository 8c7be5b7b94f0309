package author

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/worker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// alone is one instance of a plugin file without an agent around it.
type alone struct {
	mod  *worker.Module
	log  *slog.Logger
	logs *logger.Sink
	tag  string
}

// openAlone probes a file and makes a module of it.
func (t *Tools) openAlone(ctx context.Context, file, tag string, level slog.Level) (*alone, error) {
	info, err := worker.Probe(ctx, file)
	if err != nil {
		return nil, err
	}
	a := &alone{logs: logger.NewSink(t.Err, false), tag: tag}
	a.log = logger.New(a.logs, info.Type.String()+":"+info.Name, logger.Options{Level: level})
	a.mod = worker.New(info, worker.Options{Log: a.log})
	return a, nil
}

func (a *alone) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := a.mod.Close(ctx); err != nil {
		a.log.Warn(err.Error())
	}
}

// start configures and starts an instance.
func start[P any](ctx context.Context, a *alone, spec plugin.Spec[P], props properties) (p P, err error) {
	var list []option.Property
	for _, s := range props {
		key, value, _ := strings.Cut(s, "=")
		pos := option.Pos{File: "-p " + key}
		list = append(list, option.Property{Key: strings.ToLower(key), Value: option.Value{Text: value, Pos: pos}, Pos: pos})
	}
	c := spec.Config()
	if err := option.Decode(c.Options(), list, option.Pos{File: "-p"}); err != nil {
		return p, err
	}
	p, err = c.New(plugin.Env{Name: spec.Name + ".0", Tag: a.tag, Log: a.log, Properties: list, Grace: 5 * time.Second})
	if err != nil {
		return p, err
	}
	if s, ok := any(p).(plugin.Starter); ok {
		err = s.Start(ctx)
	}
	return p, err
}

// readBatch makes a batch of JSON records, one a line: a body, [time, body] or [[time, metadata], body].
func readBatch(r io.Reader, name, tag string) (*event.Batch, error) {
	var data []byte
	now := event.Now()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "{") {
			data = event.AppendTime(event.AppendArray(event.AppendArray(data, 2), 2), now)
			data = event.AppendMap(data, 0)
		}
		out, used, err := event.ParseJSON(data, []byte(line))
		if err == nil && strings.TrimSpace(line[used:]) != "" {
			err = errors.New("something follows the record")
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		data = out
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	b, err := event.Parse(tag, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// try runs one plugin alone.
func (t *Tools) try(ctx context.Context, args []string) error {
	f := t.flags("plugin run", "[OPTIONS] FILE|DIR", "Run one plugin alone, without a configuration: an output or a filter gets the records of a file, an input is asked for some.")
	input := f.String("input", "-", "file of JSON records, one a line: {body}, [time, {body}] or [[time, {metadata}], {body}]; - reads standard input")
	tag := f.String("tag", "test", "tag of the records")
	n := f.Int("n", 10, "how many records to take from an input; 0 goes on until ^C")
	verbose := f.Bool("v", false, "show debug lines of the plugin's log")
	var props properties
	f.Var(&props, "p", "a property, as `KEY=VALUE`; may be repeated")
	if err := parse(f, args, 1, 1); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	file, clean, err := t.fileOf(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	defer clean()
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	a, err := t.openAlone(ctx, file, *tag, level)
	if err != nil {
		return err
	}
	defer a.close()
	if a.mod.Info().Type == worker.Input {
		return t.tryInput(ctx, a, props, *n)
	}
	b, err := t.records(*input, *tag)
	if err != nil {
		return err
	}
	switch a.mod.Info().Type {
	case worker.Filter:
		return t.tryFilter(ctx, a, props, b)
	case worker.Output:
		return t.tryOutput(ctx, a, props, b)
	}
	return fmt.Errorf("a %s plugin has nothing to be run with", a.mod.Info().Type)
}

func (t *Tools) records(file, tag string) (*event.Batch, error) {
	if file == "-" {
		return readBatch(os.Stdin, "standard input", tag)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBatch(f, file, tag)
}

func (t *Tools) tryOutput(ctx context.Context, a *alone, props properties, b *event.Batch) error {
	o, err := start(ctx, a, a.mod.OutputSpec(), props)
	if err != nil {
		return err
	}
	defer closeOf(a, o)
	begin := time.Now()
	err = o.Flush(ctx, event.NewChunk(1, b.Tag, event.Logs, b.Bytes(), b.Len()))
	took := time.Since(begin).Round(10 * time.Microsecond)
	switch r := plugin.Rejected(err); {
	case err == nil:
		fmt.Fprintf(t.Err, "%d records delivered in %v\n", b.Len(), took)
		return nil
	case r != nil:
		return fmt.Errorf("of %d records those at %v were rejected: %w", b.Len(), r.Records, r.Err)
	case plugin.Dropped(err):
		return fmt.Errorf("the chunk is refused for good: %w", err)
	default:
		return fmt.Errorf("the chunk would be tried again: %w", err)
	}
}

func (t *Tools) tryFilter(ctx context.Context, a *alone, props properties, b *event.Batch) error {
	f, err := start(ctx, a, a.mod.FilterSpec(), props)
	if err != nil {
		return err
	}
	defer closeOf(a, f)
	if err := f.Filter(ctx, b); err != nil {
		return err
	}
	return t.print(b)
}

// print writes records as the input of `plugin run` has them.
func (t *Tools) print(b *event.Batch) error {
	var out []byte
	for r := range b.Records() {
		out = append(out, "[["...)
		when := r.Time()
		out = fmt.Appendf(out, "%d.%09d,", when.Sec, when.Nsec)
		out = append(event.AppendJSON(out, r.Meta(), event.JSONStyle{RawUTF8: true}), "],"...)
		out = append(event.AppendJSON(out, r.Body(), event.JSONStyle{RawUTF8: true}), "]\n"...)
	}
	_, err := t.Out.Write(out)
	return err
}

func (t *Tools) tryInput(ctx context.Context, a *alone, props properties, n int) error {
	in, err := start(ctx, a, a.mod.InputSpec(), props)
	if err != nil {
		return err
	}
	defer closeOf(a, in)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return in.Run(ctx, &printer{t: t, left: n, endless: n == 0, stop: stop})
}

// printer prints what an input emits, until it has had enough.
type printer struct {
	t       *Tools
	left    int
	endless bool
	stop    context.CancelFunc
}

// Emit implements [plugin.Emitter].
func (p *printer) Emit(_ context.Context, b *event.Batch) error {
	err := p.t.print(b)
	b.Settle(event.Delivered)
	if p.left -= b.Len(); p.left <= 0 && !p.endless {
		p.stop()
	}
	return err
}

func closeOf(a *alone, p any) {
	if c, ok := p.(io.Closer); ok {
		if err := c.Close(); err != nil {
			a.log.Warn(err.Error())
		}
	}
}
