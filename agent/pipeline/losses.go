package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// cures say what to change so that records are not lost for that reason.
var cures = [reasons]string{
	NoRoute:     "give an output a match for it",
	RetryLimit:  "raise retry_limit or set no_limits, or set storage.keep.rejected to keep such chunks",
	StorageFull: "raise storage.total_limit_size, storage.memory_budget or storage.spill_limit, or set storage.full_action to block",
	Rejected:    "set storage.keep.rejected to keep such chunks",
	Damaged:     "what is left of it is in .quarantine below storage.path",
	RingFull:    "raise mem_buf_limit, or set storage.type to memory or filesystem, which let the input wait",
}

// verbs say what happened to a chunk.
var verbs = [reasons]string{
	RetryLimit:  "cannot be retried: retry_limit of %d is reached",
	StorageFull: "was evicted from the output queue",
	Rejected:    "was rejected for good",
	Damaged:     "cannot be read",
	Poisoned:    "harms the plugin",
	RingFull:    "made room for newer ones in the ring buffer",
}

// giveUp ends the way of a chunk to this output by rule: counted, said, and kept as a dead letter if so
// configured. It reports whether it did: what would harm the plugin again is only set aside, never thrown away.
func (o *output) giveUp(d *delivery, why Reason, err error) bool {
	p := o.pipe()
	what := verbs[why]
	if why == RetryLimit {
		what = fmt.Sprintf(what, o.settings.retries)
	}
	text := fmt.Sprintf("%v %s", d.stored, what)
	if err != nil {
		text += fmt.Sprintf(": %v", err)
	}
	level := slog.LevelError
	if why == StorageFull || why == RingFull {
		level = slog.LevelWarn
	}
	d.look(p)
	switch kept := p.deadLetter(o, d, why, err); {
	case kept != "":
		text += "; it is kept as dead letter " + kept
	case why == Poisoned:
		return false
	default:
		text += "; its records are lost: " + cures[why]
	}
	o.counters.DroppedRecords.Add(d.count())
	p.lost[why].Add(d.count())
	p.noteDrop(d.in, o.shown(), d.kind, int(d.count()), int(d.size))
	o.bursts[why].say(o.log, level, text, d.count())
	o.settle(d, event.GivenUp)
	return true
}

// reject counts records that the output refused, while it took the rest of their chunk.
func (o *output) reject(d *delivery, r *plugin.Rejection) {
	n := min(len(r.Records), int(d.count()))
	text := fmt.Sprintf("%d records of %v were rejected for good: %v", n, d.stored, r.Err)
	if kept := o.pipe().deadRecords(o, d, r); kept != "" {
		text += "; they are kept as dead letter " + kept
	} else {
		text += "; they are lost: " + cures[Rejected]
	}
	o.counters.DroppedRecords.Add(uint64(n))
	o.pipe().lost[Rejected].Add(uint64(n))
	o.pipe().noteDrop(d.in, o.shown(), d.kind, n, 0)
	o.bursts[Rejected].say(o.log, slog.LevelError, text, uint64(n))
	o.delivered(d, n)
}

// burstGap is how long nothing must have happened for the next loss to be told at once again.
const burstGap = 30 * time.Second

// burst tells the first of many losses, and of the others how many there were.
type burst struct {
	mu              sync.Mutex
	began           time.Time // of the silence
	chunks, records uint64    // since then
	last            string
	level           slog.Level
}

func (b *burst) say(log *slog.Logger, level slog.Level, text string, records uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.began.IsZero() && time.Since(b.began) < burstGap {
		b.chunks++
		b.records += records
		b.last, b.level = text, level
		return
	}
	b.tell(log)
	b.began = time.Now()
	log.Log(context.Background(), level, text)
}

// tell says what happened in silence.
func (b *burst) tell(log *slog.Logger) {
	if b.chunks > 0 {
		log.Log(context.Background(), b.level, fmt.Sprintf("%d more chunks (%d records) went the same way; the last one: %s", b.chunks, b.records, b.last))
	}
	b.chunks, b.records = 0, 0
}

// sum tells what happened in silence once that has been long enough, or now.
func (b *burst) sum(log *slog.Logger, now bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.chunks > 0 && (now || time.Since(b.began) >= burstGap) {
		b.tell(log)
		b.began = time.Now()
	}
}

func (o *output) sumUp(now bool) {
	for i := range o.bursts {
		o.bursts[i].sum(o.log, now)
	}
}
