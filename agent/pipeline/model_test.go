package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
)

// Whatever is configured, when all is delivered nothing is charged to anybody any more, every batch was
// settled, and every record came to every output or was counted as lost.
func TestNothingIsLeftBehind(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) { leaveNothing(t, seed) })
	}
}

func leaveNothing(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	one := func(list ...string) string { return list[rng.IntN(len(list))] }
	dir := t.TempDir()
	full := rng.IntN(2) == 0
	var broken atomic.Bool // the disk
	set := func(s *Settings) {
		inDir(dir)(s)
		s.Storage.Full, s.Storage.SpillLimit, s.Storage.MaxUp, s.Storage.BacklogMemory = full, 30_000, 3, 10_000
		s.Storage.Rejected, s.Storage.KeepRejected = "rejected", seed%2 == 0
		s.Storage.fileSystem = flaky{storage.Disk(), &broken}
		s.MemoryBudget = 60_000
	}
	var inputs []string
	const each = 60
	for i := range 1 + rng.IntN(3) {
		inputs = append(inputs, fmt.Sprintf("input source tag=t%d n=%d pause=%d size=%d storage.type=%s mem_buf_limit=%s", i, each,
			rng.IntN(2), rng.IntN(3000), one("memory", "filesystem", "memrb"), one("0", "5000")))
	}
	output := func(i int) string {
		return fmt.Sprintf("output sink match=* alias=o%d mode=%s workers=%d storage.total_limit_size=%s storage.full_action=%s retry_limit=%s", i,
			one("", "late", "slow", "once", "late"), 1+rng.IntN(2), one("0", "8000"), one("block", "drop_oldest"), one("no_limits", "no_limits", "2"))
	}
	var outputs []string
	for i := range 1 + rng.IntN(3) {
		outputs = append(outputs, output(i))
	}
	if rng.IntN(3) == 0 {
		outputs = append(outputs, "filter holder match=* wait=3")
	}
	first := slices.Clone(outputs)
	if rng.IntN(3) == 0 { // a reload has to get rid of it
		first[0] = "output sink match=* alias=o0 mode=" + one("hang", "deaf", "dead")
	}
	r := mustBuild(t, set, append(inputs, first...)...)
	told := fmt.Sprint(seed, inputs, first)
	reloading(t, r, func(run *Runner) {
		for range 1 + rng.IntN(3) {
			broken.Store(rng.IntN(3) == 0)
			time.Sleep(time.Duration(rng.IntN(40_000)) * time.Millisecond)
			broken.Store(false)
			outputs[0] = output(0)
			told += fmt.Sprint(" then ", outputs[0])
			next, err := buildIn(t, r, set, append(inputs, outputs...)...)
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Reload(context.Background(), next, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		p := run.Pipeline()
		bad := func(format string, args ...any) { t.Errorf("%s: %s", told, fmt.Sprintf(format, args...)) }
		for _, in := range append(p.inputs[:len(p.inputs):len(p.inputs)], p.emitter) {
			in.gate.mu.Lock()
			if in.gate.waiting != 0 || in.gate.queued != 0 {
				bad("%s waits with %d, %d bytes", in.name, in.gate.waiting, in.gate.queued)
			}
			in.gate.mu.Unlock()
			b := &in.busy
			if b.chunks.Load() != 0 || b.bytes.Load() != 0 || b.up.Load() != 0 || b.retries.Load() != 0 {
				bad("%s is busy: %d chunks, %d bytes, %d up, %d retries", in.name, b.chunks.Load(), b.bytes.Load(), b.up.Load(), b.retries.Load())
			}
			if in.growing.chunks.Load() != 0 || in.growing.bytes.Load() != 0 {
				bad("%s grows", in.name)
			}
			if n := in.counters.Records.Load(); in != p.emitter && n != each {
				bad("%s brought %d records", in.name, n)
			}
		}
		for _, o := range p.outputs {
			o.mu.Lock()
			if len(o.ready)+len(o.waiting)+len(o.flying) != 0 || o.pending.count() != 0 || o.counters.Queued.Load() != 0 {
				bad("%s has %d, %d, %d; pending %d, %d bytes", o.shown(), len(o.ready), len(o.waiting), len(o.flying), o.pending.count(), o.counters.Queued.Load())
			}
			o.mu.Unlock()
		}
		m := p.memory
		m.mu.Lock()
		if m.used != 0 || m.usedBacklog != 0 || m.filesUp != 0 || m.spilled != 0 || m.fresh.Len() != 0 || m.aged.Len() != 0 || m.stuck || m.spill.Used() != 0 {
			bad("memory: used %d, backlog %d, up %d, spilled %d, lists %d %d, stuck %v, spill %d", m.used, m.usedBacklog, m.filesUp, m.spilled, m.fresh.Len(), m.aged.Len(), m.stuck, m.spill.Used())
		}
		m.mu.Unlock()
		if n, b := p.disk.store().Files(), p.disk.store().Bytes(); n != 0 || b != 0 || p.disk.store().Growing() != 0 {
			bad("%d files with %d bytes, %d grow", n, b, p.disk.store().Growing())
		}
		if n := p.open.Load(); n != 0 {
			bad("%d bytes are open", n)
		}
		if n := r.settled.of("delivered") + r.settled.of("given up"); n != each*len(inputs) {
			bad("%d of %d batches were settled", n, each*len(inputs))
		}
		var lost uint64
		for i := range p.lost {
			lost += p.lost[i].Load()
		}
		want := uint64(each * len(inputs))
		for _, o := range p.outputs {
			n := uint64(r.got.of("records " + o.shown()))
			if n+lost < want {
				bad("%s got %d of %d records, %d are lost", o.shown(), n, want, lost)
			}
		}
	})
}

// A run that ends while outputs are down leaves nothing out for the next one.
func TestTheNextRunHasTheRest(t *testing.T) {
	for seed := range uint64(25) {
		synctest.Test(t, func(t *testing.T) { goOn(t, seed) })
	}
}

func goOn(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 8))
	one := func(list ...string) string { return list[rng.IntN(len(list))] }
	dir := t.TempDir()
	full, flush := rng.IntN(2) == 0, rng.IntN(2) == 0
	var broken atomic.Bool
	set := func(s *Settings) {
		inDir(dir)(s)
		s.Storage.Full, s.Storage.FlushBacklog, s.Storage.SpillLimit, s.Storage.MaxUp, s.Storage.BacklogMemory = full, flush, 30_000, 3, 10_000
		s.Storage.fileSystem = flaky{storage.Disk(), &broken}
		s.MemoryBudget = 60_000
	}
	var inputs, down, up []string
	for i := range 1 + rng.IntN(3) {
		inputs = append(inputs, fmt.Sprintf("input source tag=t%d n=60 pause=%d size=%d storage.type=%s linger=%s", i,
			rng.IntN(2), rng.IntN(3000), one("memory", "filesystem"), one("0", "0", "1")))
	}
	for i := range 1 + rng.IntN(3) {
		down = append(down, fmt.Sprintf("output sink match=* alias=o%d mode=%s workers=%d retry_limit=%s", i,
			one("", "late", "dead", "hang", "deaf", "slow", "once"), 1+rng.IntN(2), one("no_limits", "2")))
		up = append(up, fmt.Sprintf("output sink match=* alias=o%d", i))
	}
	if rng.IntN(3) == 0 {
		down = append(down, "filter holder match=* wait=3")
	}
	told := fmt.Sprint(seed, inputs, down)
	r := mustBuild(t, set, append(inputs, down...)...)
	if rng.IntN(3) == 0 {
		time.AfterFunc(2*time.Second, func() { broken.Store(true) })
		time.AfterFunc(9*time.Second, func() { broken.Store(false) })
	}
	if took := r.runFor(t, time.Duration(10+rng.IntN(60))*time.Second); took > 8*time.Second {
		t.Errorf("%s: the end took %v", told, took)
	}
	var brought, lost uint64
	for _, in := range r.p.inputs {
		brought += in.counters.Records.Load()
	}
	for i := range r.p.lost {
		lost += r.p.lost[i].Load()
	}
	first := r
	time.Sleep(time.Hour) // what was deaf returns
	r = mustBuild(t, set, append(up, "input source tag=none n=0")...)
	r.runFor(t, time.Hour)
	for _, o := range r.p.outputs {
		if n := uint64(first.got.of("records "+o.alias) + r.got.of("records "+o.alias)); n+lost < brought {
			t.Errorf("%s: %s got %d of %d records, %d are lost", told, o.alias, n, brought, lost)
		}
	}
	if n := chunksIn(t, dir); n != 0 {
		t.Errorf("%s: %d files are left", told, n)
	}
}
