package pipeline

import (
	"sync"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
)

// tagSeries are the inputs and tags that have a counter. They are kept across reloads, so that the limit
// holds whatever inputs come and go.
type tagSeries struct {
	mu    sync.Mutex
	known map[[2]string]bool
}

// admit reports whether the tag of an input may have a counter.
func (t *tagSeries) admit(input, tag string, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]string{input, tag}
	if t.known[key] {
		return true
	}
	if len(t.known) >= limit {
		return false
	}
	if t.known == nil {
		t.known = map[[2]string]bool{}
	}
	t.known[key] = true
	return true
}

// tagCounters count an input's records by tag.
type tagCounters struct {
	mu         sync.Mutex
	by         map[string]*metric.Counter
	long, many *metric.Counter // of tags that are too long, and too many
}

// countTag counts a batch by its tag, when that is wanted.
func (in *input) countTag(b *event.Batch) {
	p := in.pipe()
	on := p.set.TagRecords.Enabled
	if own := in.settings.tagRecords; own != nil {
		on = *own
	}
	if !on || b.Kind != event.Logs || b.Len() == 0 {
		return
	}
	in.tags.of(in, p, b.Tag).Add(uint64(b.Len()))
}

func (t *tagCounters) of(in *input, p *Pipeline, tag string) *metric.Counter {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.by[tag]; c != nil {
		return c
	}
	untracked := func(c **metric.Counter, reason string) *metric.Counter {
		if *c == nil {
			*c = in.meter.Counter("logs_tag_records_untracked_total", "Number of input log records not tracked by tag.", metric.L("reason", reason))
		}
		return *c
	}
	switch {
	case len(tag) > p.set.TagRecords.MaxTagLength:
		return untracked(&t.long, "tag_length_limit")
	case !p.series.admit(in.shown(), tag, p.set.TagRecords.MaxSeries):
		return untracked(&t.many, "max_series")
	case t.by == nil:
		t.by = map[string]*metric.Counter{}
	}
	c := in.meter.Counter("logs_tag_records_total", "Number of input log records by tag.", metric.L("tag", tag))
	t.by[tag] = c
	return c
}
