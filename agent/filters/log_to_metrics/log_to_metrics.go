// Package log_to_metrics is the filter log_to_metrics: it counts and measures records and emits the result as
// metrics.
package log_to_metrics

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/condition"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter log_to_metrics.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "log_to_metrics",
	Summary: "Make metrics of records",
	Retags:  true,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

// manySeries is from how many combinations of labels on a word is due: each stays in memory for good.
const manySeries = 10_000

type filter struct {
	rules    condition.KeyRules
	labels   []label
	mode     mode
	value    *accessor.Accessor
	tag      string
	discard  bool
	interval time.Duration // 0: emit with each batch

	describe func(r *metric.Registry, labels []metric.Label) series
	emit     func(context.Context, *event.Batch) error
	log      *slog.Logger
	watch    regex.Watch
	emitted  *metric.Counter

	mu      sync.Mutex // Filter and Background
	own     *metric.Registry
	known   map[string]series
	changed bool

	key     []byte // of a series; kept for its memory, as is …
	ends    []int  // … where each label's value ends in it
	missing uint64
}

// series takes the value of one record.
type series func(v float64)

// Filter looks at each record and changes none.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range b.Records() {
		if f.rules.Keep(r.Body()) {
			f.measure(r.Body())
		}
	}
	err := f.watch.Check()
	if f.interval == 0 {
		err = errors.Join(err, f.send(ctx))
	}
	if f.discard {
		for e := range b.Edit() {
			e.Drop()
		}
	}
	return err
}

func (f *filter) measure(body event.Value) {
	v := 1.0
	if f.value != nil {
		var ok bool
		if v, ok = number(f.value.Get(body)); !ok {
			f.lacking()
			return
		}
	}
	f.key, f.ends = f.key[:0], f.ends[:0]
	for i := range f.labels {
		if at := f.labels[i].at.Get(body); at.Type() != event.TypeNil {
			f.key, _ = accessor.AppendValue(f.key, at)
		}
		f.ends = append(f.ends, len(f.key))
	}
	for _, end := range f.ends {
		f.key = binary.NativeEndian.AppendUint32(f.key, uint32(end)) // two values may be one another's in other places
	}
	s, ok := f.known[string(f.key)]
	if !ok {
		s = f.add()
	}
	s(v)
	f.changed = true
}

// add makes the series of the labels in key.
func (f *filter) add() series {
	labels := make([]metric.Label, len(f.labels))
	from := 0
	for i, end := range f.ends {
		labels[i] = metric.L(f.labels[i].name, string(f.key[from:end]))
		from = end
	}
	s := f.describe(f.own, labels)
	f.known[string(f.key)] = s
	if len(f.known) == manySeries {
		f.log.Warn(fmt.Sprintf("there are %d combinations of label values, and each takes memory for good; use labels with few values", manySeries))
	}
	return s
}

// number reads a value, a number or a text that begins with one. NaN would stay in a histogram's sum for good.
func number(v event.Value) (float64, bool) {
	if f, ok := v.Float(); ok {
		return f, !math.IsNaN(f)
	}
	if n, ok := v.Int(); ok {
		return float64(n), true
	}
	if n, ok := v.Uint(); ok {
		return float64(n), true
	}
	if v.Type() != event.TypeStr {
		return 0, false
	}
	text := strings.TrimLeft(string(v.Str()), " \t")
	if end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) }); end >= 0 {
		text = text[:end] // "12.5ms" is 12.5
	}
	for end := min(len(text), 64); end > 0; end-- {
		if x, err := strconv.ParseFloat(text[:end], 64); err == nil {
			return x, true
		}
	}
	return 0, false
}

// lacking counts a record without a value, and says so ever more seldom.
func (f *filter) lacking() {
	if f.missing++; f.missing&(f.missing-1) == 0 {
		f.log.Warn(fmt.Sprintf("records that have no number under '%s' are left out (so far: %d); a regex rule can pick those that have one", f.value, f.missing))
	}
}

// send emits the state of all series when it has changed.
func (f *filter) send(ctx context.Context) error {
	if !f.changed {
		return nil
	}
	var set metric.Set
	f.own.Collect(&set, time.Now())
	b := event.Payload(f.tag, event.Metrics, metric.Append(nil, &set))
	if err := f.emit(ctx, b); err != nil {
		return fmt.Errorf("emit metrics with the tag '%s': %w", f.tag, err)
	}
	f.changed = false
	f.emitted.Inc()
	return nil
}

// Background implements [plugin.Background].
func (f *filter) Background(ctx context.Context) error {
	if f.interval == 0 {
		return nil
	}
	return plugin.Every(ctx, f.interval, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if err := f.send(ctx); err != nil && ctx.Err() == nil {
			f.log.Error(err.Error())
		}
		return nil
	})
}

// Drain implements [plugin.Drainer]: the last records count too when the agent stops before the next interval.
func (f *filter) Drain(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.send(ctx)
}
