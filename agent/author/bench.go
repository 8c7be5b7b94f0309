package author

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/fluent/fluent-bit-go/agent/worker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// bench measures a plugin in its worker, as an agent would use it.
func (t *Tools) bench(ctx context.Context, args []string) error {
	f := t.flags("plugin bench", "[OPTIONS] FILE|DIR", "Measure a plugin in a worker process, as an agent uses it: MB are 10^6 bytes of encoded records.")
	input := f.String("input", "", "file of JSON records to use, as for `plugin run`; without one, records of ten keys")
	span := f.Duration("time", 2*time.Second, "how long each measurement takes")
	var props properties
	f.Var(&props, "p", "a property, as `KEY=VALUE`; may be repeated")
	if err := parse(f, args, 1, 1); err != nil {
		return err
	}
	if *span <= 0 {
		return fmt.Errorf("-time %v: a measurement has to take some time", *span)
	}
	file, clean, err := t.fileOf(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	defer clean()
	a, err := t.openAlone(ctx, file, "bench", slog.LevelWarn)
	if err != nil {
		return err
	}
	defer a.close()
	records := event.New("bench")
	if *input != "" {
		if records, err = t.records(*input, "bench"); err != nil {
			return err
		}
	} else {
		body, _, err := event.ParseJSON(nil, []byte(usualRecord))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		records.Append(event.Now(), nil, body)
	}
	if records.Len() == 0 {
		return fmt.Errorf("%s holds no records", *input)
	}
	w := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	b := &benchmark{ctx: ctx, span: *span, table: w}
	switch a.mod.Info().Type {
	case worker.Input:
		in, err := start(ctx, a, a.mod.InputSpec(), props)
		if err != nil {
			return err
		}
		defer closeOf(a, in)
		return b.input(in)
	case worker.Filter:
		f, err := start(ctx, a, a.mod.FilterSpec(), props)
		if err != nil {
			return err
		}
		defer closeOf(a, f)
		return b.each(records, f.Filter)
	case worker.Output:
		o, err := start(ctx, a, a.mod.OutputSpec(), props)
		if err != nil {
			return err
		}
		defer closeOf(a, o)
		return b.each(records, func(ctx context.Context, b *event.Batch) error {
			return o.Flush(ctx, event.NewChunk(1, b.Tag, event.Logs, b.Bytes(), b.Len()))
		})
	}
	return fmt.Errorf("a %s plugin has nothing to be measured with", a.mod.Info().Type)
}

// usualRecord has ten keys, some 200 bytes.
const usualRecord = `{"time":"2026-11-22T19:47:12.123456789Z","stream":"stdout","level":"info","msg":"request completed in good time","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17","ok":true}`

type benchmark struct {
	ctx   context.Context
	span  time.Duration
	table *tabwriter.Writer
}

// each measures batches of different sizes, made of copies of records.
func (m *benchmark) each(records *event.Batch, use func(context.Context, *event.Batch) error) error {
	fmt.Fprintln(m.table, "batch\trecords\tper batch\tMB/s\trecords/s\t")
	for _, size := range []int{1, 32 << 10, 2 << 20} {
		one := event.New(records.Tag)
		for len(one.Bytes()) < size {
			for r := range records.Records() {
				one.Append(r.Time(), r.Meta(), r.Body())
			}
		}
		took, n, err := m.repeat(one, use)
		if err != nil {
			return err
		}
		s := took.Seconds() / float64(n)
		fmt.Fprintf(m.table, "%.1f KB\t%d\t%v\t%.1f\t%.0f\t\n", float64(len(one.Bytes()))/1e3, one.Len(),
			(took / time.Duration(n)).Round(10*time.Nanosecond), float64(len(one.Bytes()))/s/1e6, float64(one.Len())/s)
	}
	return nil
}

// repeat uses copies of a batch for the span and returns how long it took without the copying.
func (m *benchmark) repeat(one *event.Batch, use func(context.Context, *event.Batch) error) (took time.Duration, n int, err error) {
	b := event.New(one.Tag)
	for took < m.span {
		if err := b.Load(one.Bytes()); err != nil {
			return 0, 0, err
		}
		b.Tag = one.Tag
		begin := time.Now()
		if err := use(m.ctx, b); err != nil {
			return 0, 0, fmt.Errorf("after %d batches: %w", n, err)
		}
		if n++; n > 1 { // the first one warms up
			took += time.Since(begin)
		}
		if m.ctx.Err() != nil {
			return 0, 0, m.ctx.Err()
		}
	}
	return took, max(n-1, 1), nil
}

// input measures what an input brings.
func (m *benchmark) input(in plugin.Input) error {
	ctx, stop := context.WithTimeout(m.ctx, m.span)
	defer stop()
	var c counting
	begin := time.Now()
	if err := in.Run(ctx, &c); err != nil {
		return err
	}
	s := time.Since(begin).Seconds()
	fmt.Fprintln(m.table, "batches\trecords\tMB/s\trecords/s\t")
	fmt.Fprintf(m.table, "%d\t%d\t%.1f\t%.0f\t\n", c.batches, c.records, float64(c.bytes)/s/1e6, float64(c.records)/s)
	return nil
}

// counting takes what comes and counts it.
type counting struct{ batches, records, bytes int }

// Emit implements [plugin.Emitter].
func (c *counting) Emit(_ context.Context, b *event.Batch) error {
	c.batches++
	c.records += b.Len()
	c.bytes += len(b.Bytes())
	b.Settle(event.Delivered)
	b.Release()
	return nil
}
