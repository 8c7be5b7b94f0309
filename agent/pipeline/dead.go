package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/plugin"
)

// keepsRejected reports whether there is a dead-letter store.
func (p *Pipeline) keepsRejected() bool { return p.disk.store() != nil && p.set.Storage.KeepRejected }

// buried are the reasons that make a chunk a dead letter; for the others there is no room or nothing left.
func buried(why Reason) bool { return why == Rejected || why == RetryLimit || why == Poisoned }

// deadLetter keeps a chunk that an output gave up, and returns the letter's name, or "" when there is none.
func (p *Pipeline) deadLetter(o *output, d *delivery, why Reason, cause error) string {
	if !p.keepsRejected() || !buried(why) {
		return ""
	}
	c, err := p.memory.take(d.stored)
	if err != nil {
		p.notBuried(err)
		return ""
	}
	defer p.memory.done(d.stored, false)
	return p.bury(o, d, why, cause, c.Bytes(), c.Len())
}

// deadRecords keeps the records of a chunk that an output refused.
func (p *Pipeline) deadRecords(o *output, d *delivery, r *plugin.Rejection) string {
	if !p.keepsRejected() {
		return ""
	}
	c, err := p.memory.take(d.stored)
	if err != nil {
		p.notBuried(err)
		return ""
	}
	defer p.memory.done(d.stored, false)
	if d.own.chunk != nil {
		c = d.own.chunk
	}
	var content []byte
	i, n := 0, 0
	for record := range c.Records() {
		if n < len(r.Records) && r.Records[n] == i {
			content = append(content, record.Raw()...)
			n++
		}
		i++
	}
	return p.bury(o, d, Rejected, r.Err, content, n)
}

func (p *Pipeline) bury(o *output, d *delivery, why Reason, cause error, content []byte, n int) string {
	plug, _, _ := strings.Cut(o.name, ".")
	l := storage.Letter{
		Time: time.Now(), Reason: why.String(), Tag: d.tag, Input: d.in.shown(), Output: o.shown(), Alias: o.alias != "",
		Plugin: plug, Attempts: d.attempts, Records: n,
	}
	if cause != nil {
		l.Error = cause.Error()
	}
	if d.file != nil {
		l.Chunk = d.file.Name()
	}
	id, err := p.disk.store().Bury(l, d.kind, content, p.set.Storage.RejectedLimit)
	if err != nil {
		p.notBuried(err)
		return ""
	}
	return id
}

func (p *Pipeline) notBuried(err error) {
	if errors.Is(err, storage.ErrLettersFull) {
		err = fmt.Errorf("%w; raise it, or replay or drop some letters with fluent-bit dlq", err)
	}
	p.disk.buried.say(p.disk.log, slog.LevelError, "a chunk could not be kept as dead letter: "+err.Error(), 0)
}
